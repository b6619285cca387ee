"""A forgotten password: asking for a link, and choosing another by it."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kit.errors import Refusal
from services.identity.domain.mots_de_passe import LONGUEUR_MINIMALE
from services.identity.pages.contexte import Contexte
from services.identity.pages.formulaires import chosen_password
from services.identity.pages.liens import routes_of_link
from services.identity.usecases.mots_de_passe import ask_link, owner_of_password_link, reset_password


def routes(contexte: Contexte) -> list[Route]:
    """The page that asks for an address, and the one that the link opens."""

    async def ask(request: Request) -> Response:
        return _ask_page(contexte, request)

    async def send(request: Request) -> Response:
        return await _send(contexte, request)

    return [
        Route("/mot-de-passe-oublie", ask, methods=["GET"]),
        Route("/mot-de-passe-oublie", send, methods=["POST"]),
        *routes_of_link(contexte, "/mot-de-passe", _choose_page, _choose),
    ]


def _ask_page(contexte: Contexte, request: Request, *, refus: Refusal | None = None, courriel: str = "") -> Response:
    return contexte.visit_page(request, "oubli", refus=refus, courriel=courriel)


async def _send(contexte: Contexte, request: Request) -> Response:
    courriel = ""
    try:
        fields = await contexte.navigateur.form(request, contexte.navigateur.connexion(request))
        courriel = fields.get("courriel", "")
        await ask_link(contexte.deps, courriel)
    except Refusal as refus:
        return _ask_page(contexte, request, refus=refus, courriel=courriel)
    return contexte.rendu.page("oubli_envoye", courriel=courriel)


async def _choose_page(contexte: Contexte, request: Request, lien: str, *, refus: Refusal | None = None) -> Response:
    compte = await owner_of_password_link(contexte.deps, lien)
    return contexte.visit_page(
        request, "nouveau_mot_de_passe", refus=refus, lien=lien, courriel=compte.courriel, longueur=LONGUEUR_MINIMALE
    )


async def _choose(contexte: Contexte, request: Request, fields: dict[str, str]) -> Response:
    lien = fields.get("lien", "")
    try:
        compte = await reset_password(contexte.deps, lien, chosen_password(fields))
    except Refusal as refus:
        return await _choose_page(contexte, request, lien, refus=refus)
    return contexte.rendu.page("mot_de_passe_change", courriel=compte.courriel)
