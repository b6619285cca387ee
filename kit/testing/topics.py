"""Reading a whole topic, as its readers see it."""

import asyncio

from aiokafka import AIOKafkaConsumer, ConsumerRecord

from kit.testing.waiting import eventually

_POLL_MS = 200
_DEADLINE_SECONDS = 30.0


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
