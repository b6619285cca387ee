"""How a confidential client proves itself: a JWT that its own key signed (RFC 7523, `private_key_jwt`); no secret."""

import json
import time
from typing import Any, override

from authlib.oauth2.rfc6749 import InvalidClientError
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from joserfc import jwt
from joserfc.jwk import KeySet
from joserfc.jws import extract_compact

from kit.auth.access_tokens import ALGORITHM, NOT_A_TOKEN
from services.identity.oidc.clients import Client

METHOD = "private_key_jwt"
_LEEWAY_SECONDS = 5
_LONGEST_SECONDS = 300
_LONGEST_JTI = 200


def claimed_client(assertion: str) -> str:
    """Which client an assertion says to be of, which proves nothing; empty where it says none."""
    try:
        claimed = json.loads(extract_compact(assertion.encode()).payload).get("sub")
    except (*NOT_A_TOKEN, AttributeError):
        return ""
    return claimed if isinstance(claimed, str) else ""


class PrivateKeyJwt(JWTBearerClientAssertion):
    """Assertions of five minutes at most, for us alone, signed with ES256 by a key that the client declares.

    What makes one serve once is noted on the request (`spent`), and written before anything is given for it.
    """

    CLIENT_AUTH_METHOD = METHOD  # type: ignore[misc] # Authlib means it to be changed: its documentation does

    def __init__(self, *, audiences: tuple[str, ...]) -> None:
        super().__init__(validate_jti=True, leeway=_LEEWAY_SECONDS)
        self._audiences = audiences

    @override
    def __call__(self, query_client: Any, request: Any) -> Client | None:
        """The client whose assertion the request shows; None where it shows none.

        Raises:
            InvalidClientError: it is not one that we believe.
        """
        client: Client | None = super().__call__(query_client, request)  # type: ignore[no-untyped-call]
        if client is None:
            return None
        if request.form.get("client_id", client.id) != client.id:
            raise InvalidClientError(description="The assertion is of another client.")
        _, claims = self.extract_assertion(request.form["client_assertion"])
        signed = claims.get("iat", claims["exp"] - _LONGEST_SECONDS - _LEEWAY_SECONDS)
        request.spent[f"assertion/{client.id}/{claims['jti']}"] = (signed, claims["exp"] + _LEEWAY_SECONDS)
        return client

    @override
    def extract_assertion(self, assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
        try:
            header, claims = super().extract_assertion(assertion)
        except NOT_A_TOKEN as error:
            raise InvalidClientError(description="Invalid JWT assertion.") from error
        return header, claims

    @override
    def resolve_client_public_key(self, client: Client) -> KeySet:
        if not client.cles:
            raise InvalidClientError(description="The client declares no key.")
        return KeySet(list(client.cles.values()))

    @override
    def process_assertion_claims(self, assertion: str, resolve_key: Any) -> jwt.Claims:
        header, _ = self.extract_assertion(assertion)
        # Without a key id the library would try whichever key comes first.
        key = next((key for key in resolve_key.keys if key.kid == header.get("kid")), None)
        if key is None:
            raise InvalidClientError(description="Unknown key.")
        try:
            claims = jwt.decode(assertion, key, algorithms=[ALGORITHM]).claims
            self.verify_claims(claims)
        except NOT_A_TOKEN as error:
            raise InvalidClientError(description="Invalid JWT assertion.") from error
        return claims

    @override
    def verify_claims(self, claims: jwt.Claims) -> None:
        super().verify_claims(claims)
        audience, expires = claims["aud"], claims["exp"]
        if audience not in self._audiences and audience not in [[known] for known in self._audiences]:
            raise InvalidClientError(description="The assertion is for others too.")
        if not isinstance(expires, int | float) or expires > time.time() + _LONGEST_SECONDS + _LEEWAY_SECONDS:
            raise InvalidClientError(description="The assertion is valid for too long.")

    @override
    def get_audiences(self) -> list[str]:
        return list(self._audiences)

    @override
    def validate_jti(self, claims: jwt.Claims, jti: object) -> bool:
        return isinstance(jti, str) and 0 < len(jti) <= _LONGEST_JTI
