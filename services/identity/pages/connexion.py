"""Signing in: the address and the password, then the codes."""

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kit.errors import Refusal
from services.identity.domain.facteurs import Etape
from services.identity.pages.autorisation import hinted_address, without_asked
from services.identity.pages.contexte import Contexte, Page, see
from services.identity.pages.navigateur import PageExpiree
from services.identity.store.secours import count_left
from services.identity.usecases.connexion import (
    ConnexionExpiree,
    EnCours,
    check_password,
    find_in_progress,
    open_session,
)
from services.identity.usecases.seconds_facteurs import REFUS, EnvoiTropRecent, send_code, show_code, show_totp
from services.identity.usecases.secours import CodeDeSecoursRefuse, show_recovery_code

_LONGEST_REQUEST = 4000
_APPLICATION = "application"
_COURRIEL = "courriel"
_SECOURS = "secours"

CODES_DE_SECOURS = "/compte/codes-de-secours"
_SUITES = {"codes-de-secours": CODES_DE_SECOURS}
"""The pages of ours that a sign-in may lead to, by the name that `/connexion?suite=` gives them: never an address."""

type Step = Callable[[Contexte, Request, str], Awaitable[Response]]


def routes(contexte: Contexte) -> list[Route]:
    """The pages of the password and of the codes."""

    async def first(request: Request) -> Response:
        return first_page(contexte, request, courriel=await hinted_address(contexte, request))

    async def password(request: Request) -> Response:
        return await _take_password(contexte, request)

    return [
        Route("/connexion", first, methods=["GET"]),
        Route("/connexion", password, methods=["POST"]),
        Route("/connexion/code", step(contexte, _show_code), methods=["GET"]),
        Route("/connexion/code", step(contexte, _take_code), methods=["POST"]),
        Route("/connexion/envoi", step(contexte, _send), methods=["POST"]),
    ]


def sign_in_for(page: str) -> str:
    """Where to sign in, to come back to one of `_SUITES`."""
    (suite,) = (name for name, path in _SUITES.items() if path == page)
    return f"/connexion?suite={suite}"


def step(contexte: Contexte, function: Step) -> Page:
    """A page of a sign-in in progress; when there is none any more, it begins again and says so."""

    async def handle(request: Request) -> Response:
        secret = contexte.navigateur.connexion(request)
        if secret is None:
            return first_page(contexte, request, refus=ConnexionExpiree())
        try:
            return await function(contexte, request, secret)
        except (ConnexionExpiree, PageExpiree) as refus:
            return first_page(contexte, request, refus=refus)

    return handle


def first_page(contexte: Contexte, request: Request, *, refus: Refusal | None = None, courriel: str = "") -> Response:
    """The address and the password."""
    demande = request.url.query if request.url.path == "/connexion" else ""
    if len(demande) > _LONGEST_REQUEST:
        return contexte.rendu.error("Adresse trop longue", "Revenez à l'application d'où vous venez, puis recommencez.")
    secret = contexte.navigateur.connexion(request) or contexte.navigateur.new_visit()
    client = contexte.serveur.query_client(request.query_params.get("client_id", ""))
    response = contexte.rendu.page(
        "connexion",
        refus=refus,
        demande=demande,
        application=client.declaration.nom if client else None,
        courriel=courriel,
        preuve=contexte.navigateur.proof(secret),
    )
    contexte.navigateur.set_connexion(response, secret)
    return response


async def _take_password(contexte: Contexte, request: Request) -> Response:
    courriel = ""
    try:
        fields = await contexte.navigateur.form(request, contexte.navigateur.connexion(request))
        courriel = fields.get("courriel", "")
        secret = await check_password(
            contexte.deps, courriel, fields.get("mot_de_passe", ""), demande=request.url.query[:_LONGEST_REQUEST]
        )
    except Refusal as refus:
        return first_page(contexte, request, refus=refus, courriel=courriel)
    response = await go_on(contexte, secret, await find_in_progress(contexte.deps, secret))
    # A new secret: the one that the browser had before it proved anything is worth nothing.
    contexte.navigateur.set_connexion(response, secret)
    return response


