"""What a client may exchange: a code, a refresh token, or a machine's own proof alone.

Authlib decides; the store is asked before and after.
"""

from typing import Any, override

from authlib.oauth2 import OAuth2Request
from authlib.oauth2.rfc6749 import (
    AuthorizationCodeGrant,
    ClientCredentialsGrant,
    ClientMixin,
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    RefreshTokenGrant,
)
from authlib.oauth2.rfc7636 import CodeChallenge
from ulid import ULID

from services.identity.authlib_starlette import StarletteOAuth2Request
from services.identity.condensats import condensat
from services.identity.deps import Deps
from services.identity.domain.audit import Acte
from services.identity.domain.sessions import DUREE_CODE, CodeEmis, Famille, JetonEmis, Preuve
from services.identity.oidc import dpop
from services.identity.oidc.authentification import METHOD
from services.identity.oidc.clients import Client
from services.identity.oidc.titulaires import Code, Jeton, Titulaire
from services.identity.store.comptes import find_compte
from services.identity.store.jetons import find_code, find_jeton
from services.identity.store.sessions import find_famille
from services.identity.usecases.jetons import (
    DejaUtilise,
    end_famille,
    exchange_code,
    issue_code,
    proves_enough,
    rotate,
)
from services.identity.usecases.machines import note_machine


