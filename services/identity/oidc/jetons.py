"""The tokens: access tokens (RFC 9068) and ID tokens, both ES256."""

from datetime import timedelta
from typing import Any, override

from authlib.oauth2.rfc6749 import ClientMixin
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from authlib.oidc.core import UserInfo
from authlib.oidc.core.grants import OpenIDCode
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from kit.auth.access_tokens import ALGORITHM, AUDIENCE, NOT_A_TOKEN
from services.identity.condensats import new_secret
from services.identity.domain.sessions import DUREE_JETON_D_ACCES
from services.identity.oidc.clients import Client
from services.identity.oidc.dpop import TOKEN_TYPE
from services.identity.oidc.titulaires import Titulaire
from services.identity.trousseau import Trousseau


class TokenGenerator(JWTBearerTokenGenerator):
    """Access tokens of ten minutes that say who, in which session, proved how: never what the person may do.

    A machine's say the machine and its flow, and nothing of a session: there is none (RFC 9068 §2.2).
    """

    def __init__(self, issuer: str, trousseau: Trousseau) -> None:
        super().__init__(issuer, alg=ALGORITHM, refresh_token_generator=_refresh_token, expires_generator=_lifetime)
        self._trousseau = trousseau

    @override
    def get_jwks(self) -> KeySet:
        return KeySet([self._trousseau.signing_key])

    @override
    def get_audiences(self, client: Client, user: Titulaire | None, scope: str) -> str:
        return AUDIENCE

    @override
    def get_acr(self, user: Titulaire | None) -> str | None:
        return None if user is None else user.preuve.acr

    @override
    def get_amr(self, user: Titulaire | None) -> list[str] | None:
        return None if user is None else list(user.preuve.amr)

    @override
    def get_auth_time(self, user: Titulaire | None) -> int | None:
        return None if user is None else int(user.preuve.le.timestamp())

    @override
    def get_extra_claims(self, client: Client, grant_type: str, user: Titulaire | None, scope: str) -> dict[str, Any]:
        if user is None:
            return {}
        bound = {} if user.cle is None else {"cnf": {"jkt": user.cle}}
        return {"sid": user.sid, **bound}

    @override
    def generate(
        self,
        grant_type: str,
        client: ClientMixin,
        user: Titulaire | None = None,
        scope: str | None = None,
        expires_in: int | None = None,
        include_refresh_token: bool = True,
    ) -> dict[str, str | int]:
        token = super().generate(grant_type, client, user, scope, expires_in, include_refresh_token)
        if user is not None and user.cle is not None:
            token["token_type"] = TOKEN_TYPE
        return token


def _refresh_token(**_about: Any) -> str:
    return new_secret()


def _lifetime(_client: Client, _grant_type: str) -> int:
    return DUREE_JETON_D_ACCES // timedelta(seconds=1)


def read_subject(value: str, trousseau: Trousseau, *, issuer: str, client: str) -> str | None:
    """The account that an ID token of ours for this client is about, expired or not; None when it is no such token."""
    try:
        token = jwt.decode(value, trousseau.remembered, algorithms=[ALGORITHM])
    except NOT_A_TOKEN:
        return None
    claims, audience = token.claims, token.claims.get("aud")
    # Access tokens and logout tokens, signed by the same keys, have types of their own.
    if token.header.get("typ") != "JWT" or claims.get("iss") != issuer or audience not in (client, [client]):
        return None
    subject = claims.get("sub")
    return subject if isinstance(subject, str) else None


class IdTokens(OpenIDCode):
    """ID tokens beside the access tokens that a code gives."""

    DEFAULT_EXPIRES_IN = DUREE_JETON_D_ACCES // timedelta(seconds=1)

    def __init__(self, issuer: str, trousseau: Trousseau) -> None:
        super().__init__(require_nonce=False)
        self._issuer = issuer
        self._trousseau = trousseau

    @override
    def exists_nonce(self, nonce: str, request: object) -> bool:
        """A nonce is the client's own to compare: the provider only repeats it (OpenID Connect Core §3.1.2.1)."""
        return False

    @override
    def resolve_client_private_key(self, client: Client) -> ECKey:
        return self._trousseau.signing_key

    @override
    def get_client_algorithm(self, client: Client) -> str:
        return ALGORITHM

    @override
    def get_encode_header(self, client: Client) -> dict[str, Any]:
        return {"alg": ALGORITHM, "kid": self._trousseau.signing_key.kid}

    @override
    def get_client_claims(self, client: Client) -> dict[str, Any]:
        return {"iss": self._issuer, "aud": [client.get_client_id()]}

    @override
    def generate_user_info(self, user: Titulaire, scope: str) -> UserInfo:
        """Names and address are asked at `/userinfo`: tokens travel further than they need to."""
        return UserInfo(sub=user.compte, sid=user.sid)
