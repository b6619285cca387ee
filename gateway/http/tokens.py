"""Access tokens: verified here, so that what is forged or expired goes no further, then passed on as they came."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet
from joserfc.jws import extract_compact

from gateway.http.proofs import Proofs
from gateway.refusals import RequestRefused, error

_ALGORITHM = "ES256"
_TYPE = "at+jwt"
_NOT_A_TOKEN = (JoseError, ValueError, TypeError, AttributeError)
"""What joserfc raises for what anybody may send: it uses the values of a header before it knows what they are."""
_LEEWAY_SECONDS = 5
_FOLLOWED_EVERY_SECONDS = 300.0
_FETCH_AT_MOST_EVERY_SECONDS = 5.0
_RETRY_AT_MOST_EVERY_SECONDS = 0.5
_REMEMBERED_SECONDS = 30.0
_REMEMBERED = 10_000
_TIMEOUT = aiohttp.ClientTimeout(total=3)

_log = structlog.get_logger(module=__name__)


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
class IssuerKeys:
    """The public keys that the issuer publishes, by key id: fetched when needed, kept while it is away.

    A gateway that follows them has them before its first request.
    """

    issuer: str
    _keys: dict[str, ECKey] = field(default_factory=dict)
    _next_fetch: float = 0.0
    _fetching: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def had(self) -> bool:
        """Whether the issuer was reached once."""
        return bool(self._keys)

    async def follow(self) -> None:
        """Fetch the keys now and every five minutes, for ever: a key that the issuer withdraws is believed no more."""
        while True:
            async with self._fetching:
                await self._fetch()
            await asyncio.sleep(_FOLLOWED_EVERY_SECONDS if self.had else _RETRY_AT_MOST_EVERY_SECONDS)

    async def get(self, kid: str) -> ECKey:
        """The key `kid`.

        Raises:
            Unauthenticated: the issuer has no such key.
            IssuerAway: it was never reached.
        """
        if kid not in self._keys:
            async with self._fetching:
                # A forged key id must not make us call the issuer for each request, nor wait for one that is away.
                if kid not in self._keys and time.monotonic() >= self._next_fetch:
                    await self._fetch()
            if not self.had:
                raise IssuerAway
        if kid not in self._keys:
            raise Unauthenticated
        return self._keys[kid]

    async def _fetch(self) -> None:
        try:
            async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
                discovered = await _get(session, f"{self.issuer}/.well-known/openid-configuration")
                published = KeySet.import_key_set(await _get(session, discovered["jwks_uri"]))
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError, JoseError) as wrong:
            _log.warning("issuer_keys_unavailable", error=type(wrong).__name__)
            self._next_fetch = time.monotonic() + _RETRY_AT_MOST_EVERY_SECONDS
            return
        self._keys = {key.kid: key for key in published.keys if isinstance(key, ECKey) and key.kid}
        self._next_fetch = time.monotonic() + _FETCH_AT_MOST_EVERY_SECONDS


async def _get(session: aiohttp.ClientSession, url: str) -> Any:
    async with session.get(url) as answer:
        answer.raise_for_status()
        return await answer.json()


@dataclass(slots=True)
class Tokens:
    """Checks the tokens of one issuer.

    One that was found good is remembered for half a minute, or until it expires.
    """

    keys: IssuerKeys
    audience: str
    proofs: Proofs | None = None
    _good: dict[str, tuple[float, str | None]] = field(default_factory=dict, repr=False)

    async def check_header(self, authorization: str | None, proofs: Sequence[str] = ()) -> None:
        """Let an anonymous request pass, one with a valid bearer token, and one with a token that is bound to a key and
        the proof (its `DPoP` header) that its sender has the key.

        Raises:
            Unauthenticated: the header holds anything else: neither kind of token is taken for the other.
            ProofRefused: the possession of the key is not proved.
            IssuerAway: it cannot be told.
        """
        if authorization is None:
            return
        scheme, _, value = authorization.partition(" ")
        if scheme.lower() not in ("bearer", "dpop"):
            raise Unauthenticated
        jkt = await self._bound_to(value)
        if (jkt is not None) != (scheme.lower() == "dpop"):
            raise Unauthenticated
        if jkt is not None:
            if self.proofs is None:
                raise Unauthenticated
            self.proofs.check(proofs, method="POST", token=value, jkt=jkt)

    async def _bound_to(self, value: str) -> str | None:
        """The thumbprint of the key that a valid token is bound to, None for one that is not."""
        until, jkt = self._good.get(value, (0.0, None))
        if time.time() < until:
            return jkt
        key = await self.keys.get(_kid(value))
        try:
            token = jwt.decode(value, key, algorithms=[_ALGORITHM])
        except _NOT_A_TOKEN as wrong:
            raise Unauthenticated from wrong
        expires, jkt = self._check(token.header, token.claims)
        if len(self._good) >= _REMEMBERED:
            self._good.clear()
        self._good[value] = (min(time.time() + _REMEMBERED_SECONDS, expires), jkt)
        return jkt

    def _check(self, header: dict[str, Any], claims: dict[str, Any]) -> tuple[float, str | None]:
        """When a valid token expires, and which key it is bound to."""
        now = time.time()
        audience, expires = claims.get("aud"), claims.get("exp")
        valid = (
            str(header.get("typ", "")).lower() == _TYPE
            and claims.get("iss") == self.keys.issuer
            and (audience == self.audience or (isinstance(audience, list) and self.audience in audience))
            and isinstance(expires, int | float)
            and expires > now - _LEEWAY_SECONDS
            # Of a person's session: a machine has none, and its flow does not pass here.
            and isinstance(claims.get("sid"), str)
        )
        if not valid:
            raise Unauthenticated
        found: float = claims["exp"]
        return found, _bound_to(claims)


def _bound_to(claims: dict[str, Any]) -> str | None:
    if "cnf" not in claims:
        return None
    confirmed = claims["cnf"]
    jkt = confirmed.get("jkt") if isinstance(confirmed, dict) else None
    if not isinstance(jkt, str):
        raise Unauthenticated
    return jkt


def _kid(value: str) -> str:
    try:
        kid = extract_compact(value.encode()).headers().get("kid")
    except _NOT_A_TOKEN as wrong:
        raise Unauthenticated from wrong
    if not isinstance(kid, str):
        raise Unauthenticated
    return kid
