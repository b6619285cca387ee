"""All the pages."""

from collections.abc import Sequence

from starlette.routing import Route

from services.identity.oidc.clients import Clients, origins
from services.identity.oidc.serveur import Serveur
from services.identity.pages import accueil, activation, application, autorisation, connexion
from services.identity.pages.contexte import Contexte
from services.identity.pages.navigateur import Navigateur
from services.identity.pages.rendu import Rendu


def routes(serveur: Serveur, clients: Clients, *, secure: bool) -> Sequence[Route]:
    """The routes of the pages; `secure` where browsers reach us over TLS."""
    contexte = Contexte(
        deps=serveur.deps,
        navigateur=Navigateur(serveur.deps.trousseau, origin=serveur.issuer, secure=secure),
        rendu=Rendu(form_ends=origins(clients), secure=secure),
        serveur=serveur,
    )
    return [
        *autorisation.routes(contexte),
        *connexion.routes(contexte),
        *application.routes(contexte),
        *activation.routes(contexte),
        *accueil.routes(contexte),
    ]
