"""The consumer: reads the service's topics and hands them, in order, to their handlers (architecture §4)."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from opentelemetry import propagate, trace

from kit import kafka
from kit.consumer import dead_letters
from kit.consumer.messages import Received, Unreadable, traceparent
from kit.consumer.subscriptions import LARGEST_BATCH, Subscription
from kit.consumer.turns import Turns
from kit.logs import get_logger
from kit.mongo.connection import is_away
from kit.settings import ServiceSettings
from kit.telemetry.metrics import CONSUMER_LAG, EVENTS_HANDLED

_BATCH = LARGEST_BATCH
_POLL_MS = 500
_FIRST_RETRY_SECONDS = 0.5
_LONGEST_RETRY_SECONDS = 30.0
_RESTART_SECONDS = 1.0

_log = get_logger(__name__)
_tracer = trace.get_tracer(__name__)


@dataclass(slots=True)
class _Hold:
    """A partition whose handler failed: not read again before `until`."""

    failures: int
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """Reads until cancelled. What is committed was handled; what was not is read again.

    A handler that fails (its store is away, it has a bug) holds its partition, with growing delays: the others go on,
    and nothing is skipped. Only what cannot be read goes to the dead letters. Each lane is read by itself.
    """

    service: str
    bootstrap_servers: str
    prefix: str
    subscriptions: Sequence[Subscription[Any]]

    @classmethod
    def of(cls, settings: ServiceSettings, subscriptions: Sequence[Subscription[Any]], *, service: str) -> Self:
        """The consumer of `service`, on the broker that the settings name."""
        return cls(
            service=service,
            bootstrap_servers=settings.kafka_bootstrap_servers,
            prefix=settings.prefixe_topics,
            subscriptions=subscriptions,
        )

    async def run(self) -> None:
        """Read for ever; when Kafka goes away, say so and start again."""
        async with asyncio.TaskGroup() as group:
            for lane in sorted({subscription.lane for subscription in self.subscriptions}):
                group.create_task(self._reader(lane).run())

    def _reader(self, lane: str) -> "_Reader":
        return _Reader(
            group_id=f"{self.prefix}{self.service}{lane and f'.{lane}'}",
            whole=bool(lane),
            bootstrap_servers=self.bootstrap_servers,
            by_topic={self.prefix + s.topic: s for s in self.subscriptions if s.lane == lane},
        )


@dataclass(slots=True, kw_only=True)
class _Reader:
    """Reads the topics of one lane, and commits for a consumer group of its own.

    Args:
        whole: read every partition here, whoever else does, rather than share them among the processes in the group:
            one that dies holds its share until it is found dead.
        by_topic: the subscriptions by the full name of their topic.
    """

    group_id: str
    whole: bool
    bootstrap_servers: str
    by_topic: Mapping[str, Subscription[Any]]
    _held: dict[TopicPartition, _Hold] = field(default_factory=dict)
    _turns: Turns = field(default_factory=Turns)

    async def run(self) -> None:
        while True:
            try:
                await self._session()
            except KafkaError as error:
                _log.warning("consumer_interrupted", error=type(error).__name__)
            await asyncio.sleep(_RESTART_SECONDS)

    async def _session(self) -> None:
        consumer = AIOKafkaConsumer(
            *(() if self.whole else self.by_topic),
            bootstrap_servers=self.bootstrap_servers,
            group_id=self.group_id,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_records=_BATCH,
        )
        burial = AIOKafkaProducer(bootstrap_servers=self.bootstrap_servers, enable_idempotence=True)
        self._held.clear()
        self._turns.clear()
        try:
            await kafka.start(consumer)
            await kafka.start(burial)
            if self.whole:
                consumer.assign([TopicPartition(t, p) for t in self.by_topic for p in await burial.partitions_for(t)])
            _log.info("consumer_reads", topics=len(self.by_topic))
            while True:
                self._resume(consumer)
                polled = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_BATCH)
                for partition, records in polled.items():
                    if self.by_topic[partition.topic].after_others:
                        await self._turns.wait(consumer, partition, records, self._others(consumer))
                    else:
                        await self._handle(consumer, burial, partition, records)
                for partition, waited in await self._turns.come(consumer):
                    await self._handle(consumer, burial, partition, waited)
        finally:
            await kafka.stop(burial)
            await kafka.stop(consumer)

    def _others(self, consumer: AIOKafkaConsumer) -> list[TopicPartition]:
        """The partitions that those wait for that come after the others."""
        return [p for p in consumer.assignment() if not self.by_topic[p.topic].after_others]

    def _resume(self, consumer: AIOKafkaConsumer) -> None:
        now, paused = time.monotonic(), consumer.paused()
        ready = [p for p, hold in self._held.items() if hold.until <= now and p in paused and p not in self._turns]
        if ready:
            consumer.resume(*ready)

    async def _handle(
        self,
        consumer: AIOKafkaConsumer,
        burial: AIOKafkaProducer,
        partition: TopicPartition,
        records: Sequence[ConsumerRecord],
    ) -> None:
        subscription = self.by_topic[partition.topic]
        handled, failed = await _handle_records(subscription, burial, records)
        if handled:
            self._held.pop(partition, None)
            await self._commit(consumer, partition, records[handled - 1].offset, subscription)
        if failed is not None:
            # From what failed, not from the first of the batch: what was buried before it is not buried again.
            self._hold(consumer, partition, records[handled].offset, failed)

    async def _commit(
        self, consumer: AIOKafkaConsumer, partition: TopicPartition, offset: int, subscription: Subscription[Any]
    ) -> None:
        """Commit what was handled, up to `offset`; where the partition was given to another, it handles that again."""
        try:
            await consumer.commit({partition: offset + 1})
        except (CommitFailedError, IllegalStateError):
            _log.info("consumer_rebalanced")
            return
        if partition in consumer.assignment() and (highwater := consumer.highwater(partition)) is not None:
            labels = {"topic": subscription.topic, "partition": partition.partition}
            CONSUMER_LAG.set(highwater - offset - 1, labels)

    def _hold(self, consumer: AIOKafkaConsumer, partition: TopicPartition, offset: int, error: Exception) -> None:
        if partition not in consumer.assignment():
            # Given to another meanwhile, who handles it from what is committed.
            _log.info("consumer_rebalanced", exc_info=error)
            return
        failures = self._held[partition].failures + 1 if partition in self._held else 1
        delay = min(_FIRST_RETRY_SECONDS * 2 ** (failures - 1), _LONGEST_RETRY_SECONDS)
        self._held[partition] = _Hold(failures, time.monotonic() + delay)
        consumer.pause(partition)
        consumer.seek(partition, offset)
        _log.warning("partition_held", topic=partition.topic, failures=failures, retry_in=delay, exc_info=error)


async def _handle_records(
    subscription: Subscription[Any], burial: AIOKafkaProducer, records: Sequence[ConsumerRecord]
) -> tuple[int, Exception | None]:
    """Handle them together: a store takes hundreds at once as it takes one. Where that fails, trace by trace, so that
    what comes before the event that cannot be handled does not wait for it.

    Returns:
        How many were handled, from the first on, and why the next was not.
    """
    parts = [list(group) for _, group in groupby(records, key=traceparent)]
    if len(parts) > 1:
        try:
            await _handle_batch(subscription, burial, records)
        except Exception as error:  # noqa: BLE001 - whatever a handler raises holds its partition
            if is_away(error):
                return 0, error
        else:
            return len(records), None
    handled = 0
    for part in parts:
        try:
            await _handle_batch(subscription, burial, part)
        except Exception as error:  # noqa: BLE001 - as above
            return handled, error
        handled += len(part)
    return handled, None


async def _handle_batch(
    subscription: Subscription[Any], burial: AIOKafkaProducer, records: Sequence[ConsumerRecord]
) -> None:
    with _consume(subscription, records):
        readable, unreadable = _sort_out(subscription, records)
        outcome = await subscription.handle(readable) if readable else None
        # After the others: while these cannot be handled, all come again, and are not to be buried each time.
        for record, reason in unreadable:
            await dead_letters.bury(burial, record, reason)
            _log.warning("dead_letter", topic=subscription.topic, offset=record.offset, reason=reason)
    applied = outcome.applied if outcome else 0
    _count(subscription.topic, "applied", applied)
    _count(subscription.topic, "older", len(readable) - applied)
    _count(subscription.topic, "dead", len(records) - len(readable))


@contextmanager
def _consume(subscription: Subscription[Any], records: Sequence[ConsumerRecord]) -> Iterator[None]:
    """A span in each trace that the records continue. What the handler does is in that of the first; the others link to
    it.
    """
    (first, count), *others = Counter(map(traceparent, records)).items()

    def options(parent: str, number: int) -> dict[str, Any]:
        told = {"messaging.destination.name": subscription.topic, "messaging.batch.message_count": number}
        return {
            "context": propagate.extract({"traceparent": parent}),
            "kind": trace.SpanKind.CONSUMER,
            "attributes": told,
        }

    with ExitStack() as stack:
        span = stack.enter_context(_tracer.start_as_current_span("consume", **options(first, count)))
        handling = trace.Link(span.get_span_context())
        for parent, number in others:
            stack.callback(_tracer.start_span("consume", links=[handling], **options(parent, number)).end)
        yield


def _sort_out(
    subscription: Subscription[Any], records: Sequence[ConsumerRecord]
) -> tuple[list[Received[Any]], list[tuple[ConsumerRecord, str]]]:
    """The events that can be read, and the records that cannot, each with its reason."""
    readable, unreadable = [], []
    for record in records:
        try:
            readable.append(subscription.read(record))
        except Unreadable as reason:
            unreadable.append((record, str(reason)))
    return readable, unreadable


def _count(topic: str, outcome: str, count: int) -> None:
    if count:
        EVENTS_HANDLED.add(count, {"topic": topic, "outcome": outcome})
