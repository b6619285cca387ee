"""Recovery codes: how many are left, and new ones, shown once to be printed or put away."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kit.errors import Refusal
from services.identity.pages.contexte import Contexte
from services.identity.pages.personne import act, own, proof, sign_in_again
from services.identity.pages.suites import CODES_DE_SECOURS
from services.identity.store.secours import count_left
from services.identity.usecases.jetons import Connecte
from services.identity.usecases.secours import renew_codes


def routes(contexte: Contexte) -> list[Route]:
    """The page of the recovery codes."""
    return [
        Route(CODES_DE_SECOURS, own(contexte, CODES_DE_SECOURS, _page), methods=["GET"]),
        Route(CODES_DE_SECOURS, act(contexte, CODES_DE_SECOURS, _renew, _page), methods=["POST"]),
    ]


async def _renew(contexte: Contexte, connecte: Connecte, _fields: dict[str, str]) -> Response:
    codes = await renew_codes(contexte.deps, connecte)
    return contexte.rendu.page("codes", compte=connecte.compte, codes=codes)


async def _page(contexte: Contexte, request: Request, connecte: Connecte, refus: Refusal | None = None) -> Response:
    return contexte.rendu.page(
        "secours",
        refus=refus,
        restants=await count_left(contexte.deps.database, connecte.compte.id),
        reconnexion=sign_in_again(contexte, connecte, CODES_DE_SECOURS),
        preuve=proof(contexte, request),
    )
