"""The copy of identity's rights that every service keeps, and the principal it makes of an access token.

Up to five seconds old is normal (architecture §6). Older, as after a service was away, identity itself is asked; while
it does not answer, reads go on with what is known, and whoever writes, exports or signs is refused.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from kit.auth import service_tokens
from kit.auth.access_tokens import AccessToken, IssuerKeys, TokenVerifier
from kit.clock import technical_clock
from kit.consumer.projections import GONE, keep, projection
from kit.consumer.subscriptions import Subscription
from kit.errors import NotFound, Unauthenticated, Unavailable
from kit.mongo import Collection, Database, Document, Index
from kit.rpc.client import Peer, open_peer
from kit.rpc.tls import channel_credentials
from kit.settings import ServiceSettings
from proto.identity.v1 import habilitations_pb2, service_pb2, service_pb2_grpc
from socle.principal import ACTE_SENSIBLE, Preuve, Principal
from socle.projections.rights_documents import read_droits, read_roles

HABILITATIONS = projection(
    "habilitations",
    fields={"actif": "bool", "roles": "array", "droits": "array"},
    purpose="décider de ce qu'un compte peut faire",
    readers="le service",
    kept="aussi longtemps que le compte",
)
REVOCATIONS = projection(
    "revocations",
    fields={"compte": "string", "recu_le": "date"},
    indexes=(Index(keys={"recu_le": 1}, expires_after=timedelta(hours=1)),),
    purpose="refuser les jetons d'une session terminée",
    readers="le service",
    kept="une heure : les jetons vivent dix minutes",
)
BATTEMENTS = projection(
    "battements",
    fields={"emis_le": "date", "jetons_depuis": ["date", "null"]},
    purpose="savoir depuis quand identity est silencieux, et si sa base vient d'être restaurée",
    readers="le service",
    kept="remplacé chaque seconde",
)
COLLECTIONS: Sequence[Collection] = (HABILITATIONS, REVOCATIONS, BATTEMENTS)

FRESH = timedelta(seconds=5)
_REMEMBERED = timedelta(seconds=1)
_NEVER = datetime.min.replace(tzinfo=UTC)
_LANE = "droits"
"""What is taken away is refused within five seconds, however many students or candidates are being read meanwhile."""
_ASK_SECONDS = 2.0
_SILENT_SECONDS = 5.0
"""How long reads do without an identity that did not answer: each would wait for it in turn."""


def subscriptions(database: Database) -> list[Subscription[Any]]:
    """What a service reads of identity."""
    return [
        Subscription(
            topic="identity.habilitations.v1",
            kind=habilitations_pb2.Habilitations,
            handle=keep(database, HABILITATIONS.name, _habilitations_document),
            projection=HABILITATIONS.name,
            lane=_LANE,
        ),
        Subscription(
            topic="identity.revocations.v1",
            kind=habilitations_pb2.Revocation,
            handle=keep(database, REVOCATIONS.name, lambda m: {"compte": m.compte, "recu_le": technical_clock()}),
            lane=_LANE,
        ),
        Subscription(
            topic="identity.battements.v1",
            kind=habilitations_pb2.Battement,
            handle=keep(database, BATTEMENTS.name, _battement_document),
            lane=_LANE,
            after_others=True,
        ),
    ]


def _habilitations_document(message: habilitations_pb2.Habilitations) -> Document:
    return {
        "actif": message.actif,
        "roles": [
            {
                "role": role.role,
                "uai": role.uai or None,
                "academie": role.academie or None,
                "region_academique": role.region_academique or None,
                "classes": list(role.classes),
                "groupes": list(role.groupes),
            }
            for role in message.roles
        ],
        "droits": [
            {
                "uai": droit.uai,
                "rubrique": droit.rubrique,
                "niveau": droit.niveau,
                "formation": droit.formation or None,
                "jusqu_au": _datetime(droit.jusqu_au) if droit.HasField("jusqu_au") else None,
            }
            for droit in message.droits
        ],
    }


def _battement_document(message: habilitations_pb2.Battement) -> Document:
    restored = _datetime(message.jetons_depuis) if message.HasField("jetons_depuis") else None
    return {"emis_le": _datetime(message.emis_le), "jetons_depuis": restored}


def _datetime(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(tzinfo=UTC)


def _principal(known: Principal, document: Document | None) -> Principal:
    """Who calls, with the rights of that document."""
    if document is None or document.get(GONE):
        # Known to the issuer, not to us yet, or no more: nothing is allowed.
        return replace(known, actif=False, roles=(), droits=())
    return replace(
        known,
        actif=document["actif"],
        roles=read_roles(document["roles"]),
        droits=read_droits(document["droits"]),
    )


@dataclass(slots=True)
class Acces:
    """Makes principals of tokens.

    A principal is remembered for one second, which is well within the five that the platform promises and spares two
    reads of the store for each part of a page.
    """

    database: Database
    identity: Peer
    verifier: TokenVerifier
    acte_sensible: timedelta = ACTE_SENSIBLE
    _remembered: dict[tuple[str, str], tuple[float, Principal]] = field(default_factory=dict)
    _heard_of: datetime = _NEVER
    _valid_from: datetime = _NEVER
    _silent_until: float = 0.0

    async def follow_issuer(self) -> None:
        """Keep the keys that tokens are checked by, for ever: the loop of a service that takes requests."""
        await self.verifier.keys.follow()

    def knows_issuer(self) -> bool:
        """Whether tokens can be checked, should identity go away now."""
        return self.verifier.keys.had

    async def of_headers(self, headers: Mapping[str, str]) -> Principal | None:
        """Who sends a request with these headers, with the rights last known; None when none says who.

        Raises:
            Unauthenticated: the token is not valid, or its session has ended.
            Unavailable: it cannot be checked now.
        """
        token = await self.verifier.verify_header(headers.get("authorization"), headers.get(service_tokens.HEADER))
        return None if token is None else await self.principal(token)

    async def principal(self, token: AccessToken) -> Principal:
        """Who calls, with rights of the last five seconds; with those last known, while identity is silent.

        Raises:
            Unauthenticated: the session has ended, or identity was restored from a backup since the token was issued.
        """
        key = (token.sub, token.sid)
        now = time.monotonic()
        held = self._remembered.get(key)
        if held is not None and now - held[0] < _REMEMBERED.total_seconds():
            return held[1]
        # Looked at before the rights: looked at after, it could tell of rights that came after these were read.
        fresh = await self._knows(FRESH - _REMEMBERED)
        revoked, document = await asyncio.gather(
            self.database[REVOCATIONS.name].find_one({"_id": token.sid}, projection=["_id"]),
            self.database[HABILITATIONS.name].find_one({"_id": token.sub}),
        )
        # A session that was opened after the backup is unknown to whoever could tell that it has ended.
        if revoked is not None or token.issued_at <= self._valid_from:
            raise Unauthenticated
        # How it was proved is the same in all the tokens of a session: it is remembered with the rights.
        preuve = Preuve(acr=token.acr, amr=token.amr, le=token.auth_time, recente=self.acte_sensible)
        caller = Principal(compte=token.sub, session=token.sid, actif=False, preuve=preuve)
        principal = _principal(caller, document)
        if not fresh:
            principal = await self._asked(principal)
        self._remember(key, now, principal)
        return principal

    def _remember(self, key: tuple[str, str], now: float, principal: Principal) -> None:
        if len(self._remembered) > 10_000:
            self._remembered.clear()
        self._remembered[key] = (now, principal)

    async def for_writing(self, principal: Principal) -> Principal:
        """The same caller, with rights fresh enough to change something.

        Raises:
            Unavailable: identity has been silent for too long, and does not answer either.
            Unauthenticated: the session has ended.
        """
        return principal if await self._knows(FRESH) else await self.confirmed(principal)

    async def _knows(self, age: timedelta) -> bool:
        """Whether all that identity decided up to `age` ago is known here."""
        if technical_clock() - self._heard_of > age:
            beat = await self.database[BATTEMENTS.name].find_one({"_id": "identity"})
            self._heard_of = _NEVER if beat is None else beat["emis_le"]
            self._valid_from = (beat or {}).get("jetons_depuis") or _NEVER
        return technical_clock() - self._heard_of <= age

    async def _asked(self, known: Principal) -> Principal:
        """The same caller as identity has it now; as it is known here, while identity does not answer."""
        if time.monotonic() < self._silent_until:
            return known
        try:
            return await self.confirmed(known)
        except Unavailable:
            self._silent_until = time.monotonic() + _SILENT_SECONDS
            return known

    async def confirmed(self, principal: Principal) -> Principal:
        """The same caller, with the rights that identity holds at this instant.

        Raises:
            Unavailable: identity does not answer.
            Unauthenticated: the session has ended.
        """
        stub = service_pb2_grpc.IdentityServiceStub(self.identity.channel)
        request = service_pb2.LireHabilitationsRequest(compte=principal.compte, session=principal.session)
        try:
            answer = await self.identity.call(stub.LireHabilitations, request, within=_ASK_SECONDS)
        except NotFound:
            return _principal(principal, None)
        except Unauthenticated as error:
            # It is the service that identity does not know: the person need not sign in again.
            raise Unavailable from error
        if not answer.session_active:
            raise Unauthenticated
        return _principal(principal, _habilitations_document(answer.habilitations))


def open_acces(settings: ServiceSettings, database: Database, *, service: str) -> Acces:
    """What `service` decides by; the caller closes `identity`."""
    identity = open_peer(
        settings.identity_grpc,
        caller=service,
        callee="identity",
        keys=settings.cles_services,
        tls=channel_credentials(settings),
    )
    gateway = service_tokens.vouched_by(settings.cles_services, callee=service, callers=service_tokens.GATEWAY)
    return Acces(
        database,
        identity,
        TokenVerifier(IssuerKeys(settings.identity_url), gateway),
        acte_sensible=timedelta(minutes=settings.acte_sensible_minutes),
    )
