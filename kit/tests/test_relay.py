"""The relay: what it sends, in which order, and what a leader that overslept cannot do."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from functools import partial

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import ProducerFenced
from google.protobuf.wrappers_pb2 import StringValue

from kit.mongo import Database, Transaction, Transactor, leases
from kit.mongo.migrations import Layout
from kit.outbox import rows
from kit.outbox.events import Event
from kit.outbox.relay import Relay
from kit.outbox.rows import OUTBOX, Row
from kit.testing.fixtures import CreateTopics
from kit.testing.waiting import eventually
from kit.versions import Version

pytestmark = pytest.mark.stack

TOPIC = "essai.choses.v1"


@pytest.fixture
async def store(database: Database, create_topics: CreateTopics) -> Database:
    await Layout(collections=[OUTBOX]).migrate(database)
    await create_topics([TOPIC])
    return database


async def write(store: Database, events: Iterable[tuple[str, int]]) -> None:
    transact: Transactor[Transaction] = Transactor(
        database=store,
        work=lambda tx: tx,
        write_outbox=partial(rows.write, source="essai"),
        committed=lambda: None,
    )

    async def body(tx: Transaction) -> None:
        for key, n in events:
            tx.publish(Event(topic=TOPIC, key=key, version=Version(1, n), message=StringValue(value=f"{key}{n}")))

    await transact(body)


@contextlib.asynccontextmanager
async def running(relay: Relay) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(relay.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def read_all(bootstrap_servers: str, topic: str) -> list[tuple[str, int]]:
    """The committed (key, n) of a topic, in order within each partition."""
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap_servers,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        found: list[tuple[str, int]] = []
        while [p for p in ends if await consumer.position(p) < ends[p]]:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += [(r.key.decode(), Version.from_rank(int(dict(r.headers)["version"])).n) for r in records]
        return found
    finally:
        await consumer.stop()


async def empty(store: Database) -> bool:
    return await store.outbox.count_documents({}) == 0


async def test_versions_of_a_key_are_sent_in_order_over_many_batches(
    store: Database, kafka_bootstrap_servers: str, unique_prefix: str
) -> None:
    # Written newest first, and more than two batches of them.
    for n in (3, 2, 1):
        await write(store, ((f"k{i:03d}", n) for i in range(400)))
    relay = Relay(service="essai", database=store, bootstrap_servers=kafka_bootstrap_servers, prefix=unique_prefix)
    async with running(relay):
        await eventually(lambda: empty(store), within=30)
    sent = await read_all(kafka_bootstrap_servers, unique_prefix + TOPIC)
    assert len(sent) == 1200
    by_key: dict[str, list[int]] = {}
    for key, n in sent:
        by_key.setdefault(key, []).append(n)
    assert set(map(tuple, by_key.values())) == {(1, 2, 3)}


async def test_rows_sent_but_not_yet_deleted_when_the_leader_died_are_sent_again_and_leave_the_newest_last(
    store: Database, kafka_bootstrap_servers: str, unique_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(_database: Database, _ids: Iterable[str]) -> None:
        raise asyncio.CancelledError

    await write(store, [("a", 1)])
    relay = Relay(service="essai", database=store, bootstrap_servers=kafka_bootstrap_servers, prefix=unique_prefix)
    with monkeypatch.context() as patched:
        patched.setattr(rows, "delete", die)
        with pytest.raises(asyncio.CancelledError):
            await relay.run()
    await write(store, [("a", 2)])
    successor = Relay(service="essai", database=store, bootstrap_servers=kafka_bootstrap_servers, prefix=unique_prefix)
    async with running(successor):
        await eventually(lambda: empty(store), within=30)
    assert await read_all(kafka_bootstrap_servers, unique_prefix + TOPIC) == [("a", 1), ("a", 1), ("a", 2)]


class Oversleeper(Relay):
    """A relay that stops between reading its rows and sending them, as a process that was suspended does."""

    asleep: asyncio.Event
    wake_up: asyncio.Event
    refused: list[type[BaseException]]

    async def _send(self, producer: AIOKafkaProducer, batch: list[Row]) -> None:  # type: ignore[override]
        self.asleep.set()
        await self.wake_up.wait()
        try:
            await super()._send(producer, batch)
        except ProducerFenced as error:
            self.refused.append(type(error))
            raise


async def test_a_relay_stopped_past_its_lease_and_woken_later_cannot_put_an_old_state_last(
    store: Database, kafka_bootstrap_servers: str, unique_prefix: str
) -> None:
    first = Oversleeper(
        service="essai", database=store, bootstrap_servers=kafka_bootstrap_servers, prefix=unique_prefix
    )
    first.asleep, first.wake_up, first.refused = asyncio.Event(), asyncio.Event(), []
    await write(store, [("a", 1)])
    async with running(first):
        await asyncio.wait_for(first.asleep.wait(), 30)
        # Its lease runs out while it sleeps.
        await leases.release(store, "relais", first.holder)
        second = Relay(service="essai", database=store, bootstrap_servers=kafka_bootstrap_servers, prefix=unique_prefix)
        async with running(second):
            await write(store, [("a", 2)])
            await eventually(lambda: empty(store), within=30)
            first.wake_up.set()

            async def refused() -> bool:
                return bool(first.refused)

            await eventually(refused, within=30)
    assert await read_all(kafka_bootstrap_servers, unique_prefix + TOPIC) == [("a", 1), ("a", 2)]


async def test_only_one_process_holds_a_lease_until_it_expires_or_is_released(store: Database) -> None:
    long, none = timedelta(seconds=60), timedelta(seconds=-1)
    assert await leases.acquire(store, "essai", "a", long)
    assert not await leases.acquire(store, "essai", "b", long)
    assert await leases.acquire(store, "essai", "a", none)
    assert await leases.acquire(store, "essai", "b", long)
    await leases.release(store, "essai", "a")
    assert not await leases.acquire(store, "essai", "a", long)
    await leases.release(store, "essai", "b")
    assert await leases.acquire(store, "essai", "a", long)
