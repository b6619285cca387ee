"""One's own application of codes: enrolling one, or another in its place, and doing without."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kit.errors import Refusal
from services.identity.mfa import totp
from services.identity.pages.compte import done
from services.identity.pages.contexte import Contexte
from services.identity.pages.personne import act, own, proof, sign_in_again
from services.identity.pages.rendu import trusted
from services.identity.pages.suites import APPLICATION
from services.identity.store.facteurs import find_facteurs
from services.identity.usecases.applications import propose_application, remove_application, replace_application
from services.identity.usecases.jetons import Connecte


def routes(contexte: Contexte) -> list[Route]:
    """The page of the application, and doing without."""
    return [
        Route(APPLICATION, own(contexte, APPLICATION, _page), methods=["GET"]),
        Route(APPLICATION, act(contexte, APPLICATION, _replace, _page), methods=["POST"]),
        Route(f"{APPLICATION}/retrait", act(contexte, APPLICATION, _remove, _page), methods=["POST"]),
    ]


async def _page(contexte: Contexte, request: Request, connecte: Connecte, refus: Refusal | None = None) -> Response:
    facteurs = await find_facteurs(contexte.deps.database, connecte.compte.id)
    reconnexion = sign_in_again(contexte, connecte, APPLICATION)
    return contexte.rendu.page(
        "totp",
        refus=refus,
        enrolee=facteurs is not None and facteurs.totp is not None,
        proposee=None if reconnexion else await _proposed(contexte, connecte),
        reconnexion=reconnexion,
        preuve=proof(contexte, request),
    )


async def _proposed(contexte: Contexte, connecte: Connecte) -> dict[str, str]:
    secret = await propose_application(contexte.deps, connecte)
    uri = totp.uri(secret, connecte.compte.courriel)
    return {"qr": trusted(totp.qr_svg(uri)), "cle": totp.spaced(secret), "uri": uri}


async def _replace(contexte: Contexte, connecte: Connecte, fields: dict[str, str]) -> Response:
    await replace_application(contexte.deps, connecte, fields.get("code", ""))
    return done("application")


async def _remove(contexte: Contexte, connecte: Connecte, _fields: dict[str, str]) -> Response:
    await remove_application(contexte.deps, connecte)
    return done("application-retiree")
