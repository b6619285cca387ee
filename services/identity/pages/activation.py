"""Activating an account: whoever has the link chooses a password."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kit.errors import Refusal
from services.identity.domain.liens import LienInvalide
from services.identity.domain.mots_de_passe import LONGUEUR_MINIMALE, MotDePasseRefuse
from services.identity.pages.contexte import Contexte
from services.identity.pages.navigateur import PageExpiree
from services.identity.usecases.comptes import activate, owner_of_link


def routes(contexte: Contexte) -> list[Route]:
    """The page that an activation link opens. Reading it changes nothing: mail scanners open links too."""

    async def show(request: Request) -> Response:
        return await _page(contexte, request, request.query_params.get("lien", ""))

    async def take(request: Request) -> Response:
        return await _take(contexte, request)

    return [
        Route("/activation", show, methods=["GET"]),
        Route("/activation", take, methods=["POST"]),
    ]


async def _page(contexte: Contexte, request: Request, lien: str, *, refus: Refusal | None = None) -> Response:
    try:
        compte = await owner_of_link(contexte.deps, lien)
    except LienInvalide as invalid:
        return contexte.rendu.error("Lien non valable", invalid.message, status=404)
    secret = contexte.navigateur.connexion(request) or contexte.navigateur.new_visit()
    response = contexte.rendu.page(
        "activation",
        refus=refus,
        lien=lien,
        courriel=compte.courriel,
        prenom=compte.prenom,
        longueur=LONGUEUR_MINIMALE,
        preuve=contexte.navigateur.proof(secret),
    )
    contexte.navigateur.set_connexion(response, secret)
    return response


async def _take(contexte: Contexte, request: Request) -> Response:
    try:
        fields = await contexte.navigateur.form(request, contexte.navigateur.connexion(request))
    except PageExpiree as refus:
        return contexte.rendu.error("Page expirée", refus.message)
    lien, chosen = fields.get("lien", ""), fields.get("mot_de_passe", "")
    try:
        if chosen != fields.get("confirmation", ""):
            raise MotDePasseRefuse(
                "Les deux mots de passe diffèrent : saisissez deux fois le même.", champ="confirmation"
            )
        compte = await activate(contexte.deps, lien, chosen)
    except Refusal as refus:
        return await _page(contexte, request, lien, refus=refus)
    return contexte.rendu.page("active", courriel=compte.courriel)
