"""What the relay and the consumers rely on of the broker, whatever `KAFKA_BOOTSTRAP_SERVERS` names."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import ProducerFenced, UnknownTopicOrPartitionError

from kit.testing.fixtures import CreateTopics
from tests.contracts.conftest import values

pytestmark = pytest.mark.stack

TOPIC = "essai.choses.v1"


@pytest.fixture
async def topic(unique_prefix: str, create_topics: CreateTopics) -> str:
    await create_topics([TOPIC])
    return unique_prefix + TOPIC


async def start_relay(servers: str, prefix: str) -> AIOKafkaProducer:
    relay = AIOKafkaProducer(bootstrap_servers=servers, transactional_id=f"{prefix}relay")
    await relay.start()
    return relay


async def test_a_new_leader_fences_the_one_before(kafka_bootstrap_servers: str, unique_prefix: str, topic: str) -> None:
    old = await start_relay(kafka_bootstrap_servers, unique_prefix)
    async with old.transaction():
        await old.send_and_wait(topic, b"1", key=b"k")
    new = await start_relay(kafka_bootstrap_servers, unique_prefix)
    with pytest.raises(ProducerFenced):
        async with old.transaction():
            await old.send_and_wait(topic, b"late", key=b"k")
    async with new.transaction():
        await new.send_and_wait(topic, b"2", key=b"k")
    await new.stop()
    await asyncio.gather(old.stop(), return_exceptions=True)
    assert await values(kafka_bootstrap_servers, topic) == [b"1", b"2"]


async def test_what_the_leader_before_had_begun_is_given_up_and_never_read(
    kafka_bootstrap_servers: str, unique_prefix: str, topic: str
) -> None:
    old = await start_relay(kafka_bootstrap_servers, unique_prefix)
    await old.begin_transaction()
    await old.send_and_wait(topic, b"begun", key=b"k")
    new = await start_relay(kafka_bootstrap_servers, unique_prefix)
    async with new.transaction():
        await new.send_and_wait(topic, b"done", key=b"k")
    with pytest.raises(ProducerFenced):
        await old.commit_transaction()
    await new.stop()
    await asyncio.gather(old.stop(), return_exceptions=True)
    assert await values(kafka_bootstrap_servers, topic) == [b"done"]
    assert await values(kafka_bootstrap_servers, topic, isolation_level="read_uncommitted") == [b"begun", b"done"]


async def test_an_aborted_transaction_is_never_read(
    kafka_bootstrap_servers: str, unique_prefix: str, topic: str
) -> None:
    relay = await start_relay(kafka_bootstrap_servers, unique_prefix)
    with pytest.raises(ValueError, match="changed my mind"):
        async with relay.transaction():
            await relay.send_and_wait(topic, b"no", key=b"k")
            raise ValueError("changed my mind")
    async with relay.transaction():
        await relay.send_and_wait(topic, b"yes", key=b"k")
    await relay.stop()
    assert await values(kafka_bootstrap_servers, topic) == [b"yes"]


async def test_what_is_not_yet_committed_holds_back_what_comes_after_it(
    kafka_bootstrap_servers: str, unique_prefix: str, topic: str
) -> None:
    relay = await start_relay(kafka_bootstrap_servers, unique_prefix)
    settings = {"isolation_level": "read_committed", "auto_offset_reset": "earliest"}
    async with AIOKafkaConsumer(topic, bootstrap_servers=kafka_bootstrap_servers, **settings) as reader:
        await relay.begin_transaction()
        await relay.send_and_wait(topic, b"1", key=b"k")
        async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap_servers) as other:
            await other.send_and_wait(topic, b"2", key=b"k")
        assert await reader.getmany(timeout_ms=500) == {}
        await relay.commit_transaction()
        async with asyncio.timeout(10):
            assert [(await reader.getone()).value for _ in range(2)] == [b"1", b"2"]
    await relay.stop()


async def test_a_transaction_over_several_topics_is_read_whole_or_not_at_all(
    kafka_bootstrap_servers: str, unique_prefix: str, create_topics: CreateTopics
) -> None:
    names = ["essai.uns.v1", "essai.deux.v1"]
    await create_topics(names)
    relay = await start_relay(kafka_bootstrap_servers, unique_prefix)
    async with relay.transaction():
        for name in names:
            await relay.send(unique_prefix + name, b"x", key=b"k")
    await relay.begin_transaction()
    for name in names:
        await relay.send_and_wait(unique_prefix + name, b"y", key=b"k")
    await relay.abort_transaction()
    await relay.stop()
    assert [await values(kafka_bootstrap_servers, unique_prefix + name) for name in names] == [[b"x"], [b"x"]]


async def test_messages_of_one_key_are_read_in_the_order_they_were_sent(
    kafka_bootstrap_servers: str, topic: str
) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap_servers, enable_idempotence=True) as producer:
        await asyncio.gather(*[await producer.send(topic, b"%d" % n, key=b"k") for n in range(500)])
    assert await values(kafka_bootstrap_servers, topic) == [b"%d" % n for n in range(500)]


async def test_a_group_goes_on_from_what_it_has_committed(
    kafka_bootstrap_servers: str, unique_prefix: str, topic: str
) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap_servers) as producer:
        for value in (b"1", b"2", b"3"):
            await producer.send_and_wait(topic, value, key=b"k")
    settings = {"group_id": f"{unique_prefix}lecteur", "enable_auto_commit": False, "auto_offset_reset": "earliest"}
    async with AIOKafkaConsumer(topic, bootstrap_servers=kafka_bootstrap_servers, **settings) as first:
        async with asyncio.timeout(20):
            one = await first.getone()
            await first.getone()
        await first.commit({TopicPartition(topic, one.partition): one.offset + 1})
    async with AIOKafkaConsumer(topic, bootstrap_servers=kafka_bootstrap_servers, **settings) as second:
        async with asyncio.timeout(20):
            assert (await second.getone()).value == b"2"


async def test_no_topic_is_created_by_writing_to_it_or_reading_it(
    kafka_bootstrap_servers: str, unique_prefix: str
) -> None:
    unknown = f"{unique_prefix}inconnu"
    async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap_servers, request_timeout_ms=2_000) as producer:
        with pytest.raises(UnknownTopicOrPartitionError):
            await producer.send_and_wait(unknown, b"x")
    consumer = AIOKafkaConsumer(unknown, bootstrap_servers=kafka_bootstrap_servers, request_timeout_ms=2_000)
    with pytest.raises(UnknownTopicOrPartitionError):
        await consumer.start()
    await consumer.stop()
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap_servers)
    await admin.start()
    assert unknown not in await admin.list_topics()
    await admin.close()