async def go_on(contexte: Contexte, secret: str, en_cours: EnCours) -> Response:
    """Lead to the next step of a sign-in, or out of it."""
    match en_cours.etape:
        case Etape.TERMINEE:
            return await _finish(contexte, en_cours)
        case Etape.ENROLEMENT | Etape.ENROLEMENT_PROPOSE:
            return see("/connexion/application")
        case Etape.COURRIEL:
            return await _send_and_show(contexte, secret, en_cours)
        case Etape.TOTP | Etape.TOTP_OU_COURRIEL:
            return see("/connexion/code")


async def _finish(contexte: Contexte, en_cours: EnCours) -> Response:
    ouverte = await open_session(contexte.deps, en_cours)
    response = see(_after(dict(parse_qsl(ouverte.demande))))
    contexte.navigateur.open_session(response, ouverte.secret)
    return response


def _after(demande: dict[str, str]) -> str:
    """Where a sign-in leads: to a page of ours that asked for it, back to the client's request, else home."""
    if "suite" in demande:
        return _SUITES.get(demande["suite"], "/")
    request = without_asked(demande)
    return f"/authorize?{request}" if request else "/"


async def _send_and_show(contexte: Contexte, secret: str, en_cours: EnCours) -> Response:
    try:
        await send_code(contexte.deps, secret)
    except EnvoiTropRecent:
        # The last one is as good.
        return see("/connexion/code")
    except REFUS as refus:
        return await _code_page(contexte, secret, en_cours, _COURRIEL, refus=refus)
    return see("/connexion/code")


async def _show_code(contexte: Contexte, request: Request, secret: str) -> Response:
    en_cours = await find_in_progress(contexte.deps, secret)
    if en_cours.etape in (Etape.TERMINEE, Etape.ENROLEMENT, Etape.ENROLEMENT_PROPOSE):
        return await go_on(contexte, secret, en_cours)
    return await _code_page(contexte, secret, en_cours, request.query_params.get("moyen", ""))


async def _take_code(contexte: Contexte, request: Request, secret: str) -> Response:
    fields = await contexte.navigateur.form(request, secret)
    moyen, code = fields.get("moyen", ""), fields.get("code", "")
    show = _SHOWN.get(moyen, show_totp)
    try:
        en_cours = await show(contexte.deps, secret, code)
    except (*REFUS, CodeDeSecoursRefuse) as refus:
        return await _code_page(contexte, secret, await find_in_progress(contexte.deps, secret), moyen, refus=refus)
    return await go_on(contexte, secret, en_cours)


async def _send(contexte: Contexte, request: Request, secret: str) -> Response:
    await contexte.navigateur.form(request, secret)
    try:
        await send_code(contexte.deps, secret)
    except REFUS as refus:
        en_cours = await find_in_progress(contexte.deps, secret)
        return await _code_page(contexte, secret, en_cours, _COURRIEL, refus=refus)
    return see(f"/connexion/code?moyen={_COURRIEL}")


_SHOWN = {_APPLICATION: show_totp, _COURRIEL: show_code, _SECOURS: show_recovery_code}


async def _code_page(
    contexte: Contexte, secret: str, en_cours: EnCours, moyen: str, *, refus: Refusal | None = None
) -> Response:
    choice = en_cours.etape is Etape.TOTP_OU_COURRIEL
    sent = en_cours.connexion.code is not None
    by_mail = en_cours.etape is Etape.COURRIEL or (choice and sent and moyen != _APPLICATION)
    asked = _COURRIEL if by_mail else _APPLICATION
    secours = en_cours.parcours.accepte_secours and await count_left(contexte.deps.database, en_cours.compte.id) > 0
    return contexte.rendu.page(
        "code",
        refus=refus,
        moyen=_SECOURS if moyen == _SECOURS and en_cours.parcours.accepte_secours else asked,
        autrement=_APPLICATION if en_cours.etape is not Etape.COURRIEL else _COURRIEL,
        secours=secours,
        choix=choice,
        envoye=sent,
        courriel=en_cours.compte.courriel,
        etape=len(en_cours.parcours.faits) + 1,
        etapes=en_cours.parcours.requis,
        preuve=contexte.navigateur.proof(secret),
    )
