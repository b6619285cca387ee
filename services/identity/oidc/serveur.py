"""The authorization server: Authlib's, with our clients, grants and tokens."""

from datetime import UTC, datetime
from typing import Any, override

from authlib.oauth2 import OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749 import InvalidClientError, InvalidRequestError
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc9207 import IssuerParameter
from authlib.oidc.core.errors import LoginRequiredError
from authlib.oidc.rpinitiated import EndSessionEndpoint, EndSessionRequest
from joserfc.jwk import KeySet
from starlette.requests import Request
from starlette.responses import Response

from kit.auth.access_tokens import (
    ALGORITHM,
    NOT_A_TOKEN,
    AccessToken,
    TokenVerifier,
    Voucher,
    nobody_vouches,
)
from kit.errors import Unauthenticated
from kit.logs import get_logger
from services.identity.authlib_starlette import StarletteAuthorizationServer, StarletteOAuth2Request
from services.identity.condensats import condensat
from services.identity.deps import Deps
from services.identity.domain.audit import Acte
from services.identity.oidc import dpop
from services.identity.oidc.authentification import METHOD, PrivateKeyJwt, claimed_client
from services.identity.oidc.clients import SCOPES, Client, Clients
from services.identity.oidc.grants import CodeGrant, MachineGrant, RefreshGrant, S256Only
from services.identity.oidc.jetons import IdTokens, TokenGenerator, read_subject
from services.identity.oidc.titulaires import Jeton
from services.identity.store.jetons import find_jeton
from services.identity.store.preuves_vues import see
from services.identity.store.sessions import find_famille
from services.identity.trousseau import OwnKeys
from services.identity.usecases.jetons import end_famille
from services.identity.usecases.machines import note_machine_refused

PROMPTS = ("none", "login", "select_account")
_LONGEST_HINT = 254

_log = get_logger(__name__)


class Serveur(StarletteAuthorizationServer):
    """The provider."""

    def __init__(self, deps: Deps, clients: Clients, *, issuer: str, voucher: Voucher = nobody_vouches) -> None:
        super().__init__(base_url=issuer, scopes_supported=SCOPES)
        self.deps = deps
        self.issuer = issuer
        self.verifier = TokenVerifier(OwnKeys(issuer, deps.trousseau), voucher)
        self._clients = clients
        self.register_token_generator("default", TokenGenerator(issuer, deps.trousseau))
        self.register_grant(CodeGrant, [S256Only(), _Parameters(), IdTokens(issuer, deps.trousseau)])
        self.register_grant(RefreshGrant)
        self.register_grant(MachineGrant)
        self.register_client_auth_method(METHOD, PrivateKeyJwt(audiences=(issuer, f"{issuer}/token")))
        self.register_extension(_Issuer(issuer))

    @override
    def query_client(self, client_id: str) -> Client | None:  # type: ignore[override] # Authlib takes None for unknown
        return self._clients.get(client_id)

    async def verify_request(self, request: Request) -> AccessToken | None:
        """The verified token of a request to ourselves, with the proof that its sender has the key it is bound to.

        Raises:
            Unauthenticated: it is not valid, or that is not proved.
        """
        authorization = request.headers.get("authorization")
        scheme, _, value = (authorization or "").partition(" ")
        if scheme.lower() != dpop.TOKEN_TYPE.lower():
            return await self.verifier.verify_header(authorization)
        token = await self.verifier.verify(value)
        shown, url = request.headers.getlist(dpop.HEADER), self.base_url + request.url.path
        try:
            possession = dpop.read_proof(shown, method=request.method, url=url, token=value)
        except dpop.InvalidProof as error:
            raise Unauthenticated from error
        if possession.jkt != token.cle or not await self._is_new(*possession.spent()):
            raise Unauthenticated
        return token

    @override
    async def spend(self, request: StarletteOAuth2Request) -> None:
        for shown, (since, until) in request.spent.items():
            if await self._is_new(shown, since, until):
                continue
            if shown.startswith(dpop.SPENT):
                raise dpop.InvalidProof("The proof of possession was shown before.")
            raise _AssertionReplayed(description="The assertion was used before.")

    @override
    async def refused(self, request: StarletteOAuth2Request, error: OAuth2Error) -> None:
        replayed = isinstance(error, _AssertionReplayed)
        if not replayed and request.form.get("grant_type") != MachineGrant.GRANT_TYPE:
            return
        shown = request.form.get("client_assertion")
        named = self._clients.get(claimed_client(shown) if shown else request.form.get("client_id", ""))
        motif = "PREUVE_REJOUEE" if replayed else str(error.error).upper()
        await note_machine_refused(self.deps, None if named is None else named.id, motif)

    async def _is_new(self, shown: str, since: float, until: float) -> bool:
        """Whether what was made at `since` is shown for the first time, which is noted until it is believed no more."""
        if self.deps.trousseau.predates_restoration(datetime.fromtimestamp(since, UTC)):
            # A store that was restored from a backup does not know what was shown before (ADR 028).
            return False
        return await see(self.deps.database, condensat(shown), until=datetime.fromtimestamp(until, UTC))

    @override
    def error_response(self, error: OAuth2Error) -> Response:
        _log.warning("oauth_request_refused", error=error.error)
        return super().error_response(error)


