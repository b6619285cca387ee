"""Giving one's mobile number within a sign-in, where one's roles ask for it, and proving it; or putting that off."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kit.errors import Refusal
from services.identity.domain.facteurs import Etape, Facteur
from services.identity.domain.mobiles import MobileRefuse
from services.identity.pages.connexion import go_on, step
from services.identity.pages.contexte import Contexte, see
from services.identity.usecases.en_cours import EnCours, decline_mobile, find_in_progress
from services.identity.usecases.seconds_facteurs import REFUS, give_mobile, prove_mobile, send_mobile_code
from services.identity.usecases.tentatives import TropDeDemandes
from socle.telephones import mask_mobile

PAGE = "/connexion/mobile"
_NUMERO = "/connexion/numero"


def routes(contexte: Contexte) -> list[Route]:
    """The page of the number; that of the code, sending one, and putting it off."""
    return [
        Route(_NUMERO, step(contexte, _ask), methods=["GET"]),
        Route(_NUMERO, step(contexte, _give), methods=["POST"]),
        Route(PAGE, step(contexte, _show), methods=["GET"]),
        Route(PAGE, step(contexte, _prove), methods=["POST"]),
        Route(f"{PAGE}/envoi", step(contexte, _send), methods=["POST"]),
        Route(f"{PAGE}/plus-tard", step(contexte, _put_off), methods=["POST"]),
    ]


async def _ask(contexte: Contexte, request: Request, secret: str) -> Response:
    en_cours = await find_in_progress(contexte.deps, secret)
    if en_cours.etape not in (Etape.NUMERO, Etape.MOBILE) or not en_cours.parcours.mobile_exige:
        return await go_on(contexte, request, secret, en_cours)
    return _number_page(contexte, secret, en_cours)


async def _give(contexte: Contexte, request: Request, secret: str) -> Response:
    fields = await contexte.navigateur.form(request, secret)
    try:
        en_cours = await give_mobile(contexte.deps, secret, fields.get("mobile", ""))
    except (MobileRefuse, TropDeDemandes) as refus:
        en_cours = await find_in_progress(contexte.deps, secret)
        return _number_page(contexte, secret, en_cours, refus=refus, mobile=fields.get("mobile", ""))
    return await go_on(contexte, request, secret, en_cours)


def _number_page(
    contexte: Contexte, secret: str, en_cours: EnCours, *, refus: Refusal | None = None, mobile: str = ""
) -> Response:
    return contexte.rendu.page(
        "numero_demande",
        refus=refus,
        mobile=mobile,
        prouve=contexte.deps.sms,
        autre=en_cours.etape is Etape.MOBILE,
        preuve=contexte.navigateur.proof(secret),
    )


async def _show(contexte: Contexte, request: Request, secret: str) -> Response:
    en_cours = await find_in_progress(contexte.deps, secret)
    if en_cours.etape is not Etape.MOBILE:
        return await go_on(contexte, request, secret, en_cours)
    return _page(contexte, secret, en_cours)


async def _send(contexte: Contexte, request: Request, secret: str) -> Response:
    await contexte.navigateur.form(request, secret)
    try:
        await send_mobile_code(contexte.deps, secret)
    except REFUS as refus:
        return _page(contexte, secret, await find_in_progress(contexte.deps, secret), refus=refus)
    return see(PAGE)


async def _prove(contexte: Contexte, request: Request, secret: str) -> Response:
    fields = await contexte.navigateur.form(request, secret)
    try:
        en_cours = await prove_mobile(contexte.deps, secret, fields.get("code", ""))
    except REFUS as refus:
        return _page(contexte, secret, await find_in_progress(contexte.deps, secret), refus=refus)
    return await go_on(contexte, request, secret, en_cours)


async def _put_off(contexte: Contexte, request: Request, secret: str) -> Response:
    await contexte.navigateur.form(request, secret)
    return await go_on(contexte, request, secret, await decline_mobile(contexte.deps, secret))


def _page(contexte: Contexte, secret: str, en_cours: EnCours, *, refus: Refusal | None = None) -> Response:
    return contexte.rendu.page(
        "numero",
        refus=refus,
        mobile=mask_mobile(en_cours.compte.mobile or ""),
        exige=en_cours.parcours.mobile_exige,
        envoye=Facteur.SMS in en_cours.connexion.codes,
        preuve=contexte.navigateur.proof(secret),
    )
