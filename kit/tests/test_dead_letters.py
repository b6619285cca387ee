"""Dead letters: what cannot be read goes there alone, as it came, and once."""

from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError
from google.protobuf.wrappers_pb2 import StringValue

from kit.consumer import dead_letters
from kit.consumer.loop import Consumer
from kit.consumer.messages import Received, Unreadable
from kit.consumer.subscriptions import Subscription
from kit.testing.running import running
from kit.testing.topics import committed, once_committed
from kit.testing.waiting import eventually
from kit.tests.conftest import Measured
from kit.tests.publisher import TOPIC
from kit.tests.reader import GOOD, TYPE, VERSION, Recorder, message, of_trace, reading

pytestmark = pytest.mark.stack


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
