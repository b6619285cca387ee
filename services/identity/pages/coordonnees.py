"""One's own contact details: another address, validated from its own mailbox."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kit.errors import Refusal
from services.identity.pages.compte import done
from services.identity.pages.contexte import Contexte
from services.identity.pages.liens import routes_of_link
from services.identity.pages.personne import act, own, proof, sign_in_again
from services.identity.pages.suites import ADRESSE
from services.identity.usecases.coordonnees import (
    address_of_link,
    ask_address,
    cancel_address,
    pending_address,
    validate_address,
)
from services.identity.usecases.jetons import Connecte

_LIEN = "/adresse"


def routes(contexte: Contexte) -> list[Route]:
    """The pages of the address, and the one that the link to a new one opens."""
    return [
        Route(ADRESSE, own(contexte, ADRESSE, _page), methods=["GET"]),
        Route(ADRESSE, act(contexte, ADRESSE, _ask, _page), methods=["POST"]),
        Route(f"{ADRESSE}/annulation", act(contexte, ADRESSE, _cancel, _page), methods=["POST"]),
        *routes_of_link(contexte, _LIEN, _link_page, _validate),
    ]


async def _page(contexte: Contexte, request: Request, connecte: Connecte, refus: Refusal | None = None) -> Response:
    return contexte.rendu.page(
        "adresse",
        refus=refus,
        courriel=connecte.compte.courriel,
        attendue=await pending_address(contexte.deps, connecte.compte),
        reconnexion=sign_in_again(contexte, connecte, ADRESSE),
        preuve=proof(contexte, request),
    )


async def _ask(contexte: Contexte, connecte: Connecte, fields: dict[str, str]) -> Response:
    await ask_address(contexte.deps, connecte, fields.get("courriel", ""))
    return done("adresse-demandee")


async def _cancel(contexte: Contexte, connecte: Connecte, _fields: dict[str, str]) -> Response:
    await cancel_address(contexte.deps, connecte)
    return done("adresse-annulee")


async def _link_page(contexte: Contexte, request: Request, lien: str, *, refus: Refusal | None = None) -> Response:
    _, courriel = await address_of_link(contexte.deps, lien)
    return contexte.visit_page(request, "adresse_confirmer", refus=refus, lien=lien, courriel=courriel)


async def _validate(contexte: Contexte, request: Request, fields: dict[str, str]) -> Response:
    lien = fields.get("lien", "")
    try:
        compte = await validate_address(contexte.deps, lien)
    except Refusal as refus:
        return await _link_page(contexte, request, lien, refus=refus)
    return contexte.rendu.page("adresse_confirmee", courriel=compte.courriel)
