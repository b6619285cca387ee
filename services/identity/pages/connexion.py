"""Signing in: the address and the password, then the codes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kit.errors import Refusal
from services.identity.domain.facteurs import Etape, Facteur
from services.identity.pages.autorisation import Voulu, read_wanted, without_asked
from services.identity.pages.contexte import Contexte, Page, see
from services.identity.pages.navigateur import PageExpiree
from services.identity.pages.proposes import proposed
from services.identity.pages.suites import page_of
from services.identity.usecases.connexion import check_password, complete, shown_before
from services.identity.usecases.en_cours import ConnexionExpiree, EnCours, find_in_progress
from services.identity.usecases.ouverture import open_session
from services.identity.usecases.seconds_facteurs import REFUS, EnvoiTropRecent, send_code, show_code, show_totp
from services.identity.usecases.secours import CodeDeSecoursRefuse, show_recovery_code
from socle.principal import ACR_SENSIBLE
from socle.telephones import mask_mobile

LONGEST_REQUEST = 4000
_CLE = "/connexion/cle"
_NOMS = {
    Facteur.TOTP: "application",
    Facteur.COURRIEL: "courriel",
    Facteur.SMS: "sms",
    Facteur.SECOURS: "secours",
}
"""The means that are a code, by the name that forms and addresses give them."""
_MOYENS = {nom: moyen for moyen, nom in _NOMS.items()}
_ENVOYES = frozenset({Facteur.COURRIEL, Facteur.SMS})

type Step = Callable[[Contexte, Request, str], Awaitable[Response]]


def routes(contexte: Contexte) -> list[Route]:
    """The pages of the password and of the codes."""

    async def first(request: Request) -> Response:
        return await _begin(contexte, request)

    async def confirm(request: Request) -> Response:
        return await _confirm(contexte, request)

    async def password(request: Request) -> Response:
        return await _take_password(contexte, request)

    return [
        Route("/connexion", first, methods=["GET"]),
        Route("/connexion", password, methods=["POST"]),
        Route("/connexion/confirmation", confirm, methods=["POST"]),
        Route("/connexion/code", step(contexte, _show_code), methods=["GET"]),
        Route("/connexion/code", step(contexte, _take_code), methods=["POST"]),
        Route("/connexion/envoi", step(contexte, _send), methods=["POST"]),
    ]


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


def first_page(
    contexte: Contexte, request: Request, *, refus: Refusal | None = None, courriel: str = "", demande: str = ""
) -> Response:
    """The address and the password."""
    if request.url.path == "/connexion":
        demande = request.url.query
    if len(demande) > LONGEST_REQUEST:
        return contexte.rendu.error("Adresse trop longue", "Revenez à l'application d'où vous venez, puis recommencez.")
    client = contexte.serveur.query_client(request.query_params.get("client_id", ""))
    return contexte.visit_page(
        request,
        "connexion",
        refus=refus,
        demande=demande,
        application=client.declaration.nom if client else None,
        courriel=courriel,
        cles=contexte.deps.site is not None,
        employeurs=proposed(contexte.deps, courriel, demande),
    )


async def _begin(contexte: Contexte, request: Request) -> Response:
    """The first page; or, where the session in this browser lacks only some factors, the button that asks for them.

    Asked for by a button: no other site sends codes to anybody by leading its browser here.
    """
    voulu, connecte = await wanted(contexte, request), await contexte.signed_in(request)
    session = contexte.navigateur.session(request)
    if connecte is None or session is None or (voulu.courriel and voulu.courriel != connecte.compte.courriel):
        return first_page(contexte, request, courriel=voulu.courriel)
    if voulu.a_neuf:
        return first_page(contexte, request, courriel=voulu.courriel)
    if not shown_before(contexte.deps, connecte, acr=voulu.acr, max_age=voulu.max_age):
        return first_page(contexte, request, courriel=connecte.compte.courriel)
    return contexte.rendu.page(
        "confirmation",
        demande=request.url.query[:LONGEST_REQUEST],
        compte=connecte.compte,
        preuve=contexte.navigateur.proof(session),
    )


async def _confirm(contexte: Contexte, request: Request) -> Response:
    """Go on from what the session in this browser has shown."""
    connecte, voulu = await contexte.signed_in(request), await wanted(contexte, request)
    try:
        await contexte.navigateur.form(request, contexte.navigateur.session(request))
    except PageExpiree as refus:
        return first_page(contexte, request, refus=refus)
    shown = connecte and shown_before(contexte.deps, connecte, acr=voulu.acr, max_age=voulu.max_age)
    if connecte is None or not shown:
        return first_page(contexte, request, courriel=voulu.courriel)
    secret = await complete(
        contexte.deps,
        connecte,
        shown,
        demande=request.url.query[:LONGEST_REQUEST],
        acr=voulu.acr,
        navigateur=contexte.navigateur.appareil(request),
    )
    response = await go_on(contexte, request, secret, await find_in_progress(contexte.deps, secret))
    contexte.navigateur.set_connexion(response, secret)
    return response


async def wanted(contexte: Contexte, request: Request) -> Voulu:
    """What is wanted of the sign-in: by a client; or by a page of ours, which is for whoever has just proved itself."""
    if "suite" in request.query_params:
        return Voulu(acr=ACR_SENSIBLE, max_age=contexte.deps.acte_sensible)
    return await read_wanted(contexte, request)


async def _take_password(contexte: Contexte, request: Request) -> Response:
    courriel = ""
    try:
        fields = await contexte.navigateur.form(request, contexte.navigateur.connexion(request))
        courriel = fields.get("courriel", "")
        secret = await check_password(
            contexte.deps,
            courriel,
            fields.get("mot_de_passe", ""),
            demande=request.url.query[:LONGEST_REQUEST],
            acr=(await wanted(contexte, request)).acr,
            navigateur=contexte.navigateur.appareil(request),
        )
    except Refusal as refus:
        return first_page(contexte, request, refus=refus, courriel=courriel)
    response = await go_on(contexte, request, secret, await find_in_progress(contexte.deps, secret))
    # A new secret: the one that the browser had before it proved anything is worth nothing.
    contexte.navigateur.set_connexion(response, secret)
    return response


async def go_on(contexte: Contexte, request: Request, secret: str, en_cours: EnCours) -> Response:
    """Lead to the next step of a sign-in, or out of it."""
    match en_cours.etape:
        case Etape.TERMINEE:
            return await _finish(contexte, request, en_cours)
        case Etape.ENROLEMENT | Etape.ENROLEMENT_PROPOSE:
            return see("/connexion/application")
        case Etape.MOT_DE_PASSE:
            return see("/connexion/mot-de-passe")
        case Etape.NUMERO:
            return see("/connexion/numero")
        case Etape.MOBILE:
            return see("/connexion/mobile")
        case Etape.MOYEN:
            return await _ask(contexte, secret, en_cours)


async def _ask(contexte: Contexte, secret: str, en_cours: EnCours) -> Response:
    """Ask for the first of the means the person has; from its page it chooses another."""
    first = en_cours.parcours.moyens[0]
    if first is Facteur.CLE:
        return see(_CLE)
    if first in _ENVOYES:
        return await _send_and_show(contexte, secret, en_cours, first)
    return see("/connexion/code")


async def _finish(contexte: Contexte, request: Request, en_cours: EnCours) -> Response:
    ouverte = await open_session(
        contexte.deps,
        en_cours,
        navigateur=contexte.navigateur.appareil(request),
        remplace=await contexte.signed_in(request),
    )
    response = see(_after(dict(parse_qsl(ouverte.demande))))
    contexte.navigateur.open_session(response, ouverte.secret)
    contexte.navigateur.set_appareil(response, ouverte.navigateur)
    return response


def _after(demande: dict[str, str]) -> str:
    """Where a sign-in leads: to a page of ours that asked for it, back to the client's request, else home."""
    if "suite" in demande:
        return page_of(demande["suite"])
    request = without_asked(demande)
    return f"/authorize?{request}" if request else "/"


