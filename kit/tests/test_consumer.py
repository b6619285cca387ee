"""The consumer: what goes to the dead letters, what holds a partition, and what is never skipped."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError
from google.protobuf.wrappers_pb2 import StringValue
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from kit.consumer import dead_letters
from kit.consumer.loop import Consumer
from kit.consumer.messages import Batch, Received, Unreadable
from kit.consumer.subscriptions import Outcome, Subscription
from kit.testing.fixtures import CreateTopics
from kit.testing.running import running
from kit.testing.topics import committed, once_committed
from kit.testing.waiting import eventually
from kit.tests.conftest import Measured
from kit.tests.publisher import TOPIC
from kit.versions import Version

pytestmark = pytest.mark.stack

TYPE = ("ce_type", b"google.protobuf.StringValue")
VERSION = ("version", str(Version(1, 1).rank).encode())
GOOD = [TYPE, VERSION]


@dataclass
class Recorder:
    """A handler that remembers what it was given, and fails as often as it is told to."""

    failures: int = 0
    given: list[tuple[str, str]] = field(default_factory=list)
    attempted_at: list[float] = field(default_factory=list)

    async def handle(self, batch: Batch[StringValue]) -> Outcome:
        self.attempted_at.append(time.monotonic())
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the store is away")
        self.given += [(event.key, event.message.value if event.message else "") for event in batch]
        return Outcome(len(batch))

    async def has(self, count: int) -> bool:
        return len(self.given) == count


@pytest.fixture
async def producer(kafka_bootstrap_servers: str, create_topics: CreateTopics) -> AsyncIterator[AIOKafkaProducer]:
    await create_topics([TOPIC])
    sending = AIOKafkaProducer(bootstrap_servers=kafka_bootstrap_servers)
    await sending.start()
    yield sending
    await sending.stop()


def reading(recorder: Recorder, servers: str, prefix: str, *, lane: str = "") -> AbstractAsyncContextManager[None]:
    subscription = Subscription(topic=TOPIC, kind=StringValue, handle=recorder.handle, lane=lane)
    consumer = Consumer(service="lecteur", bootstrap_servers=servers, prefix=prefix, subscriptions=[subscription])
    return running(consumer.run)


def message(value: str) -> bytes:
    return StringValue(value=value).SerializeToString()


async def test_what_breaks_its_contract_goes_to_the_dead_letters_as_it_came_and_reading_goes_on(
    producer: AIOKafkaProducer, kafka_bootstrap_servers: str, unique_prefix: str, measured: Measured
) -> None:
    topic = unique_prefix + TOPIC
    broken: list[tuple[bytes, bytes, list[tuple[str, bytes]], bytes]] = [
        (b"k", b"\xff\xff", GOOD, b"not a message of its type"),
        (b"k", message("x"), [("ce_type", b"autre.Chose"), VERSION], b"unknown type"),
        (b"k", message("x"), [TYPE], b"no key, or no version"),
        (b"k", message("x"), [TYPE, VERSION, ("traceparent", b"\xff")], b""),
    ]
    before = measured("consumer_events_total", topic=TOPIC, outcome="dead")

    async def three_are_counted() -> bool:
        return measured("consumer_events_total", topic=TOPIC, outcome="dead") - before == 3

    for key, value, headers, _ in broken:
        await producer.send_and_wait(topic, value, key=key, headers=headers, partition=0)
    await producer.send_and_wait(topic, message("bon"), key=b"k", headers=GOOD, partition=0)
    recorder = Recorder()
    async with reading(recorder, kafka_bootstrap_servers, unique_prefix):
        letters = await once_committed(kafka_bootstrap_servers, f"{topic}.dlq", 3)
        await eventually(lambda: recorder.has(2))
        await eventually(three_are_counted)
    assert recorder.given == [("k", "x"), ("k", "bon")]
    for offset, ((key, value, headers, reason), letter) in enumerate(zip(broken[:3], letters, strict=True)):
        assert (letter.key, letter.value) == (key, value)
        kept = list(letter.headers)
        assert kept == [*headers, ("dlq-reason", reason), ("dlq-origin", f"0/{offset}".encode())]


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


async def test_what_decodes_and_breaks_its_contract_is_buried_alone_and_the_rest_of_its_batch_goes_on(
    producer: AIOKafkaProducer, kafka_bootstrap_servers: str, unique_prefix: str
) -> None:
    def check(event: Received[StringValue]) -> None:
        if event.message is not None and event.message.value == "impossible":
            raise Unreadable("no such value")

    topic = unique_prefix + TOPIC
    for value in ("avant", "impossible", "après"):
        await producer.send_and_wait(topic, message(value), key=b"k", headers=GOOD, partition=0)
    await producer.send_and_wait(topic, None, key=b"k", headers=[VERSION], partition=0)
    recorder = Recorder()
    subscription = Subscription(topic=TOPIC, kind=StringValue, handle=recorder.handle, check=check)
    consumer = Consumer(
        service="lecteur",
        bootstrap_servers=kafka_bootstrap_servers,
        prefix=unique_prefix,
        subscriptions=[subscription],
    )
    async with running(consumer.run):
        (letter,) = await once_committed(kafka_bootstrap_servers, f"{topic}.dlq")
    assert [value for _, value in recorder.given] == ["avant", "après", ""]
    assert (letter.value, dict(letter.headers)["dlq-reason"]) == (message("impossible"), b"no such value")


async def test_a_dead_letter_can_be_written_before_it_is_passed_over_or_is_tried_again(
    producer: AIOKafkaProducer, kafka_bootstrap_servers: str, unique_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bury, failures = dead_letters.bury, [KafkaTimeoutError()]

    async def fails_once(*args: Any) -> None:
        if failures:
            raise failures.pop()
        await bury(*args)

    monkeypatch.setattr(dead_letters, "bury", fails_once)
    topic = unique_prefix + TOPIC
    await producer.send_and_wait(topic, b"\xff", key=b"k", headers=GOOD, partition=0)
    await producer.send_and_wait(topic, message("bon"), key=b"k", headers=GOOD, partition=0)
    recorder = Recorder()
    async with reading(recorder, kafka_bootstrap_servers, unique_prefix):
        (letter,) = await once_committed(kafka_bootstrap_servers, f"{topic}.dlq")
    assert letter.value == b"\xff"
    assert {value for _, value in recorder.given} == {"bon"}


async def test_a_dead_letter_is_not_written_again_while_what_comes_after_it_fails(
    producer: AIOKafkaProducer, kafka_bootstrap_servers: str, unique_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kit.consumer.loop._FIRST_RETRY_SECONDS", 0.05)
    topic = unique_prefix + TOPIC
    await producer.send_and_wait(topic, b"\xff", key=b"k", headers=of_trace(1), partition=0)
    await producer.send_and_wait(topic, message("bon"), key=b"k", headers=of_trace(2), partition=0)
    recorder = Recorder(failures=3)
    async with reading(recorder, kafka_bootstrap_servers, unique_prefix):
        await eventually(lambda: recorder.has(1), within=20)
    assert len(await committed(kafka_bootstrap_servers, f"{topic}.dlq")) == 1


def of_trace(number: int) -> list[tuple[str, bytes]]:
    return [*GOOD, ("traceparent", f"00-{number:032x}-00f067aa0ba902b7-01".encode())]


async def test_events_of_many_traces_are_handled_together_and_each_trace_tells_so(
    producer: AIOKafkaProducer, kafka_bootstrap_servers: str, unique_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exported))
    monkeypatch.setattr("kit.consumer.loop._tracer", provider.get_tracer("test"))
    for number in (1, 2, 1, 3):
        await producer.send_and_wait(
            unique_prefix + TOPIC, message(str(number)), key=b"k", headers=of_trace(number), partition=0
        )
    recorder = Recorder()
    async with reading(recorder, kafka_bootstrap_servers, unique_prefix):
        await eventually(lambda: recorder.has(4), within=20)
    assert [value for _, value in recorder.given] == ["1", "2", "1", "3"]
    assert len(recorder.attempted_at) == 1
    spans = {span.context.trace_id: span for span in exported.get_finished_spans() if span.context}
    told = {number: (span.attributes or {}).get("messaging.batch.message_count") for number, span in spans.items()}
    assert told == {1: 2, 2: 1, 3: 1}
    (first,) = [span.context for number, span in spans.items() if number == 1]
    assert [link.context for number in (2, 3) for link in spans[number].links] == [first, first]


async def test_what_comes_before_an_event_that_cannot_be_handled_does_not_wait_for_it(
    producer: AIOKafkaProducer, kafka_bootstrap_servers: str, unique_prefix: str
) -> None:
    class Picky(Recorder):
        async def handle(self, batch: Batch[StringValue]) -> Outcome:
            if any(event.message and event.message.value == "impossible" for event in batch):
                raise ValueError("a fault of ours")
            return await super().handle(batch)

    for number, value in enumerate(("avant", "impossible", "après"), start=1):
        await producer.send_and_wait(
            unique_prefix + TOPIC, message(value), key=b"k", headers=of_trace(number), partition=0
        )
    recorder = Picky()
    async with reading(recorder, kafka_bootstrap_servers, unique_prefix):
        await eventually(lambda: recorder.has(1), within=20)
    assert recorder.given == [("k", "avant")]


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


async def test_what_is_behind_is_measured_by_partition(
    producer: AIOKafkaProducer,
    kafka_bootstrap_servers: str,
    unique_prefix: str,
    measured: Measured,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class FailsOnBad(Recorder):
        async def handle(self, batch: Batch[StringValue]) -> Outcome:
            if any(event.message is not None and event.message.value == "mauvais" for event in batch):
                raise ConnectionError("only this one")
            return await super().handle(batch)

    async def behind() -> bool:
        return [measured("consumer_lag", topic=TOPIC, partition=str(partition)) for partition in (0, 1)] == [2, 0]

    monkeypatch.setattr("kit.consumer.loop._BATCH", 1)
    for partition, value in ((0, "bon"), (0, "mauvais"), (0, "bon"), (1, "bon")):
        await producer.send_and_wait(unique_prefix + TOPIC, message(value), key=b"k", headers=GOOD, partition=partition)
    async with reading(FailsOnBad(), kafka_bootstrap_servers, unique_prefix):
        await eventually(behind, within=20)


async def test_what_is_applied_and_what_is_older_is_counted(
    producer: AIOKafkaProducer, kafka_bootstrap_servers: str, unique_prefix: str, measured: Measured
) -> None:
    class Half(Recorder):
        async def handle(self, batch: Batch[StringValue]) -> Outcome:
            await super().handle(batch)
            return Outcome(sum(event.message is not None and event.message.value == "neuf" for event in batch))

    def counted() -> list[float]:
        return [measured("consumer_events_total", topic=TOPIC, outcome=o) for o in ("applied", "older")]

    before = counted()
    for value in ("neuf", "vieux", "vieux"):
        await producer.send_and_wait(unique_prefix + TOPIC, message(value), key=b"k", headers=GOOD, partition=0)
    recorder = Half()
    async with reading(recorder, kafka_bootstrap_servers, unique_prefix):
        await eventually(lambda: recorder.has(3))
    assert [after - b for after, b in zip(counted(), before, strict=True)] == [1, 2]


async def test_a_failing_handler_is_given_everything_again_in_order_after_growing_delays(
    producer: AIOKafkaProducer,
    kafka_bootstrap_servers: str,
    unique_prefix: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kit.consumer.loop._FIRST_RETRY_SECONDS", 0.05)
    monkeypatch.setattr("kit.consumer.loop._LONGEST_RETRY_SECONDS", 0.15)
    for n in range(5):
        await producer.send_and_wait(unique_prefix + TOPIC, message(str(n)), key=b"k", headers=GOOD, partition=0)
    recorder = Recorder(failures=3)
    async with reading(recorder, kafka_bootstrap_servers, unique_prefix):
        await eventually(lambda: recorder.has(5), within=20)
    assert [value for _, value in recorder.given] == ["0", "1", "2", "3", "4"]
    held = [orjson.loads(line) for line in capsys.readouterr().out.splitlines() if "partition_held" in line]
    assert [(line["failures"], line["retry_in"], line["exception"]) for line in held] == [
        (1, 0.05, "ConnectionError"),
        (2, 0.1, "ConnectionError"),
        (3, 0.15, "ConnectionError"),
    ]
    since = pairwise(recorder.attempted_at)
    assert [later - earlier >= line["retry_in"] for (earlier, later), line in zip(since, held, strict=True)] == [
        True,
        True,
        True,
    ]


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
        await eventually(lambda: recorder.has(1))
        await producer.send_and_wait(topic, message("z"), key=b"bon", headers=GOOD, partition=1)
        await eventually(lambda: recorder.has(2))
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
        await eventually(lambda: recorder.has(1), within=20)
    assert recorder.given == [("k", "x")]


async def test_what_was_handled_is_not_read_again_by_the_next_process(
    producer: AIOKafkaProducer, kafka_bootstrap_servers: str, unique_prefix: str
) -> None:
    for expected in ("premier", "second"):
        await producer.send_and_wait(unique_prefix + TOPIC, message(expected), key=b"k", headers=GOOD)
        recorder = Recorder()
        async with reading(recorder, kafka_bootstrap_servers, unique_prefix):
            await eventually(partial(recorder.has, 1), within=20)
        assert recorder.given == [("k", expected)]
