"""Enrolling the application that shows codes (TOTP)."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kit.errors import Refusal
from services.identity.domain.facteurs import Etape
from services.identity.mfa import totp
from services.identity.pages.connexion import go_on, step, step_number
from services.identity.pages.contexte import Contexte
from services.identity.pages.rendu import trusted
from services.identity.usecases.en_cours import decline_enrolment, find_in_progress
from services.identity.usecases.enrolement import enrol_totp, propose_totp
from services.identity.usecases.seconds_facteurs import REFUS


def routes(contexte: Contexte) -> list[Route]:
    """The page of the enrolment, and putting it off."""
    return [
        Route("/connexion/application", step(contexte, _show), methods=["GET"]),
        Route("/connexion/application", step(contexte, _enrol), methods=["POST"]),
        Route("/connexion/application/plus-tard", step(contexte, _put_off), methods=["POST"]),
    ]


async def _show(contexte: Contexte, request: Request, secret: str) -> Response:
    en_cours = await find_in_progress(contexte.deps, secret)
    if en_cours.etape not in (Etape.ENROLEMENT, Etape.ENROLEMENT_PROPOSE):
        return await go_on(contexte, request, secret, en_cours)
    return await _page(contexte, secret)


async def _enrol(contexte: Contexte, request: Request, secret: str) -> Response:
    fields = await contexte.navigateur.form(request, secret)
    try:
        en_cours = await enrol_totp(contexte.deps, secret, fields.get("code", ""))
    except REFUS as refus:
        return await _page(contexte, secret, refus=refus)
    return await go_on(contexte, request, secret, en_cours)


async def _put_off(contexte: Contexte, request: Request, secret: str) -> Response:
    await contexte.navigateur.form(request, secret)
    return await go_on(contexte, request, secret, await decline_enrolment(contexte.deps, secret))


async def _page(contexte: Contexte, secret: str, *, refus: Refusal | None = None) -> Response:
    en_cours, proposed = await propose_totp(contexte.deps, secret)
    uri = totp.uri(proposed, en_cours.compte.courriel)
    return contexte.rendu.page(
        "application",
        refus=refus,
        qr=trusted(totp.qr_svg(uri)),
        cle=totp.spaced(proposed),
        uri=uri,
        etape=step_number(en_cours),
        etapes=en_cours.parcours.requis,
        cles=contexte.deps.site is not None,
        facultatif=en_cours.etape is Etape.ENROLEMENT_PROPOSE,
        preuve=contexte.navigateur.proof(secret),
    )
