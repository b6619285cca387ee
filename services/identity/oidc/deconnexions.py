"""Telling clients that somebody has signed out (OpenID Connect Back-Channel Logout 1.0), until they have heard it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
from joserfc import jwt
from ulid import ULID

from kit.auth.access_tokens import ALGORITHM
from kit.http import open_client
from kit.logs import get_logger
from kit.mongo.connection import is_away
from services.identity.deps import Deps
from services.identity.domain.sessions import DUREE_JETON_DE_DECONNEXION
from services.identity.oidc.clients import Clients
from services.identity.store.deconnexions import Deconnexion, Deconnexions
from services.identity.store.sessions import find_famille

TYPE = "logout+jwt"
EVENT = "http://schemas.openid.net/event/backchannel-logout"
_SWEEP_SECONDS = 1.0
_TIMEOUT_SECONDS = 5.0
_AT_ONCE = 8
"""A client that does not answer keeps one of them busy, and the others are told meanwhile."""
_FIRST_RETRY = timedelta(seconds=2)
_LONGEST_RETRY = timedelta(minutes=5)

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Avertisseur:
    """Tells what waits, until cancelled; several processes share the work.

    A client is told at its declared address only: a redirection is a refusal. It may be told twice, should we die after
    it answered and before that is noted; each time by a token of its own.
    """

    deps: Deps
    issuer: str
    adresses: Mapping[str, str]

    @classmethod
    def of(cls, deps: Deps, clients: Clients, *, issuer: str) -> "Avertisseur":
        """For the clients that declare where they want to be told."""
        declared = {id: client.declaration.backchannel_logout_uri for id, client in clients.items()}
        return cls(deps=deps, issuer=issuer, adresses={id: uri for id, uri in declared.items() if uri is not None})

    async def run(self) -> None:
        """Tell for ever; whatever fails is said and tried again."""
        async with open_client(timeout=_TIMEOUT_SECONDS) as http:
            while True:
                try:
                    if not await Deconnexions(self.deps.database).is_empty(self.adresses, now=self.deps.clock()):
                        await asyncio.gather(*(self._tell_waiting(http) for _ in range(_AT_ONCE)))
                except Exception as error:
                    if not is_away(error):
                        raise
                    _log.warning("logout_interrupted", error=type(error).__name__)
                await asyncio.sleep(_SWEEP_SECONDS)

    async def _tell_waiting(self, http: httpx.AsyncClient) -> None:
        waiting = Deconnexions(self.deps.database)
        while (deconnexion := await waiting.take(self.adresses, now=self.deps.clock())) is not None:
            now = self.deps.clock()
            if deconnexion.expire_le <= now:
                _log.warning("logout_given_up", client=deconnexion.client, attempts=deconnexion.essais)
                await waiting.remove(deconnexion.id)
            elif await self._tell(http, deconnexion, now):
                await waiting.remove(deconnexion.id)
            else:
                delay = min(_FIRST_RETRY * 2 ** min(deconnexion.essais - 1, 10), _LONGEST_RETRY)
                await waiting.postpone(deconnexion.id, now + delay)

    async def _tell(self, http: httpx.AsyncClient, deconnexion: Deconnexion, now: datetime) -> bool:
        """Whether the client has heard it."""
        token = await self._token(deconnexion, now)
        try:
            # What it answers beside its status is not read, however long it is.
            async with (
                asyncio.timeout(_TIMEOUT_SECONDS),
                http.stream("POST", self.adresses[deconnexion.client], data={"logout_token": token}) as answer,
            ):
                if answer.is_success:
                    return True
                problem = str(answer.status_code)
        except (httpx.HTTPError, TimeoutError) as error:
            problem = type(error).__name__
        _log.warning("logout_postponed", client=deconnexion.client, attempts=deconnexion.essais, error=problem)
        return False

    async def _token(self, deconnexion: Deconnexion, now: datetime) -> str:
        famille = await find_famille(self.deps.database, deconnexion.famille)
        issued = int(now.timestamp())
        claims: dict[str, object] = {
            "iss": self.issuer,
            "aud": deconnexion.client,
            "iat": issued,
            "exp": issued + int(DUREE_JETON_DE_DECONNEXION.total_seconds()),
            "jti": str(ULID()),
            "events": {EVENT: {}},
            "sid": deconnexion.famille,
        }
        # Of a person who was erased meanwhile nothing is left to say: the session alone is enough (§2.4).
        if famille is not None:
            claims["sub"] = famille.compte
        key = self.deps.trousseau.signing_key
        return jwt.encode({"alg": ALGORITHM, "typ": TYPE, "kid": key.kid}, claims, key, algorithms=[ALGORITHM])