class _AssertionReplayed(InvalidClientError):
    """What a client had proved itself by is shown once more: somebody may have overheard it."""


class _Issuer(IssuerParameter):
    """Says who answers, in each authorization response (RFC 9207): no client mixes two providers up."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer

    @override
    def get_issuer(self) -> str:
        return self._issuer


class _Parameters:
    """Checks what Authlib leaves to the application, once it is known where to tell the client of its mistakes."""

    def __call__(self, grant: Any) -> None:
        grant.register_hook("after_validate_authorization_request_payload", self.check)

    def check(self, grant: Any, redirect_uri: str) -> None:
        given = grant.request.payload.data
        if grant.client.declaration.par_obligatoire and grant.request.pushed is None:
            raise InvalidRequestError("This client pushes its requests.")
        for name in ("request", "request_uri"):
            if name in given:
                raise OAuth2Error(f"'{name}' is not supported.", error=f"{name}_not_supported")
        if given.get("response_mode", "query") != "query":
            raise InvalidRequestError("Expected 'response_mode' query.")
        if not given.get("max_age", "0").isdecimal():
            raise InvalidRequestError("Expected 'max_age' in seconds.")
        prompts = given.get("prompt", "").split()
        if not set(prompts) <= set(PROMPTS) or ("none" in prompts and len(prompts) > 1):
            raise InvalidRequestError("Unexpected 'prompt'.")
        if len(given.get("login_hint", "")) > _LONGEST_HINT:
            raise InvalidRequestError("The 'login_hint' is too long.")
        if "id_token_hint" in given:
            self._check_hint(grant, given["id_token_hint"], redirect_uri)

    def _check_hint(self, grant: Any, hint: str, redirect_uri: str) -> None:
        """Whom the client means is told by an ID token of its own, expired or not (OpenID Connect Core §3.1.2.1)."""
        server: Serveur = grant.server
        meant = read_subject(hint, server.deps.trousseau, issuer=server.issuer, client=grant.client.id)
        if meant is None:
            raise InvalidRequestError("The 'id_token_hint' is not one of ours for this client.")
        user = grant.request.user
        if grant.request.payload.data.get("prompt") == "none" and user is not None and user.compte != meant:
            raise LoginRequiredError(redirect_uri=redirect_uri)


class Revocation(RevocationEndpoint):
    """Ends the family of a refresh or access token (RFC 7009); one object a request."""

    CLIENT_AUTH_METHODS = (METHOD, "none")
    server: Serveur

    def __init__(self, server: Serveur) -> None:
        super().__init__(server)
        self._presented: Jeton | None = None
        self._revoked: Jeton | None = None

    async def load(self, request: OAuth2Request) -> None:
        value = request.form.get("token", "")
        database = self.server.deps.database
        found = await find_jeton(database, condensat(value))
        sid = found.famille if found is not None else await self._sid_of(value)
        famille = None if sid is None else await find_famille(database, sid)
        self._presented = None if famille is None else Jeton(famille)

    async def _sid_of(self, value: str) -> str | None:
        try:
            return (await self.server.verifier.verify(value)).sid
        except Unauthenticated:
            # Neither a refresh token nor a valid access token: « the purpose is already achieved » (RFC 7009 §2.2).
            return None

    @override
    def query_token(self, token_string: str, token_type_hint: str | None) -> Jeton | None:
        return self._presented

    @override
    def revoke_token(self, token: Jeton, request: OAuth2Request) -> None:
        self._revoked = token

    async def store(self) -> None:
        if self._revoked is not None:
            await end_famille(self.server.deps, self._revoked.famille.id, Acte.DECONNEXION)


class Deconnexion(EndSessionEndpoint):
    """RP-initiated logout: Authlib checks the request, the page ends the session."""

    server: Serveur

    @override
    def validate_request(self, request: OAuth2Request) -> EndSessionRequest:
        try:
            return super().validate_request(request)
        except NOT_A_TOKEN as error:
            # Also where Authlib would quote a hint in an error that does not accept its characters.
            raise InvalidRequestError("The 'id_token_hint' is not one of ours.") from error

    @override
    def get_server_jwks(self) -> KeySet:
        return self.server.deps.trousseau.remembered

    @override
    def get_algorithms(self) -> list[str]:
        return [ALGORITHM]
