"""Projections: the last state of each key, whatever the order and number of times in which events come."""

import asyncio

import pytest
from aiokafka import AIOKafkaProducer
from google.protobuf.wrappers_pb2 import StringValue
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.errors import BulkWriteError

from kit.consumer import rebuild
from kit.consumer.loop import Consumer
from kit.consumer.messages import Batch, Received
from kit.consumer.projections import RANK, keep, projection, upsert
from kit.consumer.rebuild import NotAProjection
from kit.consumer.subscriptions import Outcome, Subscription
from kit.mongo import Database, Document, Index, ensure
from kit.testing.running import running
from kit.testing.waiting import eventually
from kit.tests.publisher import TOPIC, event
from kit.versions import Version

pytestmark = pytest.mark.stack

CHOSES = projection("choses", fields={"valeur": "string"}, purpose="essai", readers="le test", kept="le temps du test")


def state(key: str, n: int, value: str | None) -> Received[StringValue]:
    return Received(key, Version(1, n), None if value is None else StringValue(value=value))


def document(message: StringValue) -> Document:
    return {"valeur": message.value}


@pytest.fixture
async def store(database: Database) -> Database:
    await ensure(database, [CHOSES])
    return database


@pytest.fixture
def subscription(store: Database) -> Subscription[StringValue]:
    return Subscription(
        topic=TOPIC, kind=StringValue, handle=keep(store, CHOSES.name, document), projection=CHOSES.name
    )


async def content(store: Database) -> dict[str, str | None]:
    return {row["_id"]: row.get("valeur") async for row in store.choses.find({})}


HISTORY = st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 4)), max_size=12)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(HISTORY, st.integers(0, 12))
async def test_events_in_any_order_repeated_and_cut_into_any_batches_leave_the_newest_state(
    store: Database, history: list[tuple[str, int]], cut: int
) -> None:
    await store.choses.delete_many({})
    events = [state(key, n, f"{key}{n}") for key, n in history]
    handle = keep(store, CHOSES.name, document)
    for batch in (events[:cut], events[cut:]):
        await handle(batch)
    newest = {key: max(n for k, n in history if k == key) for key, _ in history}
    assert await content(store) == {key: f"{key}{n}" for key, n in newest.items()}


async def test_how_many_of_a_batch_were_applied_is_told_the_others_being_older(
    subscription: Subscription[StringValue],
) -> None:
    assert await subscription.handle([state("a", 2, "x"), state("b", 1, "x")]) == Outcome(2)
    assert await subscription.handle([state("a", 1, "y"), state("a", 2, "y"), state("c", 1, "x")]) == Outcome(1)
    assert await subscription.handle([]) == Outcome(0)


async def test_a_row_that_another_index_refuses_is_an_error_and_not_an_older_event(database: Database) -> None:
    unique = projection(
        "choses",
        fields={"valeur": "string"},
        indexes=(Index(keys={"valeur": 1}, unique=True),),
        purpose="essai",
        readers="le test",
        kept="le temps du test",
    )
    await ensure(database, [unique])
    handle = keep(database, unique.name, document)
    await handle([state("a", 1, "x")])
    with pytest.raises(BulkWriteError):
        await handle([state("a", 1, "x"), state("b", 1, "x")])


async def test_a_row_that_the_validator_refuses_is_an_error_and_not_an_older_event(store: Database) -> None:
    with pytest.raises(BulkWriteError):
        await upsert(store, CHOSES.name, [(state("a", 1, "x"), {"inconnu": "x"})])


