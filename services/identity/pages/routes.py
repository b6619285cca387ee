"""All the pages."""

from collections.abc import Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
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
from services.identity.pages.contexte import Contexte, Page
from services.identity.pages.navigateur import Navigateur
from services.identity.pages.rendu import Rendu

_log = get_logger(__name__)


def routes(serveur: Serveur, clients: Clients, *, secure: bool) -> Sequence[Route]:
    """The routes of the pages; `secure` where browsers reach us over TLS."""
    rendu = Rendu(form_ends=origins(clients), secure=secure)
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
    return [
        Route(route.path, _explained(rendu, route.endpoint), methods=list(route.methods or ()))
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
