"""The consumer: what is handled together, what holds a partition, and what is never skipped."""

import asyncio
from functools import partial
from itertools import pairwise

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from google.protobuf.wrappers_pb2 import StringValue
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from kit.consumer.messages import Batch
from kit.consumer.subscriptions import Outcome
from kit.testing.forwarding import forwarding
from kit.testing.serving import free_port
from kit.testing.waiting import eventually
from kit.tests.conftest import Measured
from kit.tests.publisher import TOPIC
from kit.tests.reader import GOOD, Recorder, message, of_trace, reading

pytestmark = pytest.mark.stack


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


async def test_a_consumer_that_starts_before_its_broker_says_so_and_goes_on_once_it_is_there(
    producer: AIOKafkaProducer, kafka_bootstrap_servers: str, unique_prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await producer.send_and_wait(unique_prefix + TOPIC, message("a"), key=b"k", headers=GOOD)
    port, recorder, said = free_port(), Recorder(), ""

    async def complains() -> bool:
        nonlocal said
        said += capsys.readouterr().out
        return "consumer_interrupted" in said

    async with reading(recorder, f"127.0.0.1:{port}", unique_prefix):
        await eventually(complains, within=20)
        async with forwarding(port, f"kafka://{kafka_bootstrap_servers}"):
            await eventually(lambda: recorder.has(1), within=30)


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
