"""Proofs of possession (RFC 9449): whoever uses a token that is bound to a key shows that it has the key."""

import base64
import hashlib
import hmac
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from authlib.oauth2 import OAuth2Error
from joserfc import jwt
from joserfc.jwk import ECKey
from joserfc.jws import extract_compact

from kit.auth.access_tokens import ALGORITHM, NOT_A_TOKEN

HEADER = "dpop"
TOKEN_TYPE = "DPoP"  # noqa: S105 - a scheme
TYPE = "dpop+jwt"
SPENT = "dpop/"
_OLDEST_SECONDS = 60
_LEEWAY_SECONDS = 5
_LONGEST_JTI = 200
_LONGEST_PROOF = 4000


class InvalidProof(OAuth2Error):
    """There is no proof, or it is not one for this request, now."""

    error = "invalid_dpop_proof"


@dataclass(frozen=True, slots=True)
class Possession:
    """The key that was proved, by its thumbprint (RFC 7638), and what makes the proof serve once."""

    jkt: str
    jti: str
    issued_at: float

    def spent(self) -> tuple[str, float, float]:
        """What showing it used up, and from when until when it would be believed."""
        return f"{SPENT}{self.jkt}/{self.jti}", self.issued_at, self.issued_at + _OLDEST_SECONDS + _LEEWAY_SECONDS


def read_proof(shown: Sequence[str], *, method: str, url: str, token: str | None = None) -> Possession:
    """The possession that the `DPoP` headers of a request prove; with `token`, for that access token.

    Raises:
        InvalidProof: there is not exactly one proof, for this method and address, made in the last minute.
    """
    if len(shown) != 1 or len(shown[0]) > _LONGEST_PROOF:
        raise InvalidProof("Expected one proof of possession.")
    try:
        key = _key(extract_compact(shown[0].encode()).headers())
        claims = jwt.decode(shown[0], key, algorithms=[ALGORITHM]).claims
        jti, issued = claims["jti"], float(claims["iat"])
        valid = (
            isinstance(jti, str)
            and 0 < len(jti) <= _LONGEST_JTI
            and -_LEEWAY_SECONDS <= time.time() - issued <= _OLDEST_SECONDS
            and claims["htm"] == method
            and _without_query(claims["htu"]) == url
            and (token is None or hmac.compare_digest(str(claims["ath"]).encode(), _hash(token)))
        )
    except (*NOT_A_TOKEN, KeyError, OverflowError) as error:
        raise InvalidProof("The proof of possession cannot be read.") from error
    if not valid:
        raise InvalidProof("The proof of possession is not for this request.")
    return Possession(key.thumbprint(), jti, issued)


def _key(header: dict[str, Any]) -> ECKey:
    jwk = header["jwk"]
    public = {name: jwk[name] for name in ("kty", "crv", "x", "y")}
    if header["typ"] != TYPE or header["alg"] != ALGORITHM or jwk["crv"] != "P-256" or "d" in jwk:
        raise ValueError("not a proof, or not by a public key of ours")
    return ECKey.import_key(public)


def _without_query(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}{parts.path}"


def _hash(token: str) -> bytes:
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=")
