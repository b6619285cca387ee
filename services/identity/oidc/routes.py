"""What clients call: discovery, keys, tokens, user info, revocation."""

from collections.abc import Awaitable, Callable, Sequence

from authlib.oidc.core import UserInfo
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from kit.auth.access_tokens import ALGORITHM
from kit.errors import Unauthenticated, Unavailable
from kit.mongo.connection import is_away
from services.identity.domain.facteurs import ACRS
from services.identity.oidc import dpop
from services.identity.oidc.authentification import METHOD
from services.identity.oidc.clients import FLUX, SCOPES, Clients, origins
from services.identity.oidc.demandes import Depot
from services.identity.oidc.introspection import Introspection
from services.identity.oidc.serveur import PROMPTS, Revocation, Serveur
from services.identity.store.comptes import find_compte
from services.identity.usecases.lectures import principal_of

_NOT_KEPT = {"cache-control": "no-store"}
_KEPT = {"cache-control": "public, max-age=300"}

type Endpoint = Callable[[Request], Awaitable[Response]]


def metadata(issuer: str) -> dict[str, object]:
    """What discovery answers (OpenID Connect Discovery 1.0 §3, RFC 8414)."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "jwks_uri": f"{issuer}/jwks",
        "revocation_endpoint": f"{issuer}/revoke",
        "pushed_authorization_request_endpoint": f"{issuer}/par",
        "require_pushed_authorization_requests": False,
        "introspection_endpoint": f"{issuer}/introspect",
        "introspection_endpoint_auth_methods_supported": [METHOD],
        "introspection_endpoint_auth_signing_alg_values_supported": [ALGORITHM],
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "end_session_endpoint": f"{issuer}/logout",
        "scopes_supported": [*SCOPES, *FLUX],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "token_endpoint_auth_methods_supported": ["none", METHOD],
        "token_endpoint_auth_signing_alg_values_supported": [ALGORITHM],
        "revocation_endpoint_auth_methods_supported": ["none", METHOD],
        "revocation_endpoint_auth_signing_alg_values_supported": [ALGORITHM],
        "dpop_signing_alg_values_supported": [ALGORITHM],
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": list(PROMPTS),
        "acr_values_supported": list(ACRS),
        "claims_supported": [
            "sub",
            "iss",
            "aud",
            "exp",
            "iat",
            "auth_time",
            "nonce",
            "acr",
            "amr",
            "sid",
            "at_hash",
            "name",
            "given_name",
            "family_name",
            "email",
        ],
        "ui_locales_supported": ["fr"],
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "authorization_response_iss_parameter_supported": True,
    }


def cross_origin(clients: Clients) -> Middleware:
    """Lets clients that run in a browser call a route from where they are served."""
    return Middleware(
        CORSMiddleware,
        allow_origins=sorted(origin for origin in origins(clients) if not origin.endswith(":*")),
        allow_methods=["GET", "POST", "PUT"],
        allow_headers=["authorization", "content-type", dpop.HEADER],
    )


def routes(serveur: Serveur, clients: Clients) -> Sequence[Route]:
    """The routes; a client that runs in a browser may call them from where it is served."""
    within = cross_origin(clients)

    async def discovery(_request: Request) -> Response:
        return JSONResponse(metadata(serveur.issuer), headers=_KEPT)

    async def jwks(_request: Request) -> Response:
        return JSONResponse(serveur.deps.trousseau.public_keys(), headers=_KEPT)

    async def token(request: Request) -> Response:
        return await serveur.token_response(request)

    async def revoke(request: Request) -> Response:
        return await serveur.endpoint_response(Revocation(serveur), request)

    async def introspect(request: Request) -> Response:
        return await serveur.endpoint_response(Introspection(serveur), request)

    async def par(request: Request) -> Response:
        return await serveur.endpoint_response(Depot(serveur), request)

    async def userinfo(request: Request) -> Response:
        try:
            return JSONResponse(await _userinfo(serveur, request), headers=_NOT_KEPT)
        except Unauthenticated:
            challenge = {"www-authenticate": f'Bearer error="invalid_token", DPoP algs="{ALGORITHM}"'}
            return Response(status_code=401, headers=_NOT_KEPT | challenge)

    def route(path: str, endpoint: Endpoint, *methods: str) -> Route:
        return Route(path, _available(endpoint), methods=[*methods, "OPTIONS"], middleware=[within])

    return [
        route("/.well-known/openid-configuration", discovery, "GET"),
        route("/jwks", jwks, "GET"),
        route("/token", token, "POST"),
        route("/introspect", introspect, "POST"),
        route("/par", par, "POST"),
        route("/revoke", revoke, "POST"),
        route("/userinfo", userinfo, "GET", "POST"),
    ]


def _available(endpoint: Endpoint) -> Endpoint:
    """The endpoint; while the store is away, it says that the same request may succeed later."""

    async def handle(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Exception as error:
            if not (isinstance(error, Unavailable) or is_away(error)):
                raise
            return JSONResponse({"error": "temporarily_unavailable"}, status_code=503, headers=_NOT_KEPT)

    return handle


async def _userinfo(serveur: Serveur, request: Request) -> UserInfo:
    """The claims of the scopes that the token has.

    Raises:
        Unauthenticated: there is no valid token of a living session.
    """
    token = await serveur.verify_request(request)
    if token is None or "openid" not in token.scope:
        raise Unauthenticated
    principal = await principal_of(serveur.deps, token)
    compte = await find_compte(serveur.deps.database, principal.compte)
    if compte is None or not principal.actif:
        raise Unauthenticated
    known = UserInfo(
        sub=compte.id,
        name=f"{compte.prenom} {compte.nom}",
        given_name=compte.prenom,
        family_name=compte.nom,
        email=compte.courriel,
    )
    return known.filter(" ".join(token.scope))
