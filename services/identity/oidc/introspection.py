"""Introspection (RFC 7662): a backend asks whether a token still counts, and what for; never whose name it bears."""

from dataclasses import dataclass
from typing import Any, override

from authlib.oauth2 import OAuth2Request
from authlib.oauth2.rfc6749 import ClientMixin, TokenMixin, UnauthorizedClientError
from authlib.oauth2.rfc7662 import IntrospectionEndpoint

from kit.auth.access_tokens import AUDIENCE, AccessToken
from kit.errors import Unauthenticated
from services.identity.condensats import condensat
from services.identity.deps import Deps
from services.identity.oidc.authentification import METHOD
from services.identity.oidc.clients import Client
from services.identity.oidc.dpop import TOKEN_TYPE
from services.identity.oidc.serveur import Serveur
from services.identity.store.jetons import find_jeton
from services.identity.store.sessions import find_famille
from services.identity.usecases.lectures import is_active, principal_of


@dataclass(frozen=True, slots=True)
class Connu(TokenMixin):
    """A token that counts: what is said of it, and who may ask."""

    client: str
    refreshes: bool
    said: dict[str, Any]

    @override
    def is_expired(self) -> bool:
        return False

    @override
    def is_revoked(self) -> bool:
        return False


class Introspection(IntrospectionEndpoint):
    """For the clients that declare `introspection`; one object a request.

    A client asks about the access tokens of those that it declares, and about its own refresh tokens. Any other is not
    active, for it, like one that is unknown, expired or used, of a session that has ended or of a disabled account.
    """

    CLIENT_AUTH_METHODS = (METHOD,)
    server: Serveur

    def __init__(self, server: Serveur) -> None:
        super().__init__(server)
        self._found: Connu | None = None

    async def load(self, request: OAuth2Request) -> None:
        """Read what the store knows of the token."""
        value = request.form.get("token", "")
        self._found = await self._refresh_token(value) or await self._access_token(value)

    async def _refresh_token(self, value: str) -> Connu | None:
        deps: Deps = self.server.deps
        jeton = await find_jeton(deps.database, condensat(value))
        famille = None if jeton is None else await find_famille(deps.database, jeton.famille)
        if jeton is None or jeton.used or famille is None or not famille.is_alive(deps.clock()):
            return None
        if not await is_active(deps, famille.compte):
            return None
        said = {
            "client_id": famille.client,
            "scope": famille.scope,
            "sub": famille.compte,
            "sid": famille.id,
            "iss": self.server.issuer,
            "exp": int(jeton.expire_le.timestamp()),
        }
        return Connu(famille.client, refreshes=True, said=said)

    async def _access_token(self, value: str) -> Connu | None:
        try:
            token = await self.server.verifier.verify(value)
            principal = await principal_of(self.server.deps, token)
        except Unauthenticated:
            return await self._machine_token(value)
        if not principal.actif:
            return None
        bound = {} if token.cle is None else {"token_type": TOKEN_TYPE, "cnf": {"jkt": token.cle}}
        of_session = {"sid": token.sid, "acr": token.acr, "amr": list(token.amr), "auth_time": _seconds(token)}
        said = {**self._of_access(token.client_id, token.scope, token.expires_at.timestamp()), **of_session}
        return Connu(token.client_id, refreshes=False, said={**said, **bound, "sub": token.sub})

    async def _machine_token(self, value: str) -> Connu | None:
        try:
            token = await self.server.verifier.verify_machine(value)
        except Unauthenticated:
            return None
        client = self.server.query_client(token.client_id)
        if client is None or not client.declaration.machine:
            return None
        said = self._of_access(token.client_id, token.scope, token.expires_at.timestamp())
        return Connu(token.client_id, refreshes=False, said={**said, "sub": token.client_id})

    def _of_access(self, client: str, scope: frozenset[str], expires: float) -> dict[str, Any]:
        return {
            "client_id": client,
            "scope": " ".join(sorted(scope)),
            "iss": self.server.issuer,
            "aud": AUDIENCE,
            "exp": int(expires),
            "token_type": "Bearer",
        }

    @override
    def query_token(self, token_string: str, token_type_hint: str | None) -> Connu | None:
        return self._found

    @override
    def check_permission(self, token: Connu, client: ClientMixin, request: OAuth2Request) -> bool:
        assert isinstance(client, Client)  # noqa: S101 - all are ours
        if token.refreshes:
            return token.client == client.id
        return token.client in client.declaration.introspection

    @override
    def authenticate_token(self, request: OAuth2Request, client: ClientMixin) -> Connu | None:
        assert isinstance(client, Client)  # noqa: S101 - all are ours
        if not client.declaration.introspection:
            raise UnauthorizedClientError("This client asks about no token.")
        found: Connu | None = super().authenticate_token(request, client)  # type: ignore[no-untyped-call]
        return found

    @override
    def introspect_token(self, token: Connu) -> dict[str, Any]:
        return token.said

    async def store(self) -> None:
        """Asking changes nothing."""


def _seconds(token: AccessToken) -> int:
    return int(token.auth_time.timestamp())
