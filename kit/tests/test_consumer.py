"""The consumer: what goes to the dead letters, what holds a partition, and what is never skipped."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from google.protobuf.wrappers_pb2 import StringValue

from kit.consumer.loop import Consumer
from kit.consumer.messages import Batch
from kit.consumer.subscriptions import Outcome, Subscription
from kit.testing.fixtures import CreateTopics
from kit.testing.waiting import eventually
from kit.versions import Version

pytestmark = pytest.mark.stack

TOPIC = "essai.choses.v1"
GOOD = [("ce_type", b"google.protobuf.StringValue"), ("version", str(Version(1, 1).rank).encode())]


@dataclass
class Recorder:
    """A handler that remembers what it was given, and fails as often as it is told to."""

    failures: int = 0
    given: list[tuple[str, str]] = field(default_factory=list)
    attempts: int = 0

    async def handle(self, batch: Batch[StringValue]) -> Outcome:
        self.attempts += 1
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the store is away")
        self.given += [(event.key, event.message.value if event.message else "") for event in batch]
        return Outcome(len(batch))

    async def count(self) -> int:
        return len(self.given)


@pytest.fixture
async def producer(kafka_bootstrap_servers: str, create_topics: CreateTopics) -> AsyncIterator[AIOKafkaProducer]:
    await create_topics([TOPIC])
    sending = AIOKafkaProducer(bootstrap_servers=kafka_bootstrap_servers)
    await sending.start()
    yield sending
    await sending.stop()


@contextlib.asynccontextmanager
async def reading(recorder: Recorder, servers: str, prefix: str) -> AsyncIterator[None]:
    subscription = Subscription(topic=TOPIC, kind=StringValue, handle=recorder.handle)
    consumer = Consumer(service="lecteur", bootstrap_servers=servers, prefix=prefix, subscriptions=[subscription])
    task = asyncio.create_task(consumer.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def message(value: str) -> bytes:
    return StringValue(value=value).SerializeToString()


@pytest.mark.parametrize(
    ("key", "value", "headers", "reason"),
    [
        (b"k", b"\xff\xff", GOOD, b"not a message of its type"),
        (b"k", message("x"), [("ce_type", b"autre.Chose"), GOOD[1]], b"unknown type"),
        (b"k", message("x"), [GOOD[1]], b"unknown type"),
        (b"k", message("x"), [GOOD[0]], b"no key, or no version"),
        (b"k", message("x"), [GOOD[0], ("version", b"un")], b"no key, or no version"),
        (None, message("x"), GOOD, b"no key"),
        (b"\xff", message("x"), GOOD, b"no key, or no version"),
    ],
)
async def test_what_breaks_its_contract_goes_to_the_dead_letters_as_it_came_and_reading_goes_on(
    producer: AIOKafkaProducer,
    kafka_bootstrap_servers: str,
    unique_prefix: str,
    key: bytes | None,
    value: bytes,
    headers: list[tuple[str, bytes]],
    reason: bytes,
) -> None:
    topic = unique_prefix + TOPIC
    await producer.send_and_wait(topic, value, key=key, headers=headers, partition=0)
    await producer.send_and_wait(topic, message("bon"), key=b"k", headers=GOOD, partition=0)
    recorder = Recorder()
    async with reading(recorder, kafka_bootstrap_servers, unique_prefix):
        await eventually(recorder.count)
    assert recorder.given == [("k", "bon")]
    dead = AIOKafkaConsumer(f"{topic}.dlq", bootstrap_servers=kafka_bootstrap_servers, auto_offset_reset="earliest")
    await dead.start()
    letter = await asyncio.wait_for(dead.getone(), 10)
    await dead.stop()
    assert (letter.key, letter.value) == (key, value)
    assert dict(letter.headers)["dlq-reason"] == reason
    assert dict(letter.headers)["dlq-origin"] == b"0/0"


async def test_a_failing_handler_holds_its_partition_and_is_given_everything_again_in_order(
    producer: AIOKafkaProducer, kafka_bootstrap_servers: str, unique_prefix: str
) -> None:
    for n in range(5):
        await producer.send_and_wait(unique_prefix + TOPIC, message(str(n)), key=b"k", headers=GOOD, partition=0)
    recorder = Recorder(failures=2)
    async with reading(recorder, kafka_bootstrap_servers, unique_prefix):
        await eventually(recorder.count, within=20)
    assert recorder.attempts >= 3
    assert [value for _, value in recorder.given] == ["0", "1", "2", "3", "4"]


async def test_other_partitions_go_on_while_one_is_held(
    producer: AIOKafkaProducer, kafka_bootstrap_servers: str, unique_prefix: str
) -> None:
    class FailsOnBad(Recorder):
        async def handle(self, batch: Batch[StringValue]) -> Outcome:
            if any(event.key == "mauvais" for event in batch):
                raise ConnectionError("only this one")
            return await super().handle(batch)

    topic = unique_prefix + TOPIC
    await producer.send_and_wait(topic, message("x"), key=b"mauvais", headers=GOOD, partition=0)
    await producer.send_and_wait(topic, message("y"), key=b"bon", headers=GOOD, partition=1)
    recorder = FailsOnBad()
    async with reading(recorder, kafka_bootstrap_servers, unique_prefix):
        await eventually(recorder.count)
        await producer.send_and_wait(topic, message("z"), key=b"bon", headers=GOOD, partition=1)

        async def both() -> bool:
            return len(recorder.given) == 2

        await eventually(both)
    assert recorder.given == [("bon", "y"), ("bon", "z")]


async def test_what_was_not_handled_before_a_crash_is_read_again(
    producer: AIOKafkaProducer, kafka_bootstrap_servers: str, unique_prefix: str
) -> None:
    class Crashes(Recorder):
        started = asyncio.Event()

        async def handle(self, batch: Batch[StringValue]) -> Outcome:
            self.started.set()
            await asyncio.Event().wait()
            return Outcome(len(batch))

    await producer.send_and_wait(unique_prefix + TOPIC, message("x"), key=b"k", headers=GOOD)
    crashes = Crashes()
    async with reading(crashes, kafka_bootstrap_servers, unique_prefix):
        await asyncio.wait_for(crashes.started.wait(), 20)
    recorder = Recorder()
    async with reading(recorder, kafka_bootstrap_servers, unique_prefix):
        await eventually(recorder.count, within=20)
    assert recorder.given == [("k", "x")]
