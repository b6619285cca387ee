"""Unlocking an account by the link that its owner was mailed."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.identity.pages.contexte import Contexte
from services.identity.pages.liens import routes_of_link
from services.identity.usecases.verrous import PAGE, owner_of_unlock_link, unlock_by_link


def routes(contexte: Contexte) -> list[Route]:
    """The page that the link opens."""
    return routes_of_link(contexte, PAGE, _show, _unlock)


async def _show(contexte: Contexte, request: Request, lien: str) -> Response:
    compte = await owner_of_unlock_link(contexte.deps, lien)
    return contexte.visit_page(request, "deblocage", fait=False, lien=lien, courriel=compte.courriel)


async def _unlock(contexte: Contexte, _request: Request, fields: dict[str, str]) -> Response:
    await unlock_by_link(contexte.deps, fields.get("lien", ""))
    return contexte.rendu.page("deblocage", fait=True)
