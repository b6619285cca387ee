"""Recovery codes: how many are left, and new ones, shown once to be printed or put away."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kit.errors import Refusal
from services.identity.pages.connexion import CODES_DE_SECOURS, sign_in_for
from services.identity.pages.contexte import Contexte, see
from services.identity.pages.navigateur import PageExpiree
from services.identity.store.secours import count_left
from services.identity.usecases.jetons import Connecte
from services.identity.usecases.secours import PreuveTropAncienne, renew_codes, require_recent


def routes(contexte: Contexte) -> list[Route]:
    """The page of the recovery codes."""

    async def show(request: Request) -> Response:
        connecte = await contexte.signed_in(request)
        if connecte is None:
            return see(sign_in_for(CODES_DE_SECOURS))
        return await _page(contexte, request, connecte)

    async def renew(request: Request) -> Response:
        connecte = await contexte.signed_in(request)
        if connecte is None:
            return see(sign_in_for(CODES_DE_SECOURS))
        try:
            await contexte.navigateur.form(request, contexte.navigateur.session(request))
            codes = await renew_codes(contexte.deps, connecte)
        except (PageExpiree, PreuveTropAncienne) as refus:
            return await _page(contexte, request, connecte, refus=refus)
        return contexte.rendu.page("codes", compte=connecte.compte, codes=codes)

    return [Route(CODES_DE_SECOURS, show, methods=["GET"]), Route(CODES_DE_SECOURS, renew, methods=["POST"])]


async def _page(contexte: Contexte, request: Request, connecte: Connecte, *, refus: Refusal | None = None) -> Response:
    return contexte.rendu.page(
        "secours",
        refus=refus,
        restants=await count_left(contexte.deps.database, connecte.compte.id),
        reconnexion=None if _is_recent(contexte, connecte) else sign_in_for(CODES_DE_SECOURS),
        preuve=contexte.navigateur.proof(contexte.navigateur.session(request) or ""),
    )


def _is_recent(contexte: Contexte, connecte: Connecte) -> bool:
    try:
        require_recent(contexte.deps, connecte)
    except PreuveTropAncienne:
        return False
    return True
