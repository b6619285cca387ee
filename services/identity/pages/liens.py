"""The pages that a mailed link opens, for whoever is not signed in. Reading one changes nothing: mail scanners open
links too.
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.identity.domain.liens import LienInvalide
from services.identity.pages.contexte import Contexte
from services.identity.pages.navigateur import PageExpiree

type Lecture = Callable[[Contexte, Request, str], Awaitable[Response]]
type Envoi = Callable[[Contexte, Request, dict[str, str]], Awaitable[Response]]


def routes_of_link(contexte: Contexte, path: str, show: Lecture, take: Envoi) -> list[Route]:
    """The page that a link opens, with the secret of the link; and what its form does, with its fields.

    A link that works no more is said to, and so is a form that does not come from the page.
    """

    async def opened(request: Request) -> Response:
        try:
            return await show(contexte, request, request.query_params.get("lien", ""))
        except LienInvalide as refus:
            return _invalid(contexte, refus)

    async def sent(request: Request) -> Response:
        try:
            fields = await contexte.navigateur.form(request, contexte.navigateur.connexion(request))
            return await take(contexte, request, fields)
        except PageExpiree as refus:
            return contexte.rendu.error("Page expirée", refus.message)
        except LienInvalide as refus:
            return _invalid(contexte, refus)

    return [Route(path, opened, methods=["GET"]), Route(path, sent, methods=["POST"])]


def _invalid(contexte: Contexte, refus: LienInvalide) -> Response:
    return contexte.rendu.error("Lien non valable", refus.message, status=404)
