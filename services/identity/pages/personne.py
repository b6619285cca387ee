"""The pages of a person signed in: who is not, signs in and comes back."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from kit.errors import Refusal
from services.identity.pages.contexte import Contexte, Page, see
from services.identity.pages.suites import sign_in_for
from services.identity.usecases.jetons import Connecte
from services.identity.usecases.recence import is_recent

type Propre = Callable[[Contexte, Request, Connecte], Awaitable[Response]]
type Acte = Callable[[Contexte, Connecte, dict[str, str]], Awaitable[Response]]
type Refus = Callable[[Contexte, Request, Connecte, Refusal], Awaitable[Response]]


def own(contexte: Contexte, suite: str, page: Propre) -> Page:
    """A page of whoever is signed in; `suite` is where one comes back to after signing in."""

    async def handle(request: Request) -> Response:
        connecte = await contexte.signed_in(request)
        if connecte is None:
            return see(sign_in_for(suite))
        return await page(contexte, request, connecte)

    return handle


def act(contexte: Contexte, suite: str, do: Acte, refused: Refus) -> Page:
    """What a form of such a page does; the page that says what is refused, where it is."""

    async def handle(contexte: Contexte, request: Request, connecte: Connecte) -> Response:
        try:
            fields = await contexte.navigateur.form(request, contexte.navigateur.session(request))
            return await do(contexte, connecte, fields)
        except Refusal as refus:
            return await refused(contexte, request, connecte, refus)

    return own(contexte, suite, handle)


def proof(contexte: Contexte, request: Request) -> str:
    """What a form of such a page carries."""
    return contexte.navigateur.proof(contexte.navigateur.session(request) or "")


def sign_in_again(contexte: Contexte, connecte: Connecte, suite: str) -> str | None:
    """Where to prove oneself again before what the page changes; None where that was done a moment ago."""
    return None if is_recent(contexte.deps, connecte) else sign_in_for(suite)
