"""Activating an account: whoever has the link chooses a password, gives a number, and goes on to sign in."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kit.errors import Refusal
from services.identity.domain.mobiles import is_mandatory
from services.identity.domain.mots_de_passe import LONGUEUR_MINIMALE
from services.identity.pages.connexion import go_on
from services.identity.pages.contexte import Contexte
from services.identity.pages.formulaires import chosen_password
from services.identity.pages.liens import routes_of_link
from services.identity.usecases.comptes import activate, owner_of_link
from services.identity.usecases.connexion import begin_activated
from services.identity.usecases.en_cours import find_in_progress


def routes(contexte: Contexte) -> list[Route]:
    """The page that an activation link opens."""
    return routes_of_link(contexte, "/activation", _page, _take)


async def _page(
    contexte: Contexte, request: Request, lien: str, *, refus: Refusal | None = None, mobile: str = ""
) -> Response:
    compte = await owner_of_link(contexte.deps, lien)
    return contexte.visit_page(
        request,
        "activation",
        refus=refus,
        lien=lien,
        courriel=compte.courriel,
        prenom=compte.prenom,
        mobile=mobile,
        mobile_obligatoire=is_mandatory(compte.roles, a_mobile=contexte.deps.a_mobile),
        longueur=LONGUEUR_MINIMALE,
    )


async def _take(contexte: Contexte, request: Request, fields: dict[str, str]) -> Response:
    lien = fields.get("lien", "")
    try:
        compte = await activate(contexte.deps, lien, chosen_password(fields), mobile=fields.get("mobile", ""))
    except Refusal as refus:
        return await _page(contexte, request, lien, refus=refus, mobile=fields.get("mobile", ""))
    secret = await begin_activated(contexte.deps, compte)
    response = await go_on(contexte, request, secret, await find_in_progress(contexte.deps, secret))
    contexte.navigateur.set_connexion(response, secret)
    return response
