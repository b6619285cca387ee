"""Signing in with the identity of an employer, and the page where a person links it to its account."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kit.errors import Refusal
from services.identity.domain.employeurs import But, RetourRefuse
from services.identity.employeurs.fournisseur import Fournisseur, Secrets
from services.identity.pages.connexion import LONGEST_REQUEST, first_page, go_on, wanted
from services.identity.pages.contexte import Contexte, see
from services.identity.pages.personne import act, own, proof, sign_in_again
from services.identity.pages.proposes import TOUS, all_proposed
from services.identity.pages.suites import EMPLOYEUR
from services.identity.store.identites import DemandeEmployeur
from services.identity.usecases.employeurs import (
    ask_to_link,
    ask_to_sign_in,
    find_asked,
    find_employeur,
    identify,
    link,
    links_of,
    sign_in,
    unlink,
)
from services.identity.usecases.en_cours import find_in_progress
from services.identity.usecases.jetons import Connecte

_LONGEST_ANSWER = 8000


def routes(contexte: Contexte) -> list[Route]:
    """Leaving for an employer and coming back; and the links of one's own account."""

    async def choose(request: Request) -> Response:
        demande = _demande(request)
        return contexte.rendu.page("employeurs", employeurs=all_proposed(contexte.deps, demande), demande=demande)

    async def begin(request: Request) -> Response:
        return await _begin(contexte, request)

    async def come_back(request: Request) -> Response:
        return await _come_back(contexte, request)

    return [
        Route(TOUS, choose, methods=["GET"]),
        Route(f"{TOUS}/{{id}}", begin, methods=["GET"]),
        Route(f"{TOUS}/{{id}}/retour", come_back, methods=["GET"]),
        Route(EMPLOYEUR, own(contexte, EMPLOYEUR, _page), methods=["GET"]),
        Route(f"{EMPLOYEUR}/lien", act(contexte, EMPLOYEUR, _ask_to_link, _page), methods=["POST"]),
        Route(f"{EMPLOYEUR}/retrait", act(contexte, EMPLOYEUR, _unlink, _page), methods=["POST"]),
    ]


def _demande(request: Request) -> str:
    return request.url.query[:LONGEST_REQUEST]


async def _begin(contexte: Contexte, request: Request) -> Response:
    demande = _demande(request)
    secret = contexte.navigateur.visit(request)
    try:
        fournisseur = find_employeur(contexte.deps, request.path_params["id"])
        voulu = await wanted(contexte, request)
        adresse = await ask_to_sign_in(
            contexte.deps,
            fournisseur,
            secret,
            demande=demande,
            acr=voulu.acr,
            max_age=voulu.max_age,
            # A page of ours asks to sign in again for something sensitive: the codes that follow would make of ten
            # minutes too many.
            a_neuf=voulu.a_neuf or "suite" in request.query_params,
        )
        response = see(adresse)
    except Refusal as refus:
        return first_page(contexte, request, refus=refus, demande=demande)
    contexte.navigateur.set_connexion(response, secret)
    return response


async def _come_back(contexte: Contexte, request: Request) -> Response:
    demande = ""
    try:
        fournisseur = find_employeur(contexte.deps, request.path_params["id"])
        retour = _retour(fournisseur, request)
        connecte, visite = await contexte.signed_in(request), contexte.navigateur.connexion(request)
        asked, secrets = await find_asked(contexte.deps, fournisseur, retour, visite=visite, connecte=connecte)
        if asked.but is But.LIEN:
            return await _link(contexte, request, fournisseur, (retour, asked, secrets))
        demande = asked.demande
        identite = await identify(contexte.deps, fournisseur, retour, asked, secrets)
        appareil = contexte.navigateur.appareil(request)
        secret = await sign_in(contexte.deps, fournisseur, asked, identite, navigateur=appareil)
    except Refusal as refus:
        return first_page(contexte, request, refus=refus, demande=demande)
    response = await go_on(contexte, request, secret, await find_in_progress(contexte.deps, secret))
    # A new secret: the one that the browser had before it proved anything is worth nothing.
    contexte.navigateur.set_connexion(response, secret)
    return response


def _retour(fournisseur: Fournisseur, request: Request) -> dict[str, str]:
    """The parameters of an answer, each once.

    Raises:
        RetourRefuse: one is there twice, or they are longer than any provider's.
    """
    given = request.query_params.multi_items()
    retour = dict(given)
    if len(retour) != len(given) or len(request.url.query) > _LONGEST_ANSWER:
        raise RetourRefuse(fournisseur.nom)
    return retour


async def _link(
    contexte: Contexte,
    request: Request,
    fournisseur: Fournisseur,
    answered: tuple[dict[str, str], DemandeEmployeur, Secrets],
) -> Response:
    async def handle(contexte: Contexte, request: Request, connecte: Connecte) -> Response:
        try:
            identite = await identify(contexte.deps, fournisseur, *answered)
            await link(contexte.deps, fournisseur, identite, connecte)
        except Refusal as refus:
            return await _page(contexte, request, connecte, refus)
        return see(EMPLOYEUR)

    return await own(contexte, EMPLOYEUR, handle)(request)


async def _ask_to_link(contexte: Contexte, connecte: Connecte, fields: dict[str, str]) -> Response:
    fournisseur = find_employeur(contexte.deps, fields.get("employeur", ""))
    adresse = await ask_to_link(contexte.deps, connecte, fournisseur)
    # A page, for the policy of pages lets no form end at the employer's, nor at whatever that one leads to.
    return contexte.rendu.page("depart", nom=fournisseur.nom, adresse=adresse)


async def _unlink(contexte: Contexte, connecte: Connecte, fields: dict[str, str]) -> Response:
    await unlink(contexte.deps, connecte, fields.get("employeur", ""))
    return see(EMPLOYEUR)


async def _page(contexte: Contexte, request: Request, connecte: Connecte, refus: Refusal | None = None) -> Response:
    return contexte.rendu.page(
        "employeur",
        refus=refus,
        liens=await links_of(contexte.deps, connecte.compte),
        reconnexion=sign_in_again(contexte, connecte, EMPLOYEUR),
        preuve=proof(contexte, request),
    )
