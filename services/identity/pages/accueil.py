"""The pages beside signing in: who is signed in, signing out, what protects an account; and their style."""

from authlib.oauth2 import OAuth2Error
from authlib.oidc.rpinitiated import EndSessionRequest
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from services.identity.authlib_starlette import StarletteOAuth2Request
from services.identity.oidc.serveur import Deconnexion
from services.identity.pages.contexte import Contexte
from services.identity.pages.navigateur import PageExpiree
from services.identity.pages.rendu import file
from services.identity.store.secours import count_left
from services.identity.usecases.jetons import Connecte, end_session


def routes(contexte: Contexte) -> list[Route]:
    """The pages, and the style sheet."""

    async def home(request: Request) -> Response:
        return await _home(contexte, request)

    async def logout(request: Request) -> Response:
        return await _logout(contexte, request)

    async def security(_request: Request) -> Response:
        return contexte.rendu.page("securite")

    async def static(request: Request) -> Response:
        return file(request.url.path[1:])

    return [
        Route("/", home, methods=["GET"]),
        Route("/logout", logout, methods=["GET", "POST"]),
        Route("/securite", security, methods=["GET"]),
        Route("/style.css", static, methods=["GET"]),
        Route("/cles.js", static, methods=["GET"]),
        Route("/favicon.svg", static, methods=["GET"]),
    ]


async def _home(contexte: Contexte, request: Request) -> Response:
    connecte, secret = await contexte.signed_in(request), contexte.navigateur.session(request)
    if connecte is None or secret is None:
        return contexte.rendu.page("accueil", compte=None)
    left = await count_left(contexte.deps.database, connecte.compte.id)
    return contexte.rendu.page(
        "accueil", compte=connecte.compte, secours=left, preuve=contexte.navigateur.proof(secret)
    )


async def _logout(contexte: Contexte, request: Request) -> Response:
    """RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0), and the button of our own page."""
    secret, connecte = contexte.navigateur.session(request), await contexte.signed_in(request)
    try:
        asked = await _validated(contexte, request)
    except OAuth2Error:
        return contexte.rendu.error(
            "Demande de déconnexion refusée",
            "L'application a fait une demande que nous ne pouvons pas accepter : déconnectez-vous depuis cette page.",
        )
    if connecte is None or secret is None:
        return _signed_out(contexte, asked)
    if not _is_hinted(asked, connecte) and not await _is_confirmed(contexte, request, secret):
        proof = contexte.navigateur.proof(secret)
        return contexte.rendu.page("deconnexion", demande=request.url.query, preuve=proof)
    await end_session(contexte.deps, connecte)
    response = _signed_out(contexte, asked)
    contexte.navigateur.close_session(response)
    return response


async def _is_confirmed(contexte: Contexte, request: Request, secret: str) -> bool:
    """Whether the person pressed the button of a page of ours."""
    try:
        await contexte.navigateur.form(request, secret)
    except PageExpiree:
        return False
    return True


async def _validated(contexte: Contexte, request: Request) -> EndSessionRequest:
    asked = await StarletteOAuth2Request.read(request, base_url=contexte.serveur.base_url)
    return Deconnexion(contexte.serveur).validate_request(asked)


def _is_hinted(asked: EndSessionRequest, connecte: Connecte) -> bool:
    """Whether the client shows an ID token of this very person: it need not be asked again."""
    return (asked.id_token_claims or {}).get("sub") == connecte.compte.id


def _signed_out(contexte: Contexte, asked: EndSessionRequest) -> Response:
    if asked.redirect_uri:
        return RedirectResponse(asked.redirect_uri, status_code=303)
    return contexte.rendu.page("accueil", compte=None, deconnecte=True)
