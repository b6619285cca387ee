"""Changing one's own password, by who knows it."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kit.errors import Refusal
from services.identity.domain.mots_de_passe import LONGUEUR_MINIMALE
from services.identity.pages.compte import done
from services.identity.pages.contexte import Contexte
from services.identity.pages.formulaires import chosen_password
from services.identity.pages.personne import act, own, proof, sign_in_again
from services.identity.pages.suites import MOT_DE_PASSE
from services.identity.usecases.jetons import Connecte
from services.identity.usecases.mots_de_passe import change_password


def routes(contexte: Contexte) -> list[Route]:
    """The page of the password."""
    return [
        Route(MOT_DE_PASSE, own(contexte, MOT_DE_PASSE, _page), methods=["GET"]),
        Route(MOT_DE_PASSE, act(contexte, MOT_DE_PASSE, _change, _page), methods=["POST"]),
    ]


async def _page(contexte: Contexte, request: Request, connecte: Connecte, refus: Refusal | None = None) -> Response:
    return contexte.rendu.page(
        "mot_de_passe",
        refus=refus,
        courriel=connecte.compte.courriel,
        longueur=LONGUEUR_MINIMALE,
        reconnexion=sign_in_again(contexte, connecte, MOT_DE_PASSE),
        preuve=proof(contexte, request),
    )


async def _change(contexte: Contexte, connecte: Connecte, fields: dict[str, str]) -> Response:
    await change_password(contexte.deps, connecte, fields.get("ancien", ""), chosen_password(fields))
    return done("mot-de-passe")