async def test_a_rebuild_beside_the_running_consumer_never_puts_an_older_state_back(
    store: Database,
    subscription: Subscription[StringValue],
    producer: AIOKafkaProducer,
    kafka_bootstrap_servers: str,
    unique_prefix: str,
) -> None:
    read_by_rebuild, newer_is_there = asyncio.Event(), asyncio.Event()

    async def handle_late(batch: Batch[StringValue]) -> Outcome:
        read_by_rebuild.set()
        await newer_is_there.wait()
        return await subscription.handle(batch)

    async def send(key: str, n: int) -> None:
        sent = event(key, n, f"{key}{n}")
        assert sent.message is not None
        headers = sent.headers(source="essai", time="")
        value = sent.message.SerializeToString()
        await producer.send_and_wait(unique_prefix + TOPIC, value, key=key.encode(), headers=headers)

    async def shows(expected: dict[str, str]) -> bool:
        return await content(store) == expected

    consumer = Consumer(
        service="lecteur",
        bootstrap_servers=kafka_bootstrap_servers,
        prefix=unique_prefix,
        subscriptions=[subscription],
    )
    late = Subscription(topic=TOPIC, kind=StringValue, handle=handle_late, projection=CHOSES.name)
    async with running(consumer.run):
        await send("a", 1)
        await send("b", 1)
        await eventually(lambda: shows({"a": "a1", "b": "b1"}), within=20)
        await store.choses.delete_many({})
        rebuilding = asyncio.create_task(
            rebuild.replay(late, bootstrap_servers=kafka_bootstrap_servers, prefix=unique_prefix)
        )
        await asyncio.wait_for(read_by_rebuild.wait(), 20)
        await send("a", 2)
        await eventually(lambda: shows({"a": "a2"}))
        newer_is_there.set()
        assert await asyncio.wait_for(rebuilding, 20) >= 2
    assert await content(store) == {"a": "a2", "b": "b1"}
    assert [row[RANK] async for row in store.choses.find({"_id": "a"})] == [Version(1, 2).rank]


async def test_a_rebuild_passes_over_what_cannot_be_read_and_an_empty_topic_is_rebuilt_at_once(
    store: Database,
    subscription: Subscription[StringValue],
    producer: AIOKafkaProducer,
    kafka_bootstrap_servers: str,
    unique_prefix: str,
) -> None:
    async def replay() -> int:
        return await asyncio.wait_for(
            rebuild.replay(subscription, bootstrap_servers=kafka_bootstrap_servers, prefix=unique_prefix), 20
        )

    assert await replay() == 0
    await producer.send_and_wait(unique_prefix + TOPIC, b"\xff", key=b"a", headers=[])
    headers = event("a", 1, "x").headers(source="essai", time="")
    value = StringValue(value="x").SerializeToString()
    await producer.send_and_wait(unique_prefix + TOPIC, value, key=b"a", headers=headers)
    assert await replay() == 1
    assert await content(store) == {"a": "x"}


async def test_what_is_computed_from_a_projection_is_told_once_the_projection_is_whole(
    store: Database,
    producer: AIOKafkaProducer,
    kafka_bootstrap_servers: str,
    unique_prefix: str,
) -> None:
    seen: list[dict[str, str | None]] = []

    async def rebuilt() -> None:
        seen.append(await content(store))

    handle = keep(store, CHOSES.name, document)
    subscription = Subscription(topic=TOPIC, kind=StringValue, handle=handle, projection=CHOSES.name, rebuilt=rebuilt)
    for key in "ab":
        said = event(key, 1, f"{key}1")
        value = StringValue(value=f"{key}1").SerializeToString()
        headers = said.headers(source="essai", time="")
        await producer.send_and_wait(unique_prefix + TOPIC, value, key=key.encode(), headers=headers)
    await rebuild.replay(subscription, bootstrap_servers=kafka_bootstrap_servers, prefix=unique_prefix)
    assert seen == [{"a": "a1", "b": "b1"}]


async def test_only_a_projection_of_the_service_can_be_rebuilt(subscription: Subscription[StringValue]) -> None:
    reaction = Subscription(topic="essai.autres.v1", kind=StringValue, handle=subscription.handle)
    assert rebuild.find([subscription, reaction], "choses") == [subscription]
    with pytest.raises(NotAProjection, match="« inconnue » n'est pas une projection de ce service : choses"):
        rebuild.find([subscription, reaction], "inconnue")
