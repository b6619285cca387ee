"""Passkeys: one's own, and signing in by one. The only pages with a script, which speaks to the browser's keys."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kit.errors import Refusal
from services.identity.domain.cles_d_acces import NomDeCleRefuse, TropDeCles
from services.identity.domain.facteurs import Etape, Facteur
from services.identity.pages.compte import in_paris
from services.identity.pages.connexion import LONGEST_REQUEST, first_page, go_on, other_means, step, step_number
from services.identity.pages.contexte import Contexte, see
from services.identity.pages.navigateur import PageExpiree
from services.identity.pages.personne import act, own, proof, sign_in_again
from services.identity.pages.suites import CLES
from services.identity.store.cles_d_acces import list_cles
from services.identity.usecases.cles_d_acces import (
    CleRefusee,
    ClesNonOffertes,
    add_key,
    ask_any_key,
    ask_key,
    enrol_first_key,
    propose_first_key,
    propose_key,
    remove_key,
    rename_key,
    show_key,
    show_key_alone,
)
from services.identity.usecases.en_cours import find_in_progress
from services.identity.usecases.enrolement import ENROLEMENT
from services.identity.usecases.jetons import Connecte
from services.identity.usecases.tentatives import TropDeDemandes, TropDEssais

_ETAPE = "/connexion/cle"
_PREMIERE = "/connexion/cle/nouvelle"
_SEULE = "/connexion/sans-mot-de-passe"


def routes(contexte: Contexte) -> list[Route]:
    """One's own keys; the step of a sign-in; and the sign-in that needs no password."""

    async def alone(request: Request) -> Response:
        return await _alone_page(contexte, request)

    async def take_alone(request: Request) -> Response:
        return await _take_alone(contexte, request)

    return [
        Route(CLES, own(contexte, CLES, _page), methods=["GET"]),
        Route(CLES, act(contexte, CLES, _add, _page), methods=["POST"]),
        Route(f"{CLES}/nom", act(contexte, CLES, _rename, _page), methods=["POST"]),
        Route(f"{CLES}/retrait", act(contexte, CLES, _remove, _page), methods=["POST"]),
        Route(_ETAPE, step(contexte, _show), methods=["GET"]),
        Route(_ETAPE, step(contexte, _take), methods=["POST"]),
        Route(_PREMIERE, step(contexte, _propose), methods=["GET"]),
        Route(_PREMIERE, step(contexte, _enrol), methods=["POST"]),
        Route(_SEULE, alone, methods=["GET"]),
        Route(_SEULE, take_alone, methods=["POST"]),
    ]


async def _page(contexte: Contexte, request: Request, connecte: Connecte, refus: Refusal | None = None) -> Response:
    reconnexion = sign_in_again(contexte, connecte, CLES)
    offered = contexte.deps.site is not None and reconnexion is None
    return contexte.rendu.page(
        "cles",
        refus=refus,
        script=offered,
        cles=[
            {"id": cle.id, "nom": cle.nom, "creee": in_paris(cle.cree_le), "servie": in_paris(cle.servie_le)}
            for cle in await list_cles(contexte.deps.database, connecte.compte.id)
        ],
        offertes=contexte.deps.site is not None,
        demande=await propose_key(contexte.deps, connecte) if offered else None,
        reconnexion=reconnexion,
        preuve=proof(contexte, request),
    )


async def _add(contexte: Contexte, connecte: Connecte, fields: dict[str, str]) -> Response:
    await add_key(contexte.deps, connecte, fields.get("cle", ""), fields.get("nom", ""))
    return see(CLES)


async def _rename(contexte: Contexte, connecte: Connecte, fields: dict[str, str]) -> Response:
    await rename_key(contexte.deps, connecte, fields.get("id", ""), fields.get("nom", ""))
    return see(CLES)


async def _remove(contexte: Contexte, connecte: Connecte, fields: dict[str, str]) -> Response:
    await remove_key(contexte.deps, connecte, fields.get("id", ""))
    return see(CLES)


