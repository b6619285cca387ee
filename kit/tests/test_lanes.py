"""Who reads what: lanes that wait for no other, partitions that change hands."""

import asyncio
from functools import partial

import pytest
from aiokafka import AIOKafkaProducer
from google.protobuf.wrappers_pb2 import StringValue

from kit.consumer.loop import Consumer
from kit.consumer.messages import Batch
from kit.consumer.subscriptions import Outcome, Subscription
from kit.testing.fixtures import CreateTopics
from kit.testing.running import running
from kit.testing.waiting import eventually
from kit.tests.publisher import TOPIC
from kit.tests.reader import GOOD, Recorder, message, reading

pytestmark = pytest.mark.stack

BEATS = "essai.battements.v1"


async def test_what_is_in_a_lane_of_its_own_is_not_held_up_by_the_handlers_of_others(
    producer: AIOKafkaProducer, create_topics: CreateTopics, kafka_bootstrap_servers: str, unique_prefix: str
) -> None:
    urgent, begun, goes_on = "essai.urgences.v1", asyncio.Event(), asyncio.Event()
    await create_topics([urgent])

    async def take_long(batch: Batch[StringValue]) -> Outcome:
        begun.set()
        await goes_on.wait()
        return Outcome(len(batch))

    recorder = Recorder()
    consumer = Consumer(
        service="lecteur",
        bootstrap_servers=kafka_bootstrap_servers,
        prefix=unique_prefix,
        subscriptions=[
            Subscription(topic=TOPIC, kind=StringValue, handle=take_long),
            Subscription(topic=urgent, kind=StringValue, handle=recorder.handle, lane="vite"),
        ],
    )
    await producer.send_and_wait(unique_prefix + TOPIC, message("long"), key=b"k", headers=GOOD)
    async with running(consumer.run):
        async with asyncio.timeout(20):
            await begun.wait()
        await producer.send_and_wait(unique_prefix + urgent, message("vite"), key=b"k", headers=GOOD)
        await eventually(lambda: recorder.has(1))
        assert not goes_on.is_set()
        goes_on.set()


async def test_each_process_reads_a_lane_whole_and_goes_on_from_what_was_handled(
    producer: AIOKafkaProducer, kafka_bootstrap_servers: str, unique_prefix: str
) -> None:
    one, other, later = Recorder(), Recorder(), Recorder()

    async def send(value: str, partition: int) -> None:
        await producer.send_and_wait(unique_prefix + TOPIC, message(value), key=b"k", headers=GOOD, partition=partition)

    async def was_given(recorder: Recorder, value: str) -> bool:
        return ("k", value) in recorder.given

    async def given_to_both(value: str, partition: int) -> bool:
        await send(value, partition)
        return await was_given(one, value) and await was_given(other, value)

    async with (
        reading(one, kafka_bootstrap_servers, unique_prefix, lane="vite"),
        reading(other, kafka_bootstrap_servers, unique_prefix, lane="vite"),
    ):
        # What one handled before the other began, it goes on from: the store is the same. So until both were given one.
        for partition in range(3):
            await eventually(partial(given_to_both, f"avant, {partition}", partition), within=20, every=0.1)
    await send("après", 1)
    async with reading(later, kafka_bootstrap_servers, unique_prefix, lane="vite"):
        await eventually(partial(was_given, later, "après"), within=20)
    assert ("k", "avant, 0") not in later.given


def telling(recorder: Recorder, failing: Recorder, servers: str, prefix: str) -> Consumer:
    """A consumer of a lane in which the beats come after the rest, which `failing` handles."""
    return Consumer(
        service="lecteur",
        bootstrap_servers=servers,
        prefix=prefix,
        subscriptions=[
            Subscription(topic=BEATS, kind=StringValue, handle=recorder.handle, lane="vite", after_others=True),
            Subscription(topic=TOPIC, kind=StringValue, handle=failing.handle, lane="vite"),
        ],
    )


