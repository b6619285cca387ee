"""The heartbeat: each second, up to which moment everything that identity decided is known to all (architecture §6)."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from google.protobuf.timestamp_pb2 import Timestamp
from ulid import ULID

from kit import kafka
from kit.clock import technical_clock
from kit.logs import get_logger
from kit.mongo import Database, leases
from kit.mongo.connection import is_away
from kit.outbox import rows
from kit.outbox.events import Event
from kit.versions import Version
from proto.identity.v1 import habilitations_pb2
from services.identity.settings import IdentitySettings
from services.identity.trousseau import Trousseau

TOPIC = "identity.battements.v1"
_PERIOD_SECONDS = 1.0
_LEASE = timedelta(seconds=4)
_NAME = "battements"

_log = get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class Battements:
    """Beats until cancelled; of several processes, the one that holds the lease does.

    A beat says the moment of the oldest event that is still in the outbox, or now when none is: should the relay stop,
    the others see identity grow old and ask it before they write, although it is there. While hundreds of accounts are
    loaded it looks a second older (ADR 025), of the five that are normal.
    """

    database: Database
    trousseau: Trousseau
    bootstrap_servers: str
    prefix: str
    holder: str = field(default_factory=lambda: str(ULID()))

    @classmethod
    def of(cls, settings: IdentitySettings, database: Database, trousseau: Trousseau) -> Self:
        """The heartbeat, on the broker that the settings name."""
        return cls(
            database=database,
            trousseau=trousseau,
            bootstrap_servers=settings.kafka_bootstrap_servers,
            prefix=settings.prefixe_topics,
        )

    async def run(self) -> None:
        """Beat for ever; when Kafka or the store is away, say so and try again."""
        while True:
            try:
                await self._session()
            except Exception as error:
                if not (isinstance(error, KafkaError) or is_away(error)):
                    raise
                _log.warning("heartbeat_interrupted", error=type(error).__name__)
            await asyncio.sleep(_PERIOD_SECONDS)

    async def _session(self) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self.bootstrap_servers, enable_idempotence=True, request_timeout_ms=4000
        )
        try:
            await kafka.start(producer)
            while True:
                if await leases.acquire(self.database, _NAME, self.holder, _LEASE):
                    await self._beat(producer)
                await asyncio.sleep(_PERIOD_SECONDS)
        finally:
            await kafka.stop(producer)
            await leases.release(self.database, _NAME, self.holder)

    async def next_beat(self) -> Event:
        """The beat of this second."""
        now = technical_clock()
        stamp = Timestamp()
        stamp.FromDatetime(await rows.oldest(self.database) or now)
        beat = habilitations_pb2.Battement(emis_le=stamp)
        if self.trousseau.restaure_le is not None:
            beat.jetons_depuis.FromDatetime(self.trousseau.restaure_le)
        return Event(
            topic=TOPIC,
            key="identity",
            version=Version(self.trousseau.generation, int(now.timestamp())),
            message=beat,
        )

    async def _beat(self, producer: AIOKafkaProducer) -> None:
        event = await self.next_beat()
        assert event.message is not None  # noqa: S101 - no tombstone
        await producer.send_and_wait(
            self.prefix + TOPIC,
            event.message.SerializeToString(deterministic=True),
            key=event.key.encode(),
            headers=event.headers(source="identity", time=technical_clock().isoformat()),
        )