class S256Only(CodeChallenge):
    """PKCE for every request, with S256: `plain`, which a request without method means, proves nothing."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]  # noqa: RUF012 - Authlib's own attribute

    @override
    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        given = grant.request.payload.data
        if not given.get("code_challenge") or given.get("code_challenge_method") != "S256":
            raise InvalidRequestError("Expected 'code_challenge', and 'code_challenge_method' S256.")
        super().validate_code_challenge(grant, redirect_uri)


class _Kept:
    """What a grant remembers between reading, deciding and writing."""

    server: Any
    request: OAuth2Request

    @property
    def deps(self) -> Deps:
        deps: Deps = self.server.deps
        return deps

    def _prove(self) -> str | None:
        """The thumbprint of the key whose possession the request proves; None where it proves none, and need not.

        Raises:
            InvalidProof: the proof is not valid, or the client is declared to give one.
        """
        assert isinstance(self.request, StarletteOAuth2Request)  # noqa: S101 - as our server reads it
        assert isinstance(self.request.client, Client)  # noqa: S101 - all are ours
        shown = self.request.all_of(dpop.HEADER)
        if not shown and not self.request.client.declaration.dpop:
            return None
        possession = dpop.read_proof(shown, method=self.request.method, url=self.request.uri)
        shown_once, since, until = possession.spent()
        self.request.spent[shown_once] = (since, until)
        return possession.jkt

    async def _may_have_tokens(self, compte: str, preuve: Preuve) -> bool:
        """Whether the account is active, and was proved by as many factors as its roles ask for now."""
        found = await find_compte(self.deps.database, compte)
        return found is not None and found.actif and proves_enough(self.deps, found, preuve)


class CodeGrant(_Kept, AuthorizationCodeGrant):
    """Authorization code."""

    TOKEN_ENDPOINT_AUTH_METHODS = (METHOD, "none")

    _presented: CodeEmis | None = None
    _allowed: bool = False
    _issued: CodeEmis | None = None
    _refresh_token: str = ""
    _cle: str | None = None

    @override
    def validate_token_request(self) -> None:
        super().validate_token_request()
        self._cle = self._prove()

    async def load(self) -> None:
        """Read the code that is presented; one that was used before ends what it gave (RFC 6749 §4.1.2)."""
        found = await find_code(self.deps.database, condensat(self.request.form.get("code", "")))
        if found is None:
            return
        if found.famille is not None:
            await end_famille(self.deps, found.famille, Acte.JETON_REUTILISE)
            return
        self._presented = found if found.expire_le > self.deps.clock() else None
        self._allowed = await self._may_have_tokens(found.compte, found.preuve)

    @override
    def query_authorization_code(self, code: str, client: ClientMixin) -> Code | None:
        found = self._presented
        return Code(found) if found is not None and found.client == client.get_client_id() else None

    @override
    def authenticate_user(self, authorization_code: Code) -> Titulaire | None:
        emis = authorization_code.emis
        if not self._allowed:
            return None
        return Titulaire(compte=emis.compte, session=None, sid=str(ULID()), preuve=emis.preuve, cle=self._cle)

    @override
    def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
        user = request.user
        assert isinstance(user, Titulaire)  # noqa: S101 - by `authorization_response`
        assert user.session is not None  # noqa: S101 - codes are given to who is signed in
        given = request.payload.data if request.payload else {}
        self._issued = CodeEmis(
            condensat=condensat(code),
            session=user.session.id,
            compte=user.compte,
            client=self.client.id,
            redirect_uri=given["redirect_uri"],
            scope=request.scope,
            defi=given["code_challenge"],
            nonce=given.get("nonce"),
            preuve=user.preuve,
            expire_le=self.deps.clock() + DUREE_CODE,
        )

    @override
    def save_token(self, token: dict[str, Any]) -> None:
        self._refresh_token = token["refresh_token"]

    @override
    def delete_authorization_code(self, authorization_code: Code) -> None:
        """Nothing is deleted to be used: `store` uses it."""

    async def store(self) -> None:
        """Write the code that was issued, or use the one that was presented.

        Raises:
            InvalidGrantError: it was used at the same moment, which ends what it gave; or the session has ended.
        """
        try:
            if self._issued is not None:
                assert isinstance(self.request, StarletteOAuth2Request)  # noqa: S101 - as our server reads it
                await issue_code(self.deps, self._issued, demande=self.request.pushed)
            else:
                await self._exchange()
        except DejaUtilise as error:
            raise InvalidGrantError("This sign-in is not valid any more.") from error

    async def _exchange(self) -> None:
        emis, user = self._presented, self.request.user
        assert emis is not None  # noqa: S101 - Authlib accepted it
        assert isinstance(user, Titulaire)  # noqa: S101 - by `authenticate_user`
        famille = Famille(
            id=user.sid,
            session=emis.session,
            compte=emis.compte,
            client=emis.client,
            scope=emis.scope,
            preuve=emis.preuve,
            expire_le=emis.preuve.le + self.deps.duree_session,
            cle=user.cle,
            avertir=self.client.declaration.backchannel_logout_uri is not None,
        )
        try:
            await exchange_code(self.deps, emis.condensat, famille, condensat(self._refresh_token))
        except DejaUtilise:
            used = await find_code(self.deps.database, emis.condensat)
            if used is not None and used.famille is not None:
                await end_famille(self.deps, used.famille, Acte.JETON_REUTILISE)
            raise


class RefreshGrant(_Kept, RefreshTokenGrant):
    """Refresh tokens: each serves once and gives the next; a second use ends their family."""

    TOKEN_ENDPOINT_AUTH_METHODS = (METHOD, "none")
    INCLUDE_NEW_REFRESH_TOKEN = True

    _presented: JetonEmis | None = None
    _famille: Famille | None = None
    _successor: str = ""

    @override
    def validate_token_request(self) -> None:
        super().validate_token_request()
        assert self._famille is not None  # noqa: S101 - Authlib accepted it
        # « the refresh token MUST be bound to the public key » (RFC 9449 §5): a stolen one is worth nothing.
        if self._prove() != self._famille.cle:
            raise InvalidGrantError("The refresh token is bound to another key, or to none.")

    async def load(self) -> None:
        """Read the token that is presented; one that was used before ends its family."""
        found = await find_jeton(self.deps.database, condensat(self.request.form.get("refresh_token", "")))
        if found is None:
            return
        if found.used:
            await end_famille(self.deps, found.famille, Acte.JETON_REUTILISE)
            return
        famille = await find_famille(self.deps.database, found.famille)
        if famille is None or not famille.is_alive(self.deps.clock()):
            return
        if not await self._may_have_tokens(famille.compte, famille.preuve):
            return
        self._presented, self._famille = found, famille

    @override
    def authenticate_refresh_token(self, refresh_token: str) -> Jeton | None:  # type: ignore[override] # None refuses
        return None if self._famille is None else Jeton(self._famille)

    @override
    def authenticate_user(self, refresh_token: Jeton) -> Titulaire:
        famille = refresh_token.famille
        return Titulaire(compte=famille.compte, session=None, sid=famille.id, preuve=famille.preuve, cle=famille.cle)

    @override
    def save_token(self, token: dict[str, Any]) -> None:
        self._successor = token["refresh_token"]

    @override
    def revoke_old_credential(self, refresh_token: object) -> None:
        """Its use and its successor are written together, by `store`."""

    async def store(self) -> None:
        """Use the token that was presented, and write its successor.

        Raises:
            InvalidGrantError: it was used at the same moment, which ends the family; or the family has ended.
        """
        assert self._presented is not None  # noqa: S101 - Authlib accepted it
        assert self._famille is not None  # noqa: S101
        try:
            await rotate(self.deps, self._presented.condensat, self._famille, condensat(self._successor))
        except DejaUtilise as error:
            await end_famille(self.deps, self._famille.id, Acte.JETON_REUTILISE)
            raise InvalidGrantError("This sign-in is not valid any more.") from error


class MachineGrant(_Kept, ClientCredentialsGrant):
    """Client credentials: a machine, for its own flow; it proves itself anew for each token, so none is refreshed."""

    TOKEN_ENDPOINT_AUTH_METHODS = (METHOD,)

    async def load(self) -> None:
        """Nothing of the store decides."""

    @override
    def validate_requested_scope(self) -> None:
        if self.request.payload is None or self.request.payload.scope in (None, self.client.get_allowed_scope("")):
            return
        raise InvalidScopeError

    @override
    def save_token(self, token: dict[str, Any]) -> None:
        """It is not kept: it ends by itself, ten minutes later."""

    async def store(self) -> None:
        """Write that the machine was given a token."""
        await note_machine(self.deps, self.client.id)
