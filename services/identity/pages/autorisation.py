"""`/authorize`: a client asks who is there; whoever is not signed in yet is sent to the pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from authlib.oauth2 import OAuth2Error
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.identity.authlib_starlette import StarletteOAuth2Request
from services.identity.domain.facteurs import asked_factors
from services.identity.oidc.demandes import find_brought
from services.identity.oidc.titulaires import Titulaire
from services.identity.pages.contexte import Contexte, see
from services.identity.usecases.jetons import is_enough
from socle.courriels import CourrielInvalide, parse_courriel

_ASKED = ("prompt", "max_age")
"""What whoever has just signed in has just done: asked again, it would never end. The client checks `auth_time`."""


def routes(contexte: Contexte) -> list[Route]:
    """The authorization endpoint (OpenID Connect Core §3.1.2: both methods)."""

    async def authorize(request: Request) -> Response:
        return await _authorize(contexte, request)

    return [Route("/authorize", authorize, methods=["GET", "POST"])]


async def _authorize(contexte: Contexte, request: Request) -> Response:
    serveur = contexte.serveur
    try:
        brought = await StarletteOAuth2Request.read(request, base_url=serveur.base_url)
        asked = await _with_pushed(contexte, request, brought)
        user = await _signed_in_enough(contexte, request, asked)
        grant = serveur.consent_grant(asked, user)
        if user is None or grant.prompt in ("login", "select_account"):
            return see(f"/connexion?{_query(brought, asked)}")
        response = await serveur.authorization_response(grant, user)
    except OAuth2Error as error:
        # Only to an address that the client declared; any other would make of us an open redirection.
        return serveur.error_response(error) if error.redirect_uri else _say(contexte, error)
    response.headers["cache-control"] = "no-store"
    return response


async def _with_pushed(contexte: Contexte, request: Request, brought: StarletteOAuth2Request) -> StarletteOAuth2Request:
    """The request as its client pushed it, where the browser brings a reference; nothing beside it counts then.

    Whoever has signed in since the browser first brought it has done what it asks for.
    """
    pushed = await find_brought(contexte.deps, brought)
    if pushed is None:
        return brought
    connecte = await contexte.signed_in(request)
    done = connecte is not None and connecte.session.preuve.le >= pushed.ouverte_le
    parameters = {name: value for name, value in pushed.parametres.items() if not (done and name in _ASKED)}
    return brought.as_pushed(parameters, name=pushed.condensat)


def _query(brought: StarletteOAuth2Request, asked: StarletteOAuth2Request) -> str:
    """What the sign-in comes back with: the request, or its reference and nothing of what it holds."""
    given = _parameters(brought)
    if asked.pushed is not None:
        given = {name: given[name] for name in ("client_id", "request_uri")}
    return urlencode(given)


@dataclass(frozen=True, slots=True, kw_only=True)
class Voulu:
    """What a client wants of the sign-in: how many factors, how recently, by whom, and whether all anew."""

    acr: int = 1
    max_age: timedelta | None = None
    courriel: str = ""
    a_neuf: bool = False

    @classmethod
    def of(cls, given: Mapping[str, str]) -> "Voulu":
        max_age = given.get("max_age", "")
        return cls(
            acr=asked_factors(given.get("acr_values", "")),
            max_age=timedelta(seconds=int(max_age[:9])) if max_age.isdecimal() else None,
            courriel=_address(given.get("login_hint", "")),
            a_neuf=not {"login", "select_account"}.isdisjoint(given.get("prompt", "").split()),
        )


async def read_wanted(contexte: Contexte, request: Request) -> Voulu:
    """What the client that sent the person here wants; nothing special where it says nothing, or none sent it."""
    try:
        brought = await StarletteOAuth2Request.read(request, base_url=contexte.serveur.base_url)
        pushed = await find_brought(contexte.deps, brought)
    except OAuth2Error:
        # `/authorize` says what is wrong with it, once the person has signed in.
        return Voulu()
    return Voulu.of(_parameters(brought) if pushed is None else pushed.parametres)


def _address(hint: str) -> str:
    try:
        return parse_courriel(hint)
    except CourrielInvalide:
        # It is a help to who types, and nothing else: without it, the field is empty.
        return ""


async def _signed_in_enough(contexte: Contexte, request: Request, asked: StarletteOAuth2Request) -> Titulaire | None:
    """Who is signed in, with the factors that its roles ask for, and as recently as the client wants."""
    connecte = await contexte.signed_in(request)
    if connecte is None:
        return None
    wanted = Voulu.of(_parameters(asked))
    if not is_enough(contexte.deps, connecte, max_age=wanted.max_age, acr=wanted.acr):
        return None
    session = connecte.session
    return Titulaire(compte=session.compte, session=session, sid="", preuve=session.preuve)


def _parameters(asked: StarletteOAuth2Request) -> dict[str, str]:
    return asked.payload.data if asked.payload else {}


def without_asked(demande: dict[str, str]) -> str:
    """The query of the authorization request to go on with, once the person has signed in."""
    return urlencode({name: value for name, value in demande.items() if name not in _ASKED})


def _say(contexte: Contexte, error: OAuth2Error) -> Response:
    return contexte.rendu.error(
        "Demande de connexion refusée",
        "L'application qui vous a envoyé ici a fait une demande que nous ne pouvons pas accepter : "
        "revenez-y et recommencez, ou signalez-le à son support.",
        detail=f"{error.error}: {error.description}",
    )
