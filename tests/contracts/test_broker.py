"""What we rely on of the broker, whatever `KAFKA_BOOTSTRAP_SERVERS` names."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, ProducerFenced

from infra.topics import Topic, TopicsRefused, create, load
from kit.testing.fixtures import CreateTopics

pytestmark = pytest.mark.stack

TOPIC = "essai.v1"


async def values(servers: str, topic: str) -> list[bytes]:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=servers, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        found: list[bytes] = []
        while [p for p in ends if await consumer.position(p) < ends[p]]:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += [record.value for record in records]
        return found
    finally:
        await consumer.stop()


async def test_a_second_producer_of_one_transactional_id_fences_the_first(
    kafka_bootstrap_servers: str, unique_prefix: str, create_topics: CreateTopics
) -> None:
    await create_topics([TOPIC])
    topic, transactional_id = unique_prefix + TOPIC, f"{unique_prefix}relay"
    old, new = (
        AIOKafkaProducer(bootstrap_servers=kafka_bootstrap_servers, transactional_id=transactional_id) for _ in range(2)
    )
    await old.start()
    async with old.transaction():
        await old.send_and_wait(topic, b"1", key=b"k")
    await new.start()
    async with new.transaction():
        await new.send_and_wait(topic, b"2", key=b"k")
    with pytest.raises(ProducerFenced):
        async with old.transaction():
            await old.send_and_wait(topic, b"late", key=b"k")
    await new.stop()
    await asyncio.gather(old.stop(), return_exceptions=True)
    assert await values(kafka_bootstrap_servers, topic) == [b"1", b"2"]


async def test_an_aborted_transaction_is_never_read(
    kafka_bootstrap_servers: str, unique_prefix: str, create_topics: CreateTopics
) -> None:
    await create_topics([TOPIC])
    topic = unique_prefix + TOPIC
    producer = AIOKafkaProducer(bootstrap_servers=kafka_bootstrap_servers, transactional_id=f"{unique_prefix}relay")
    await producer.start()
    with pytest.raises(ValueError, match="changed my mind"):
        async with producer.transaction():
            await producer.send_and_wait(topic, b"no", key=b"k")
            raise ValueError("changed my mind")
    async with producer.transaction():
        await producer.send_and_wait(topic, b"yes", key=b"k")
    await producer.stop()
    assert await values(kafka_bootstrap_servers, topic) == [b"yes"]


async def test_no_topic_is_created_by_writing_to_it(kafka_bootstrap_servers: str, unique_prefix: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka_bootstrap_servers, request_timeout_ms=2_000)
    await producer.start()
    with pytest.raises(KafkaError):
        await producer.send_and_wait(f"{unique_prefix}inconnu", b"x")
    await producer.stop()
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap_servers)
    await admin.start()
    assert f"{unique_prefix}inconnu" not in await admin.list_topics()
    await admin.close()


async def test_declared_topics_are_created_once_with_their_dead_letters(
    kafka_bootstrap_servers: str, unique_prefix: str
) -> None:
    declared = load()
    assert await create(kafka_bootstrap_servers, unique_prefix, declared) == 2 * len(declared)
    assert await create(kafka_bootstrap_servers, unique_prefix, declared) == 0
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap_servers)
    await admin.start()
    names = {name for name in await admin.list_topics() if name.startswith(unique_prefix)}
    assert names == {unique_prefix + t.name + s for t in declared for s in ("", ".dlq")}
    await admin.delete_topics(sorted(names))
    await admin.close()


async def test_a_topic_that_exists_with_other_partitions_is_refused(
    kafka_bootstrap_servers: str, unique_prefix: str, create_topics: CreateTopics
) -> None:
    await create_topics([TOPIC])
    other = Topic(name=TOPIC, partitions=5, writer="", readers=(), purpose="", keep_ms=None)
    with pytest.raises(TopicsRefused, match="never change"):
        await create(kafka_bootstrap_servers, unique_prefix, [other])


def test_each_topic_is_compacted_or_says_how_long_it_keeps() -> None:
    for topic in load():
        assert topic.config()["cleanup.policy"] == ("compact" if topic.keep_ms is None else "delete")
        assert topic.writer
        assert topic.readers
