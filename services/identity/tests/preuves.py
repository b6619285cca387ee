"""Proofs of possession as a client makes them (RFC 9449), good but for what is said otherwise."""

import base64
import hashlib
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey

from infra.local.connexion import REDIRECTION, Navigateur

VERIFIER = "a-verifier-of-more-than-forty-three-characters-long"


@dataclass(frozen=True, slots=True)
class Telephone:
    """A client with a key of its own."""

    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256"))

    @property
    def jkt(self) -> str:
        return self.key.thumbprint()

    def proof(
        self,
        method: str,
        url: str,
        *,
        token: str | None = None,
        key: ECKey | None = None,
        header: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """A proof for a request; a claim that is None is left out."""
        signing = key or self.key
        said: dict[str, Any] = {"jti": uuid4().hex, "htm": method, "htu": url, "iat": int(time.time())}
        if token is not None:
            said["ath"] = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()
        protected = {"typ": "dpop+jwt", "alg": "ES256", "jwk": self.key.as_dict(private=False)} | (header or {})
        claimed = {name: value for name, value in (said | claims).items() if value is not None}
        return jwt.encode(protected, claimed, signing, algorithms=[protected["alg"]])

    def bearing(self, method: str, url: str, token: str, **changed: Any) -> dict[str, str]:
        """The headers of a request with a token that is bound to its key."""
        return {"authorization": f"DPoP {token}", "dpop": self.proof(method, url, token=token, **changed)}


async def post(browser: Navigateur, proof: str | None, **fields: str) -> httpx.Response:
    """Ask the token endpoint, with that proof."""
    headers = {} if proof is None else {"dpop": proof}
    url = f"{browser.identity_url}/token"
    return await browser._http.post(url, data={"client_id": browser.client_id, **fields}, headers=headers)


async def exchange(browser: Navigateur, code: str, proof: str | None) -> httpx.Response:
    """Exchange a code, with that proof."""
    fields = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER}
    return await post(browser, proof, redirect_uri=REDIRECTION, **fields)


async def renew(browser: Navigateur, refresh_token: str, proof: str | None) -> httpx.Response:
    """Use a refresh token, with that proof."""
    return await post(browser, proof, grant_type="refresh_token", refresh_token=refresh_token)
