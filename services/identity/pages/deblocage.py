"""Unlocking an account by the link that its owner was mailed."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.identity.domain.liens import LienInvalide
from services.identity.pages.contexte import Contexte
from services.identity.pages.navigateur import PageExpiree
from services.identity.usecases.verrous import PAGE, owner_of_unlock_link, unlock_by_link


def routes(contexte: Contexte) -> list[Route]:
    """The page that the link opens. Reading it changes nothing: mail scanners open links too."""

    async def show(request: Request) -> Response:
        return await _show(contexte, request)

    async def unlock(request: Request) -> Response:
        return await _unlock(contexte, request)

    return [Route(PAGE, show, methods=["GET"]), Route(PAGE, unlock, methods=["POST"])]


async def _show(contexte: Contexte, request: Request) -> Response:
    lien = request.query_params.get("lien", "")
    try:
        compte = await owner_of_unlock_link(contexte.deps, lien)
    except LienInvalide as refus:
        return contexte.rendu.error("Lien non valable", refus.message, status=404)
    return contexte.visit_page(request, "deblocage", fait=False, lien=lien, courriel=compte.courriel)


async def _unlock(contexte: Contexte, request: Request) -> Response:
    try:
        fields = await contexte.navigateur.form(request, contexte.navigateur.connexion(request))
        await unlock_by_link(contexte.deps, fields.get("lien", ""))
    except PageExpiree as refus:
        return contexte.rendu.error("Page expirée", refus.message)
    except LienInvalide as refus:
        return contexte.rendu.error("Lien non valable", refus.message, status=404)
    return contexte.rendu.page("deblocage", fait=True)