async def test_what_comes_after_the_others_waits_for_one_of_them_that_cannot_be_handled_yet(
    producer: AIOKafkaProducer, create_topics: CreateTopics, kafka_bootstrap_servers: str, unique_prefix: str
) -> None:
    await create_topics([BEATS])
    given: list[tuple[str, str]] = []
    recorder, failing = Recorder(given=given), Recorder(failures=2, given=given)

    async def send(topic: str, value: str) -> None:
        await producer.send_and_wait(unique_prefix + topic, message(value), key=b"k", headers=GOOD)

    async def refused() -> bool:
        return bool(failing.attempted_at)

    await send(TOPIC, "droit")
    async with running(telling(recorder, failing, kafka_bootstrap_servers, unique_prefix).run):
        await eventually(refused, within=20)
        await send(BEATS, "battement")
        await eventually(lambda: recorder.has(2), within=20)
        assert given == [("k", "droit"), ("k", "battement")]
        # Nothing comes but a beat: it waits for nobody.
        await send(BEATS, "suivant")
        await eventually(lambda: recorder.has(3), within=5)


async def test_what_comes_after_the_others_does_not_wait_for_what_nobody_is_ever_given(
    create_topics: CreateTopics, kafka_bootstrap_servers: str, unique_prefix: str
) -> None:
    await create_topics([TOPIC, BEATS])
    recorder, other = Recorder(), Recorder()
    writer = AIOKafkaProducer(bootstrap_servers=kafka_bootstrap_servers, transactional_id=f"{unique_prefix}essai")
    async with writer, running(telling(recorder, other, kafka_bootstrap_servers, unique_prefix).run):
        async with writer.transaction():
            await writer.send_and_wait(unique_prefix + TOPIC, message("droit"), key=b"k", headers=GOOD)
        await writer.begin_transaction()
        await writer.send_and_wait(unique_prefix + TOPIC, message("jamais"), key=b"k", headers=GOOD)
        await writer.abort_transaction()
        async with writer.transaction():
            await writer.send_and_wait(unique_prefix + BEATS, message("battement"), key=b"k", headers=GOOD)
        await eventually(lambda: recorder.has(1), within=20)
        assert other.given == [("k", "droit")]


@pytest.mark.parametrize("failures", [0, 1])
async def test_a_process_whose_partition_is_given_to_another_while_it_handles_goes_on(
    producer: AIOKafkaProducer,
    kafka_bootstrap_servers: str,
    unique_prefix: str,
    failures: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Slow(Recorder):
        begun: asyncio.Event
        goes_on: asyncio.Event

        async def handle(self, batch: Batch[StringValue]) -> Outcome:
            self.begun.set()
            await self.goes_on.wait()
            return await super().handle(batch)

    async def send(value: str) -> None:
        for partition in (0, 1):
            key = f"k{partition}".encode()
            await producer.send_and_wait(
                unique_prefix + TOPIC, message(value), key=key, headers=GOOD, partition=partition
            )

    slow, other = Slow(failures=2 * failures), Recorder()
    slow.begun, slow.goes_on = asyncio.Event(), asyncio.Event()

    async def both_are_read(value: str) -> bool:
        return {(f"k{partition}", value) for partition in (0, 1)} <= {*slow.given, *other.given}

    await send("avant")
    async with reading(slow, kafka_bootstrap_servers, unique_prefix):
        async with asyncio.timeout(20):
            await slow.begun.wait()
        async with reading(other, kafka_bootstrap_servers, unique_prefix):
            await eventually(lambda: other.has(1), within=20)
            slow.goes_on.set()
            await send("après")
            await eventually(lambda: both_are_read("après"), within=20)
            assert await both_are_read("avant")
    assert ("k0", "après") in slow.given or ("k1", "après") in slow.given
    said = capsys.readouterr().out
    assert "consumer_rebalanced" in said
    assert "consumer_interrupted" not in said
