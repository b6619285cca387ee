"""Access tokens: verified here, so that what is forged or expired goes no further, then passed on as they came."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet
from joserfc.jws import extract_compact

from gateway.refusals import RequestRefused, error

_ALGORITHM = "ES256"
_TYPE = "at+jwt"
_LEEWAY_SECONDS = 5
_FETCH_AT_MOST_EVERY_SECONDS = 5.0
_REMEMBERED_SECONDS = 30.0
_REMEMBERED = 10_000
_TIMEOUT = aiohttp.ClientTimeout(total=3)


class Unauthenticated(RequestRefused):
    """The request carries a token that is not valid."""

    def __init__(self) -> None:
        message = "Votre session n'est pas valide ou a expiré : reconnectez-vous."
        super().__init__([error(message, "NON_AUTHENTIFIE")], status=401)


class IssuerAway(RequestRefused):
    """The issuer's keys were never had and cannot be now."""

    def __init__(self) -> None:
        message = "L'identité ne peut pas être vérifiée pour l'instant : réessayez dans un instant."
        super().__init__([error(message, "SERVICE_INDISPONIBLE")], status=503)


@dataclass(slots=True)
class Tokens:
    """Checks the tokens of one issuer, by the keys it publishes: fetched when needed, kept while it is away.

    One that was found good is remembered for half a minute, or until it expires.
    """

    issuer: str
    audience: str
    _good: dict[str, float] = field(default_factory=dict, repr=False)
    _keys: dict[str, ECKey] = field(default_factory=dict)
    _fetched_at: float | None = None
    _fetching: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def check_header(self, authorization: str | None) -> None:
        """Let an anonymous request pass, and one with a valid bearer token.

        Raises:
            Unauthenticated: the header holds anything else.
            IssuerAway: it cannot be told.
        """
        if authorization is None:
            return
        scheme, _, value = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated
        if time.time() < self._good.get(value, 0.0):
            return
        try:
            key = await self._key(extract_compact(value.encode()).headers().get("kid"))
            token = jwt.decode(value, key, algorithms=[_ALGORITHM])
        except (JoseError, ValueError) as wrong:
            raise Unauthenticated from wrong
        expires = self._check(token.header, token.claims)
        if len(self._good) >= _REMEMBERED:
            self._good.clear()
        self._good[value] = min(time.time() + _REMEMBERED_SECONDS, expires)

    def _check(self, header: dict[str, Any], claims: dict[str, Any]) -> float:
        """When a valid token expires."""
        now = time.time()
        audience, expires = claims.get("aud"), claims.get("exp")
        valid = (
            str(header.get("typ", "")).lower() == _TYPE
            and claims.get("iss") == self.issuer
            and (audience == self.audience or (isinstance(audience, list) and self.audience in audience))
            and isinstance(expires, int | float)
            and expires > now - _LEEWAY_SECONDS
        )
        if not valid:
            raise Unauthenticated
        return float(claims["exp"])

    async def _key(self, kid: object) -> ECKey:
        if not isinstance(kid, str):
            raise Unauthenticated
        if kid not in self._keys:
            async with self._fetching:
                if kid not in self._keys and self._may_fetch():
                    await self._fetch()
        key = self._keys.get(kid)
        if key is None:
            raise Unauthenticated
        return key

    def _may_fetch(self) -> bool:
        """A forged key id must not make us call the issuer for each request."""
        if self._fetched_at is None:
            return True
        return time.monotonic() - self._fetched_at > _FETCH_AT_MOST_EVERY_SECONDS

    async def _fetch(self) -> None:
        try:
            async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
                discovered = await self._get(session, f"{self.issuer}/.well-known/openid-configuration")
                published = KeySet.import_key_set(await self._get(session, discovered["jwks_uri"]))
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, JoseError) as wrong:
            if not self._keys:
                raise IssuerAway from wrong
            return
        self._keys = {key.kid: key for key in published.keys if isinstance(key, ECKey) and key.kid}
        self._fetched_at = time.monotonic()

    async def _get(self, session: aiohttp.ClientSession, url: str) -> Any:
        async with session.get(url) as answer:
            answer.raise_for_status()
            return await answer.json()
