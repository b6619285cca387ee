"""Giving rights in tests: as identity would, by the very event that services read."""

import time
from datetime import UTC, datetime

from google.protobuf.message import Message

from kit.consumer.messages import Received
from kit.mongo import Database
from kit.versions import Version
from proto.identity.v1 import habilitations_pb2
from socle.projections import habilitations
from socle.rubriques import Role


async def grant(
    database: Database,
    compte: str,
    *roles: habilitations_pb2.Role,
    droits: tuple[habilitations_pb2.Droit, ...] = (),
    actif: bool = True,
) -> None:
    """Make the service of `database` know these rights of `compte`, and no others."""
    message = habilitations_pb2.Habilitations(compte=compte, actif=actif, roles=roles, droits=droits)
    await _receive(database, "identity.habilitations.v1", compte, message)


async def end_session(database: Database, session: str) -> None:
    """Make the service know that a session of sign-in has ended."""
    message = habilitations_pb2.Revocation(session=session, compte="")
    await _receive(database, "identity.revocations.v1", session, message)


async def beat(database: Database, *, at: datetime | None = None, restored: datetime | None = None) -> None:
    """Make the service hear what identity's heart said now, or then: for five seconds it trusts the rights it knows.

    `restored` is when identity's store was, from a backup.
    """
    message = habilitations_pb2.Battement()
    if restored is not None:
        message.jetons_depuis.FromDatetime(restored)
    message.emis_le.FromDatetime(at or datetime.now(UTC))
    await _receive(database, "identity.battements.v1", "identity", message)


async def _receive(database: Database, topic: str, key: str, message: Message) -> None:
    (subscription,) = [s for s in habilitations.subscriptions(database) if s.topic == topic]
    await subscription.handle([Received(key, Version(1, time.time_ns() // 1_000_000), message)])


def role(kind: Role, *, uai: str = "", academie: str = "") -> habilitations_pb2.Role:
    """A role, for an establishment or an académie."""
    return habilitations_pb2.Role(role=kind, uai=uai, academie=academie)