async def _send_and_show(contexte: Contexte, secret: str, en_cours: EnCours, moyen: Facteur) -> Response:
    try:
        await send_code(contexte.deps, secret, moyen)
    except EnvoiTropRecent:
        # The last one is as good.
        return see("/connexion/code")
    except REFUS as refus:
        return await _code_page(contexte, secret, en_cours, moyen, refus=refus)
    return see("/connexion/code")


async def _show_code(contexte: Contexte, request: Request, secret: str) -> Response:
    en_cours = await find_in_progress(contexte.deps, secret)
    if en_cours.etape is not Etape.MOYEN:
        return await go_on(contexte, request, secret, en_cours)
    return await _code_page(contexte, secret, en_cours, _MOYENS.get(request.query_params.get("moyen", "")))


async def _take_code(contexte: Contexte, request: Request, secret: str) -> Response:
    fields = await contexte.navigateur.form(request, secret)
    moyen, code = _MOYENS.get(fields.get("moyen", ""), Facteur.TOTP), fields.get("code", "")
    try:
        en_cours = await _show(contexte, secret, moyen, code)
    except (*REFUS, CodeDeSecoursRefuse) as refus:
        return await _code_page(contexte, secret, await find_in_progress(contexte.deps, secret), moyen, refus=refus)
    return await go_on(contexte, request, secret, en_cours)


