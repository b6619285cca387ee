"""Access tokens (RFC 9068): verified by every service for itself, against the issuer's published keys."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet
from joserfc.jws import CompactSignature, JWSRegistry, extract_compact, validate_compact

from kit.errors import Forbidden, Unauthenticated, Unavailable
from kit.http import open_client
from kit.logs import get_logger

ALGORITHM = "ES256"
TOKEN_TYPE = "at+jwt"  # noqa: S105 - a media type
AUDIENCE = "site-de-gestion"
NOT_A_TOKEN = (JoseError, ValueError, TypeError, AttributeError)
"""What joserfc raises for what anybody may send: it uses the values of a header before it knows what they are."""
_REGISTRY = JWSRegistry(algorithms=[ALGORITHM])
_LEEWAY_SECONDS = 5
_FOLLOWED_EVERY_SECONDS = 300.0
_REFRESH_AT_MOST_EVERY_SECONDS = 5.0
_RETRY_AT_MOST_EVERY_SECONDS = 0.5
_FETCH_TIMEOUT_SECONDS = 3.0
_REMEMBERED_SECONDS = 30.0
_REMEMBERED = 10_000
_OF_A_PERSON = frozenset({"sid", "acr", "amr", "auth_time"})
_END_OF_TIME = datetime.max.replace(tzinfo=UTC).timestamp()

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AccessToken:
    """Who calls, in which session of sign-in, and how that was proved. Rights are not in it (architecture §6)."""

    sub: str
    sid: str
    client_id: str
    scope: frozenset[str]
    acr: str
    amr: tuple[str, ...]
    auth_time: datetime
    issued_at: datetime
    expires_at: datetime
    cle: str | None = None
    """The thumbprint of the key that it is bound to (RFC 9449), and without which it is worth nothing."""


@dataclass(frozen=True, slots=True)
class MachineToken:
    """Which machine calls, and the flows it may use: no person, no session (RFC 9068 §2.2, client credentials)."""

    client_id: str
    scope: frozenset[str]
    expires_at: datetime


@dataclass(slots=True)
class IssuerKeys:
    """The issuer's public keys, by key id: fetched when first needed and when an unknown id comes, kept meanwhile.

    A process that follows them has them before its first request, so that the issuer may be away for it.
    """

    issuer: str
    _keys: dict[str, ECKey] = field(default_factory=dict)
    _next_fetch: float = 0.0
    _fetching: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def get(self, kid: str) -> ECKey | None:
        """The key `kid`, None when the issuer does not know it.

        Raises:
            Unavailable: the issuer does not answer and the key was never seen.
        """
        if kid not in self._keys:
            async with self._fetching:
                # A forged key id must not make us call the issuer for each request, nor wait for one that is away.
                if kid not in self._keys and time.monotonic() >= self._next_fetch:
                    await self._fetch()
            if not self.had:
                raise Unavailable
        return self._keys.get(kid)

    @property
    def had(self) -> bool:
        """Whether the issuer was reached once."""
        return bool(self._keys)

    async def follow(self) -> None:
        """Fetch the keys now and every five minutes, for ever: a key that the issuer withdraws is believed no more.

        While the issuer is away the keys it published last count; as long as it was never reached it is tried again.
        """
        while True:
            async with self._fetching:
                await self._fetch()
            await asyncio.sleep(_FOLLOWED_EVERY_SECONDS if self.had else _RETRY_AT_MOST_EVERY_SECONDS)

    async def _fetch(self) -> None:
        try:
            async with open_client(timeout=_FETCH_TIMEOUT_SECONDS) as client:
                discovered = await client.get(f"{self.issuer}/.well-known/openid-configuration")
                answer = await client.get(discovered.raise_for_status().json()["jwks_uri"])
                published = KeySet.import_key_set(answer.raise_for_status().json())
        except (httpx.HTTPError, ValueError, KeyError, TypeError, JoseError) as error:
            _log.warning("issuer_keys_unavailable", error=type(error).__name__)
            self._next_fetch = time.monotonic() + _RETRY_AT_MOST_EVERY_SECONDS
            return
        self._keys = {key.kid: key for key in published.keys if isinstance(key, ECKey) and key.kid}
        self._next_fetch = time.monotonic() + _REFRESH_AT_MOST_EVERY_SECONDS


type Voucher = Callable[[str | None], None]
"""Takes the service token of whoever passed a bound token on, and raises `Unauthenticated` where that is nobody who had
the possession of its key proved."""


def nobody_vouches(_service_token: str | None) -> None:
    """For whoever is asked by nobody that checks proofs: bound tokens are refused."""
    raise Unauthenticated


@dataclass(frozen=True, slots=True)
class TokenVerifier:
    """Checks access tokens of one issuer for this platform.

    One that was found good is remembered for half a minute, so that the requests of a page cost one check of its
    signature; when it expires is looked at each time.
    """

    keys: IssuerKeys
    voucher: Voucher = nobody_vouches
    _good: dict[str, tuple[float, AccessToken]] = field(default_factory=dict, repr=False)

    async def verify_header(self, authorization: str | None, service_token: str | None = None) -> AccessToken | None:
        """The verified token of an `Authorization` header; None when there is no header at all.

        One that is bound to a key has the scheme `DPoP`, and comes with the service token of the gateway, which saw the
        proof; one that is not has the scheme `Bearer`: neither is taken for the other.

        Raises:
            Unauthenticated: the header holds anything else.
            Unavailable: the issuer's keys cannot be had.
        """
        if authorization is None:
            return None
        scheme, _, value = authorization.partition(" ")
        if scheme.lower() not in ("bearer", "dpop") or not value:
            raise Unauthenticated
        token = await self.verify(value)
        if (token.cle is not None) != (scheme.lower() == "dpop"):
            raise Unauthenticated
        if token.cle is not None:
            self.voucher(service_token)
        return token

    async def verify(self, value: str) -> AccessToken:
        """Check signature, type, issuer, audience and time; not who has the key that it may be bound to.

        Raises:
            Unauthenticated: one of them is wrong.
            Unavailable: the issuer's keys cannot be had.
        """
        until, token = self._good.get(value, (0.0, None))
        if token is not None and time.monotonic() < until:
            if token.expires_at.timestamp() <= time.time() - _LEEWAY_SECONDS:
                raise Unauthenticated
            return token
        token = self._read(await self._claims(value))
        if len(self._good) >= _REMEMBERED:
            self._good.clear()
        self._good[value] = (time.monotonic() + _REMEMBERED_SECONDS, token)
        return token

    async def verify_machine(self, value: str, *, flux: str | None = None) -> MachineToken:
        """Check the token of a machine, for one flow; without one, whichever it has.

        Raises:
            Unauthenticated: it is not valid, or is a person's.
            Forbidden: the machine has not that flow.
            Unavailable: the issuer's keys cannot be had.
        """
        claims = await self._claims(value)
        token = MachineToken(
            client_id=_text(claims, "client_id"),
            scope=frozenset(_text(claims, "scope").split()),
            expires_at=datetime.fromtimestamp(_number(claims.get("exp")), UTC),
        )
        if _text(claims, "sub") != token.client_id or not _OF_A_PERSON.isdisjoint(claims):
            raise Unauthenticated
        if flux is not None and flux not in token.scope:
            raise Forbidden("Ce système n'a pas accès à ce flux : demandez-le à l'équipe nationale.")
        return token

    async def _claims(self, value: str) -> dict[str, Any]:
        """What a valid token says, of a person or of a machine."""
        signed = _open(value)
        kid = signed.headers().get("kid")
        key = await self.keys.get(kid) if isinstance(kid, str) else None
        if key is None:
            raise Unauthenticated
        now, claims = time.time(), _verified(signed, key)
        audience = claims.get("aud")
        valid = (
            str(signed.headers().get("typ", "")).lower() == TOKEN_TYPE
            and claims.get("iss") == self.keys.issuer
            and (audience == AUDIENCE or (isinstance(audience, list) and AUDIENCE in audience))
            and _number(claims.get("exp")) > now - _LEEWAY_SECONDS
            and 0 < _number(claims.get("iat")) < now + _LEEWAY_SECONDS
        )
        if not valid:
            raise Unauthenticated
        return claims

    def _read(self, claims: dict[str, Any]) -> AccessToken:
        amr = claims.get("amr")
        if not isinstance(amr, list) or not _number(claims.get("auth_time")):
            raise Unauthenticated
        return AccessToken(
            sub=_text(claims, "sub"),
            sid=_text(claims, "sid"),
            client_id=_text(claims, "client_id"),
            scope=frozenset(_text(claims, "scope").split()),
            acr=_text(claims, "acr"),
            amr=tuple(str(method) for method in amr),
            auth_time=datetime.fromtimestamp(_number(claims.get("auth_time")), UTC),
            issued_at=datetime.fromtimestamp(_number(claims.get("iat")), UTC),
            expires_at=datetime.fromtimestamp(_number(claims.get("exp")), UTC),
            cle=_bound_to(claims),
        )


def _bound_to(claims: dict[str, Any]) -> str | None:
    """The thumbprint of its key; a token that says anything else under `cnf` is none of ours."""
    if "cnf" not in claims:
        return None
    confirmed = claims["cnf"]
    return _text(confirmed if isinstance(confirmed, dict) else {}, "jkt")


def _text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str):
        raise Unauthenticated
    return value


def _open(value: str) -> CompactSignature:
    """The parts of a token, read once; nothing of them is believed yet."""
    try:
        return extract_compact(value.encode(), registry=_REGISTRY)
    except NOT_A_TOKEN as error:
        raise Unauthenticated from error


def _verified(signed: CompactSignature, key: ECKey) -> dict[str, Any]:
    """What a token says, once its signature is found to be of that key."""
    try:
        genuine = validate_compact(signed, key, registry=_REGISTRY)
        claims = orjson.loads(signed.payload) if genuine else None
    except NOT_A_TOKEN as error:
        raise Unauthenticated from error
    if not isinstance(claims, dict):
        raise Unauthenticated
    return claims


def _number(value: object) -> float:
    """A moment, in seconds; 0 for what is none."""
    return float(value) if isinstance(value, int | float) and 0 < value < _END_OF_TIME else 0.0
