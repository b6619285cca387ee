"""Creating topics, and reading a whole topic as its readers see it."""

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from kit.testing.waiting import eventually

_POLL_MS = 200
_DEADLINE_SECONDS = 30.0
_PARTITIONS = 3
"""More than one, so that order across keys is not taken for granted."""


async def create(admin: AIOKafkaAdminClient, names: Sequence[str]) -> None:
    """Create these topics.

    Raises:
        AssertionError: Kafka did not create one; the client raises nothing, each topic has its own answer.
    """
    answers = await admin.create_topics([NewTopic(name, _PARTITIONS, 1) for name in names])
    refused = [(name, code) for name, code, *_ in answers.topic_errors if code]
    assert not refused, f"Kafka did not create {refused}"  # noqa: S101


async def committed(bootstrap_servers: str, topic: str) -> list[ConsumerRecord]:
    """Every committed record that `topic` holds now, in the order of each partition."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap_servers, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    async with consumer, asyncio.timeout(_DEADLINE_SECONDS):
        ends = await consumer.end_offsets(consumer.assignment())
        found: list[ConsumerRecord] = []
        while [p for p in ends if await consumer.position(p) < ends[p]]:
            for records in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
                found += records
        return found


async def once_committed(bootstrap_servers: str, topic: str, count: int = 1) -> list[ConsumerRecord]:
    """What `committed` finds as soon as that is at least `count` records."""

    async def found() -> list[ConsumerRecord]:
        records = await committed(bootstrap_servers, topic)
        return records if len(records) >= count else []

    return await eventually(found, within=_DEADLINE_SECONDS)