async def _show(contexte: Contexte, request: Request, secret: str) -> Response:
    en_cours = await find_in_progress(contexte.deps, secret)
    if en_cours.etape is not Etape.MOYEN or Facteur.CLE not in en_cours.parcours.moyens:
        return await go_on(contexte, request, secret, en_cours)
    return await _step_page(contexte, secret)


async def _step_page(contexte: Contexte, secret: str, *, refus: Refusal | None = None) -> Response:
    en_cours, asked = await ask_key(contexte.deps, secret)
    return contexte.rendu.page(
        "cle",
        refus=refus,
        script=True,
        demande=asked,
        autres=other_means(en_cours, Facteur.CLE),
        etape=step_number(en_cours),
        etapes=en_cours.parcours.requis,
        preuve=contexte.navigateur.proof(secret),
    )


async def _take(contexte: Contexte, request: Request, secret: str) -> Response:
    fields = await contexte.navigateur.form(request, secret)
    try:
        en_cours = await show_key(contexte.deps, secret, fields.get("cle", ""))
    except (CleRefusee, TropDEssais) as refus:
        return await _step_page(contexte, secret, refus=refus)
    return await go_on(contexte, request, secret, en_cours)


async def _propose(contexte: Contexte, request: Request, secret: str) -> Response:
    en_cours = await find_in_progress(contexte.deps, secret)
    if en_cours.etape not in ENROLEMENT:
        return await go_on(contexte, request, secret, en_cours)
    return await _first_page(contexte, secret)


async def _enrol(contexte: Contexte, request: Request, secret: str) -> Response:
    fields = await contexte.navigateur.form(request, secret)
    try:
        en_cours = await enrol_first_key(contexte.deps, secret, fields.get("cle", ""), fields.get("nom", ""))
    except (CleRefusee, NomDeCleRefuse, TropDeCles) as refus:
        return await _first_page(contexte, secret, refus=refus)
    return await go_on(contexte, request, secret, en_cours)


async def _first_page(contexte: Contexte, secret: str, *, refus: Refusal | None = None) -> Response:
    try:
        en_cours, asked = await propose_first_key(contexte.deps, secret)
    except ClesNonOffertes as missing:
        return contexte.rendu.error("Clés d'accès", missing.message, status=404)
    return contexte.rendu.page(
        "cle_nouvelle",
        refus=refus,
        script=True,
        demande=asked,
        etape=step_number(en_cours),
        etapes=en_cours.parcours.requis,
        facultatif=en_cours.etape is Etape.ENROLEMENT_PROPOSE,
        preuve=contexte.navigateur.proof(secret),
    )


async def _alone_page(contexte: Contexte, request: Request, *, refus: Refusal | None = None) -> Response:
    secret = contexte.navigateur.visit(request)
    demande = request.url.query
    if len(demande) > LONGEST_REQUEST:
        return contexte.rendu.error("Adresse trop longue", "Revenez à l'application d'où vous venez, puis recommencez.")
    try:
        asked = await ask_any_key(contexte.deps, secret)
    except ClesNonOffertes as missing:
        return contexte.rendu.error("Clés d'accès", missing.message, status=404)
    except TropDeDemandes as trop:
        return first_page(contexte, request, refus=trop, demande=demande)
    return contexte.visit_page(
        request, "cle_seule", visite=secret, refus=refus, script=True, demande=demande, options=asked
    )


async def _take_alone(contexte: Contexte, request: Request) -> Response:
    visite = contexte.navigateur.connexion(request)
    try:
        fields = await contexte.navigateur.form(request, visite)
        secret = await show_key_alone(
            contexte.deps, visite or "", fields.get("cle", ""), demande=request.url.query[:LONGEST_REQUEST]
        )
    except (PageExpiree, CleRefusee) as refus:
        return await _alone_page(contexte, request, refus=refus)
    en_cours = await find_in_progress(contexte.deps, secret)
    response = await go_on(contexte, request, secret, en_cours)
    if en_cours.etape is not Etape.TERMINEE:
        contexte.navigateur.set_connexion(response, secret)
    return response
