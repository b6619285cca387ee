"""What the contracts share: a store with a collection of each kind of thing that services declare, and a reader."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from motor.motor_asyncio import AsyncIOMotorClientSession
from pymongo.read_concern import ReadConcern

from kit.mongo import Collection, Database, Index, ensure
from kit.mongo.transactions import MAJORITY

CHOSES = Collection(
    name="choses",
    required={"n": ["int", "long"]},
    optional={"code": "string", "etat": "string", "vu_le": "date", "liste": "array"},
    indexes=(
        Index(keys={"code": 1}, unique=True, where={"code": {"$exists": True}}),
        Index(keys={"etat": 1, "n": -1}),
        Index(keys={"vu_le": 1}, expires_after=timedelta(hours=1)),
    ),
    purpose="essai",
    readers="le test",
    kept="le temps du test",
)
AUTRES = Collection(
    name="autres",
    required={},
    optional={"x": "string"},
    purpose="essai",
    readers="le test",
    kept="le temps du test",
)

type Begin = Callable[[], AbstractAsyncContextManager[AsyncIOMotorClientSession]]


@pytest.fixture
async def store(database: Database) -> Database:
    await ensure(database, [CHOSES, AUTRES])
    return database


@pytest.fixture
def begin(store: Database) -> Begin:
    """Begins a transaction as services do; the end of its session gives it up, if it was not committed."""

    @asynccontextmanager
    async def transaction() -> AsyncIterator[AsyncIOMotorClientSession]:
        async with await store.client.start_session() as session:
            session.start_transaction(read_concern=ReadConcern("snapshot"), write_concern=MAJORITY)
            yield session

    return transaction


async def values(servers: str, topic: str, **options: Any) -> list[bytes]:
    """All that a reader sees of a topic, in the order of each partition."""
    settings = {"isolation_level": "read_committed", "auto_offset_reset": "earliest", **options}
    async with AIOKafkaConsumer(topic, bootstrap_servers=servers, **settings) as consumer:
        ends = await consumer.end_offsets(consumer.assignment())
        found: list[bytes] = []
        async with asyncio.timeout(30):
            while [p for p in ends if await consumer.position(p) < ends[p]]:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += [record.value for record in records]
        return found
