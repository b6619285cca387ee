"""Proofs of possession (RFC 9449): a token that is bound to a key opens the gateway to whoever has that key only."""

import base64
import hashlib
import hmac
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from joserfc.jws import extract_compact

from gateway.refusals import RequestRefused, error

_ALGORITHM = "ES256"
_TYPE = "dpop+jwt"
_UNREADABLE = (JoseError, ValueError, TypeError, AttributeError, KeyError, OverflowError)
_OLDEST_SECONDS = 60.0
_LEEWAY_SECONDS = 5.0
_LONGEST_JTI = 200
_LONGEST_PROOF = 4000
_PROOFS_OF_A_KEY = 3_000
"""Within the minute that a proof is believed. The bound is each key's own: whoever floods is refused, and can have no
proof of anybody else forgotten."""


class ProofRefused(RequestRefused):
    """The request does not prove that its sender has the key that its token is bound to."""

    def __init__(self) -> None:
        message = "La preuve de possession de votre application n'est pas valable : recommencez depuis l'application."
        super().__init__([error(message, "NON_AUTHENTIFIE")], status=401)


@dataclass(slots=True)
class Proofs:
    """Checks proofs for requests to one public address; each serves once, in this process (RFC 9449 §11.1)."""

    address: str
    _seen: OrderedDict[str, dict[str, float]] = field(default_factory=OrderedDict, repr=False)

    def check(self, shown: Sequence[str], *, method: str, token: str, jkt: str) -> None:
        """Whether exactly one proof is shown, for this request and this token, by the key `jkt`, for the first time.

        Raises:
            ProofRefused: it is not so.
        """
        if len(shown) != 1 or len(shown[0]) > _LONGEST_PROOF:
            raise ProofRefused
        try:
            key = _key(extract_compact(shown[0].encode()).headers())
            claims = jwt.decode(shown[0], key, algorithms=[_ALGORITHM]).claims
            jti, issued = claims["jti"], float(claims["iat"])
            valid = (
                isinstance(jti, str)
                and 0 < len(jti) <= _LONGEST_JTI
                and -_LEEWAY_SECONDS <= time.time() - issued <= _OLDEST_SECONDS
                and claims["htm"] == method
                and _without_query(claims["htu"]) == self.address
                and hmac.compare_digest(str(claims["ath"]).encode(), _hash(token))
                and hmac.compare_digest(key.thumbprint(), jkt)
            )
        except _UNREADABLE as wrong:
            raise ProofRefused from wrong
        if not valid or not self._see(jkt, jti, issued + _OLDEST_SECONDS):
            raise ProofRefused

    def _see(self, jkt: str, jti: str, until: float) -> bool:
        """Note a proof of a key; False when it was seen, or when the key has shown too many."""
        now = time.time()
        # The keys that have shown nothing for longer than a proof is believed, the oldest first.
        while self._seen and max(next(iter(self._seen.values())).values()) < now:
            self._seen.popitem(last=False)
        seen = self._seen.setdefault(jkt, {})
        self._seen.move_to_end(jkt)
        if len(seen) >= _PROOFS_OF_A_KEY:
            for old in [known for known, end in seen.items() if end < now]:
                del seen[old]
        if jti in seen or len(seen) >= _PROOFS_OF_A_KEY:
            return False
        seen[jti] = until
        return True


def _key(header: dict[str, Any]) -> ECKey:
    jwk = header["jwk"]
    public = {name: jwk[name] for name in ("kty", "crv", "x", "y")}
    if header["typ"] != _TYPE or header["alg"] != _ALGORITHM or jwk["crv"] != "P-256" or "d" in jwk:
        raise ValueError("not a proof, or not by a public key of this kind")
    return ECKey.import_key(public)


def _without_query(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}{parts.path}"


def _hash(token: str) -> bytes:
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=")
