"""All the pages."""

from collections.abc import Callable, Sequence
from functools import partial
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from kit.errors import Unavailable
from kit.logs import get_logger
from kit.mongo.connection import is_away
from services.identity.oidc.clients import Clients, origins
from services.identity.oidc.serveur import Serveur
from services.identity.pages import (
    accueil,
    activation,
    application,
    autorisation,
    cles_d_acces,
    compte,
    connexion,
    coordonnees,
    deblocage,
    employeur,
    mobile,
    mot_de_passe,
    numero,
    oubli,
    renouvellement,
    secours,
    totp,
)
from services.identity.pages.contexte import Contexte, Page, see
from services.identity.pages.navigateur import Navigateur
from services.identity.pages.rendu import Rendu

_log = get_logger(__name__)


def open_rendu(clients: Clients, *, secure: bool) -> Rendu:
    """What makes the pages, from which people go back to these clients; `secure` where browsers reach us over TLS."""
    return Rendu(form_ends=origins(clients), secure=secure)


def routes(serveur: Serveur, rendu: Rendu, *, secure: bool) -> Sequence[Route]:
    """The routes of the pages; `secure` where browsers reach us over TLS."""
    contexte = Contexte(
        deps=serveur.deps,
        navigateur=Navigateur(
            serveur.deps.trousseau, origin=serveur.issuer, secure=secure, appareil_connu=serveur.deps.appareil_connu
        ),
        rendu=rendu,
        serveur=serveur,
    )
    pages = (
        autorisation,
        connexion,
        application,
        renouvellement,
        numero,
        activation,
        oubli,
        deblocage,
        compte,
        coordonnees,
        mobile,
        mot_de_passe,
        totp,
        cles_d_acces,
        secours,
        employeur,
        accueil,
    )
    # Without TLS we are on somebody's own machine, which has several names.
    at_home = _without_detour if secure else partial(_at_home, serveur.issuer)
    return [
        Route(route.path, _explained(rendu, at_home(route.endpoint)), methods=list(route.methods or ()))
        for page in pages
        for route in page.routes(contexte)
    ]


def _explained(rendu: Rendu, page: Page) -> Page:
    """The page; or, when something fails, one that says so in words."""

    async def handle(request: Request) -> Response:
        try:
            return await page(request)
        except HTTPException:
            raise
        except Exception as error:  # noqa: BLE001 - logged where it is a bug, and said to the person
            if isinstance(error, Unavailable) or is_away(error):
                return rendu.error("Service momentanément indisponible", Unavailable().message, status=503)
            _log.exception("page_failed", exc_info=error)
            text = "Une erreur s'est produite de notre côté : réessayez dans un instant."
            return rendu.error("Erreur", text, status=500)

    return handle


def _without_detour(page: Page) -> Page:
    return page


def _at_home(issuer: str, page: Page) -> Page:
    """The page; or, where it is asked for by another name of this machine, the way to the one by which cookies, forms
    and passkeys are ours.
    """

    async def handle(request: Request) -> Response:
        if request.method == "GET" and request.url.hostname != urlsplit(issuer).hostname:
            query = f"?{request.url.query}" if request.url.query else ""
            return see(f"{issuer}{request.url.path}{query}")
        return await page(request)

    return handle


_NOWHERE = (
    "Page introuvable",
    "Cette page n'existe pas, ou plus : reprenez depuis la page de connexion, ou depuis le lien que vous avez reçu.",
)
_SAID = {
    400: ("Formulaire illisible", "Ce formulaire ne peut pas être lu : revenez à la page, puis recommencez."),
    404: _NOWHERE,
    405: _NOWHERE,
}


def explain(rendu: Rendu) -> Callable[[Request, Exception], Response]:
    """What is answered where there is no page, or to a form that is none: a page that says so, to a browser."""

    def handle(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - it is what this is called for
        said = _SAID.get(error.status_code)
        if said is None or "text/html" not in request.headers.get("accept", ""):
            return PlainTextResponse(error.detail, status_code=error.status_code, headers=error.headers)
        response = rendu.error(*said, status=error.status_code)
        response.headers.update(error.headers or {})
        return response

    return handle
