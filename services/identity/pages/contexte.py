"""What every page works with."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from kit.errors import Refusal
from services.identity.condensats import condensat
from services.identity.deps import Deps
from services.identity.oidc.serveur import Serveur
from services.identity.pages.navigateur import Navigateur
from services.identity.pages.rendu import Rendu
from services.identity.usecases.jetons import Connecte, find_signed_in

type Page = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Contexte:
    """The use cases, the browser, the templates, and the provider that pages lead back to."""

    deps: Deps
    navigateur: Navigateur
    rendu: Rendu
    serveur: Serveur

    async def signed_in(self, request: Request) -> Connecte | None:
        """Who is signed in, in this browser."""
        secret, navigateur = self.navigateur.session(request), self.navigateur.appareil(request)
        return None if secret is None else await find_signed_in(self.deps, condensat(secret), navigateur=navigateur)

    def visit_page(
        self, request: Request, gabarit: str, *, visite: str | None = None, refus: Refusal | None = None, **context: Any
    ) -> Response:
        """The page of a template whose form is for whoever is not signed in: it proves that it comes from this visit.

        `visite` is the visit's secret, where something was done under it already.
        """
        secret = visite or self.navigateur.visit(request)
        response = self.rendu.page(gabarit, refus=refus, preuve=self.navigateur.proof(secret), **context)
        self.navigateur.set_connexion(response, secret)
        return response


def see(path: str) -> Response:
    """Send the browser to another page, as GET."""
    return RedirectResponse(path, status_code=303)
