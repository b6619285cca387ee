"""From a committed change to a projection in another service, over the real store and the real broker."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from kit.consumer import rebuild
from kit.consumer.loop import Consumer
from kit.consumer.messages import Received
from kit.consumer.projections import RANK, keep, projection
from kit.consumer.subscriptions import Subscription
from kit.mongo import Database, Transaction, Transactor
from kit.mongo.migrations import Layout
from kit.outbox import rows
from kit.outbox.events import Event
from kit.outbox.relay import Relay
from kit.outbox.rows import OUTBOX
from kit.testing.fixtures import CreateTopics
from kit.testing.waiting import eventually
from kit.versions import Version

pytestmark = pytest.mark.stack

TOPIC = "essai.choses.v1"
CHOSES = projection("choses", fields={"valeur": "string"}, purpose="essai", readers="le test", kept="le temps du test")


def event(key: str, n: int, value: str | None) -> Event:
    message = None if value is None else StringValue(value=value)
    return Event(topic=TOPIC, key=key, version=Version(1, n), message=message)


@pytest.fixture
async def store(database: Database) -> Database:
    await Layout(collections=[OUTBOX, CHOSES]).migrate(database)
    return database


@pytest.fixture
def relay(store: Database, kafka_bootstrap_servers: str, unique_prefix: str) -> Relay:
    return Relay(service="essai", database=store, bootstrap_servers=kafka_bootstrap_servers, prefix=unique_prefix)


@pytest.fixture
def transact(store: Database, relay: Relay) -> Transactor[Transaction]:
    return Transactor(
        database=store, work=lambda tx: tx, write_outbox=partial(rows.write, source="essai"), committed=relay.wake
    )


@pytest.fixture
def subscription(store: Database) -> Subscription[StringValue]:
    return Subscription(
        topic=TOPIC,
        kind=StringValue,
        handle=keep(store, CHOSES.name, lambda m: {"valeur": m.value}),
        projection=CHOSES.name,
    )


@pytest.fixture
def consumer(subscription: Subscription[StringValue], kafka_bootstrap_servers: str, unique_prefix: str) -> Consumer:
    return Consumer(
        service="lecteur",
        bootstrap_servers=kafka_bootstrap_servers,
        prefix=unique_prefix,
        subscriptions=[subscription],
    )


@contextlib.asynccontextmanager
async def running(*loops: Relay | Consumer) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(loop.run()) for loop in loops]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def publish(transact: Transactor[Transaction], *events: Event) -> None:
    async def body(tx: Transaction) -> None:
        for one in events:
            tx.publish(one)

    await transact(body)


async def test_a_committed_event_reaches_the_projection_and_leaves_the_outbox(
    store: Database,
    relay: Relay,
    consumer: Consumer,
    transact: Transactor[Transaction],
    create_topics: CreateTopics,
) -> None:
    await create_topics([TOPIC])
    async with running(relay, consumer):
        await publish(transact, event("a", 1, "un"), event("b", 1, "deux"))
        await publish(transact, event("a", 2, "trois"))
        row = await eventually(lambda: store.choses.find_one({"_id": "a", "valeur": "trois"}))
        assert row == {"_id": "a", "valeur": "trois", RANK: Version(1, 2).rank}

        async def sent() -> bool:
            return await store.outbox.count_documents({}) == 0

        await eventually(sent)


async def test_an_aborted_transaction_publishes_nothing(store: Database, transact: Transactor[Transaction]) -> None:
    async def body(tx: Transaction) -> None:
        tx.publish(event("a", 1, "un"))
        raise ValueError("changed my mind")

    with pytest.raises(ValueError, match="changed my mind"):
        await transact(body)
    assert await store.outbox.count_documents({}) == 0


async def test_an_older_or_repeated_event_changes_nothing(
    store: Database, subscription: Subscription[StringValue]
) -> None:
    newer = Received("a", Version(1, 3), StringValue(value="trois"))
    older = Received("a", Version(1, 2), StringValue(value="deux"))
    assert (await subscription.handle([newer])).applied == 1
    assert (await subscription.handle([older])).applied == 0
    assert (await subscription.handle([newer])).applied == 0
    assert (await store.choses.find_one({"_id": "a"}) or {})["valeur"] == "trois"


async def test_a_tombstone_empties_the_row_and_a_late_event_revives_nobody(
    store: Database, subscription: Subscription[StringValue]
) -> None:
    await subscription.handle([Received("a", Version(1, 1), StringValue(value="un"))])
    await subscription.handle([Received("a", Version(1, 3), None)])
    await subscription.handle([Received("a", Version(1, 2), StringValue(value="deux"))])
    assert await store.choses.find_one({"_id": "a"}) == {"_id": "a", RANK: Version(1, 3).rank, "disparu": True}


async def test_a_deleted_projection_is_rebuilt_equal_from_its_topic(
    store: Database,
    relay: Relay,
    consumer: Consumer,
    subscription: Subscription[StringValue],
    transact: Transactor[Transaction],
    create_topics: CreateTopics,
    kafka_bootstrap_servers: str,
    unique_prefix: str,
) -> None:
    await create_topics([TOPIC])
    async with running(relay, consumer):
        await publish(transact, *(event(f"k{i}", 1, f"v{i}") for i in range(50)))
        await publish(transact, *(event(f"k{i}", 2, None if i % 7 == 0 else f"w{i}") for i in range(0, 50, 2)))

        async def all_there() -> bool:
            return await store.choses.count_documents({RANK: Version(1, 2).rank}) == 25

        await eventually(all_there)
    before = await store.choses.find({}).sort("_id", 1).to_list(None)
    await store.choses.delete_many({})
    count = await rebuild.replay(subscription, bootstrap_servers=kafka_bootstrap_servers, prefix=unique_prefix)
    assert count >= 50
    assert await store.choses.find({}).sort("_id", 1).to_list(None) == before
