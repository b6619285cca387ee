"""Choosing another password, at the first connection of each session of the campaign."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kit.errors import Refusal
from services.identity.domain.facteurs import Etape
from services.identity.domain.mots_de_passe import LONGUEUR_MINIMALE, MotDePasseRefuse
from services.identity.pages.connexion import go_on, step
from services.identity.pages.contexte import Contexte
from services.identity.pages.formulaires import chosen_password
from services.identity.usecases.en_cours import EnCours, find_in_progress
from services.identity.usecases.mots_de_passe import AncienMotDePasseRefuse
from services.identity.usecases.renouvellement import asks_for_old, renew_password
from services.identity.usecases.tentatives import TropDEssais

PAGE = "/connexion/mot-de-passe"


def routes(contexte: Contexte) -> list[Route]:
    """The page within a sign-in, after its factors."""
    return [
        Route(PAGE, step(contexte, _show), methods=["GET"]),
        Route(PAGE, step(contexte, _renew), methods=["POST"]),
    ]


async def _show(contexte: Contexte, request: Request, secret: str) -> Response:
    en_cours = await find_in_progress(contexte.deps, secret)
    if en_cours.etape is not Etape.MOT_DE_PASSE:
        return await go_on(contexte, request, secret, en_cours)
    return _page(contexte, secret, en_cours)


async def _renew(contexte: Contexte, request: Request, secret: str) -> Response:
    fields = await contexte.navigateur.form(request, secret)
    try:
        en_cours = await renew_password(contexte.deps, secret, chosen_password(fields), ancien=fields.get("ancien", ""))
    except (MotDePasseRefuse, AncienMotDePasseRefuse, TropDEssais) as refus:
        return _page(contexte, secret, await find_in_progress(contexte.deps, secret), refus=refus)
    return await go_on(contexte, request, secret, en_cours)


def _page(contexte: Contexte, secret: str, en_cours: EnCours, *, refus: Refusal | None = None) -> Response:
    return contexte.rendu.page(
        "renouvellement",
        refus=refus,
        courriel=en_cours.compte.courriel,
        ancien=asks_for_old(en_cours),
        longueur=LONGUEUR_MINIMALE,
        preuve=contexte.navigateur.proof(secret),
    )