async def _show(contexte: Contexte, secret: str, moyen: Facteur, code: str) -> EnCours:
    if moyen in _ENVOYES:
        return await show_code(contexte.deps, secret, code, moyen)
    shown = show_recovery_code if moyen is Facteur.SECOURS else show_totp
    return await shown(contexte.deps, secret, code)


async def _send(contexte: Contexte, request: Request, secret: str) -> Response:
    fields = await contexte.navigateur.form(request, secret)
    moyen = Facteur.SMS if fields.get("moyen") == _NOMS[Facteur.SMS] else Facteur.COURRIEL
    try:
        await send_code(contexte.deps, secret, moyen)
    except REFUS as refus:
        en_cours = await find_in_progress(contexte.deps, secret)
        return await _code_page(contexte, secret, en_cours, moyen, refus=refus)
    return see(f"/connexion/code?moyen={_NOMS[moyen]}")


async def _code_page(
    contexte: Contexte, secret: str, en_cours: EnCours, asked: Facteur | None, *, refus: Refusal | None = None
) -> Response:
    """The page of the code asked for; without a word about which, of the one sent last, else of the first there is."""
    sent = en_cours.connexion.codes
    codes = [moyen for moyen in en_cours.parcours.moyens if moyen in _NOMS]
    last = sorted((moyen for moyen in codes if moyen in sent), key=lambda moyen: sent[moyen].envoye_le, reverse=True)
    moyen = asked if asked in codes else [*last, *codes][0]
    return contexte.rendu.page(
        "code",
        refus=refus,
        moyen=_NOMS[moyen],
        envoye=moyen in sent,
        courriel=en_cours.compte.courriel,
        mobile=mask_mobile(en_cours.compte.mobile or ""),
        autres=other_means(en_cours, moyen),
        etape=step_number(en_cours),
        etapes=en_cours.parcours.requis,
        preuve=contexte.navigateur.proof(secret),
    )


@dataclass(frozen=True, slots=True)
class AutreMoyen:
    """A means that may be shown instead: by which name forms call it, where its page is, and whether it is sent."""

    nom: str
    page: str
    a_envoyer: bool


def other_means(en_cours: EnCours, moyen: Facteur) -> list[AutreMoyen]:
    """The means that a person may choose rather than `moyen`."""
    return [
        AutreMoyen(
            nom=_NOMS.get(other, "cle"),
            page=_CLE if other is Facteur.CLE else f"/connexion/code?moyen={_NOMS[other]}",
            a_envoyer=other in _ENVOYES and other not in en_cours.connexion.codes,
        )
        for other in en_cours.parcours.moyens
        if other is not moyen
    ]


def step_number(en_cours: EnCours) -> int:
    """Which step the person is at, password included."""
    return min(len(en_cours.parcours.faits) + 1, en_cours.parcours.requis)
