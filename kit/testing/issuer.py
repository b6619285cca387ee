"""An issuer of access tokens for tests: real ES256 keys, really published over HTTP on the loopback address."""

import time
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from kit.auth.access_tokens import ALGORITHM, AUDIENCE, TOKEN_TYPE


def new_key() -> ECKey:
    """A signing key with an identifier of its own."""
    return ECKey.generate_key("P-256", auto_kid=True)


@dataclass(slots=True)
class Issuer:
    """Publishes its key and signs what it is asked to, valid or not."""

    port: int
    key: ECKey = field(default_factory=new_key)
    fetches: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def token(self, *, key: ECKey | None = None, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A valid access token of the account `sub`, but for the claims (None leaves one out) and header fields given
        otherwise.
        """
        now = int(time.time())
        signing = key or self.key
        valid = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "01TESTCOMPTE",
            "sid": "01TESTSESSION",
            "client_id": "essai",
            "scope": "openid",
            "acr": "2",
            "amr": ["pwd", "otp"],
            "auth_time": now,
            "iat": now,
            "exp": now + 600,
        }
        protected = {"alg": ALGORITHM, "typ": TOKEN_TYPE, "kid": signing.kid} | (header or {})
        said = {name: value for name, value in (valid | claims).items() if value is not None}
        return jwt.encode(protected, said, signing, algorithms=[ALGORITHM])

    def authorization(self, **claims: Any) -> dict[str, str]:
        """The header of a request with such a token."""
        return {"authorization": f"Bearer {self.token(**claims)}"}

    def app(self) -> Starlette:
        return Starlette(
            routes=[Route("/.well-known/openid-configuration", self._discovery), Route("/jwks", self._jwks)]
        )

    async def _discovery(self, _request: Request) -> Response:
        return JSONResponse({"issuer": self.url, "jwks_uri": f"{self.url}/jwks"})

    async def _jwks(self, _request: Request) -> Response:
        self.fetches += 1
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})
