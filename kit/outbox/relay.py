"""The relay: sends the outbox to Kafka in order, by one leader at a time, fenced by the broker (architecture §4)."""

import asyncio
import contextlib
import math
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby
from typing import Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerFenced
from opentelemetry import propagate, trace
from pymongo.errors import PyMongoError
from ulid import ULID

from kit import kafka
from kit.logs import get_logger
from kit.mongo import leases
from kit.mongo.collections import Database
from kit.mongo.measuring import measure_repeatedly
from kit.outbox import rows
from kit.outbox.rows import Row
from kit.settings import ServiceSettings
from kit.telemetry.metrics import EVENTS_SENT, OUTBOX_AGE

_BATCH = 500
_LEASE_NAME = "relais"
_LEASE = timedelta(seconds=10)
_SWEEP_SECONDS = 1.0
_RETRY_SECONDS = 1.0
_MANY = 100
"""≈ ours (ADR 025): rows that no click makes, but an import or a load of which more will follow."""
_REST_SECONDS = 1.0
"""≈ ours (ADR 025): longer than such a load takes from one commit to the next."""
_MEASURE_SECONDS = 5.0

_log = get_logger(__name__)
_tracer = trace.get_tracer(__name__)


@dataclass(slots=True, kw_only=True)
class Relay:
    """Publishes a service's outbox until cancelled.

    A process leads while it holds the lease. A leader that was paused past its lease and wakes up is refused by the
    broker (`transactional.id` was initialised again by its successor) and by the store (the lease is another's): it
    steps down, and has sent and deleted nothing.
    """

    service: str
    database: Database
    bootstrap_servers: str
    prefix: str
    holder: str = field(default_factory=lambda: str(ULID()))
    _held_at: float = -math.inf
    _woken_at: float = -math.inf
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def of(cls, settings: ServiceSettings, database: Database, *, service: str) -> Self:
        """The relay of `service`, on the broker that the settings name."""
        return cls(
            service=service,
            database=database,
            bootstrap_servers=settings.kafka_bootstrap_servers,
            prefix=settings.prefixe_topics,
        )

    def wake(self) -> None:
        """Events were just committed: send them now rather than at the next sweep."""
        self._woken_at = time.monotonic()
        self._woken.set()

    async def run(self) -> None:
        """Lead whenever possible, for ever; whatever fails is said and tried again, and loses nothing."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._lead_whenever_possible())
            # Apart: while the broker is away nothing is sent, and that is when the age matters.
            group.create_task(measure_repeatedly(self._measure_age, every=_MEASURE_SECONDS))

    async def _measure_age(self) -> None:
        oldest = await rows.oldest(self.database)
        OUTBOX_AGE.set(0 if oldest is None else (datetime.now(UTC) - oldest).total_seconds())

    async def _lead_whenever_possible(self) -> None:
        while True:
            try:
                if await self._acquire():
                    await self._lead()
            except ProducerFenced:
                _log.warning("relay_fenced")
            except (KafkaError, PyMongoError) as error:
                _log.warning("relay_interrupted", error=type(error).__name__)
            await asyncio.sleep(_RETRY_SECONDS)

    async def _lead(self) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self.bootstrap_servers,
            transactional_id=f"{self.prefix}relay-{self.service}",
            linger_ms=0,
        )
        try:
            # Starting it fences whoever led before, so rows are read only after it.
            await kafka.start(producer)
            _log.info("relay_leads")
            while self._is_sure() or await self._acquire():
                await self._drain(producer)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), _SWEEP_SECONDS)
                self._woken.clear()
        except asyncio.CancelledError:
            await leases.release(self.database, _LEASE_NAME, self.holder)
            raise
        finally:
            await kafka.stop(producer)

    async def _drain(self, producer: AIOKafkaProducer) -> None:
        """Send all that waits, in batches; going round from the last key keeps a busy one from starving the others."""
        after, full, rested = "", True, False
        while full and (batch := await rows.read(self.database, after=after, limit=_BATCH)):
            await self._send(producer, batch)
            if len(batch) >= _MANY and not rested:
                await self._make_way()
                rested = True
            if not await self._forget(batch):
                return
            after, full = batch[-1].id, len(batch) == _BATCH

    async def _send(self, producer: AIOKafkaProducer, batch: Sequence[Row]) -> None:
        async with producer.transaction():
            acknowledged = []
            for parent, group in groupby(batch, key=_traceparent):
                context = propagate.extract({"traceparent": parent})
                with _tracer.start_as_current_span(
                    "outbox send", context=context, kind=trace.SpanKind.PRODUCER
                ) as span:
                    sent = list(group)
                    span.set_attribute("messaging.batch.message_count", len(sent))
                    span.set_attribute("messaging.destination.name", sent[0].topic)
                    for row in sent:
                        pending = await producer.send(
                            self.prefix + row.topic,
                            row.value,
                            key=row.key.encode(),
                            headers=_continue_trace(row),
                        )
                        acknowledged.append(pending)
            # aiokafka commits a transaction even when the broker refused one of its records: only the record's own
            # future tells, and its row must not be deleted.
            await asyncio.gather(*acknowledged)
        EVENTS_SENT.add(len(batch))

    async def _make_way(self) -> None:
        """Leave the store to who commits hundreds of events at once, until a second after the last commit that is known
        by now: deleting as many rows while the next hundreds are written would hold them up (ADR 025).
        """
        await asyncio.sleep(max(0.0, self._woken_at + _REST_SECONDS - time.monotonic()))

    async def _forget(self, batch: Sequence[Row]) -> bool:
        """Delete what was sent, and renew the lease with it; False, and nothing is deleted, when another leads."""
        leading = partial(leases.renew, self.database, _LEASE_NAME, self.holder, _LEASE)
        return await self._note(rows.delete(self.database, [row.id for row in batch], leading=leading))

    async def _acquire(self) -> bool:
        return await self._note(leases.acquire(self.database, _LEASE_NAME, self.holder, _LEASE))

    async def _note(self, asking: Awaitable[bool]) -> bool:
        """What the store says of the lease, remembered from when it was asked."""
        started = time.monotonic()
        held = await asking
        self._held_at = started if held else -math.inf
        return held

    def _is_sure(self) -> bool:
        """Whether the lease is known to be held for a while yet, so that the store need not be asked.

        Being wrong, after a suspension, does no harm: of two leaders the broker lets the last one send, and the store
        lets who has the lease delete.
        """
        return time.monotonic() < self._held_at + _LEASE.total_seconds() / 3


def _traceparent(row: Row) -> str:
    return next((value.decode() for name, value in row.headers if name == "traceparent"), "")


def _continue_trace(row: Row) -> list[tuple[str, bytes]]:
    """The row's headers, with the span of the sending in place of the span of the change."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    kept = [pair for pair in row.headers if pair[0] != "traceparent"]
    return kept + [(name, value.encode()) for name, value in carrier.items()]
