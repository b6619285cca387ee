"""The yardstick of the chain: the same commits, fenced sends and guarded writes, without the kit around them."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern
from ulid import ULID

from kit.mongo import Document

_AT_ONCE = 500
_SWEEP_SECONDS = 1.0
_MAJORITY = WriteConcern("majority", j=True)


class BareChain:
    """A store with its outbox, a transactional producer, and a reader that keeps the last state of each key."""

    def __init__(self, mongodb_uri: str, servers: str) -> None:
        self._servers = servers
        self._name = f"bare{ULID()}".lower()
        self._client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(mongodb_uri)
        self._source = self._client[f"{self._name}_source"]
        self._target = self._client[f"{self._name}_target"]
        self._committed = asyncio.Event()
        self.visible: dict[str, float] = {}

    async def change(self, key: str) -> float:
        """Commit a change; when it was."""
        async with (
            await self._client.start_session() as session,
            session.start_transaction(ReadConcern("snapshot"), _MAJORITY),
        ):
            await self._source.agregats.insert_one({"_id": key, "x": "y" * 500}, session=session)
            await self._source.outbox.insert_one({"_id": key, "value": b"x" * 500}, session=session)
        self._committed.set()
        return time.perf_counter()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """With its relay and its reader at work."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self._servers)
        producer = AIOKafkaProducer(bootstrap_servers=self._servers, transactional_id=self._name)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._servers,
            group_id=self._name,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            isolation_level="read_committed",
        )
        for client in (admin, producer, consumer):
            await client.start()
        await admin.create_topics([NewTopic(self._name, num_partitions=3, replication_factor=1)])
        consumer.subscribe([self._name])
        tasks = [asyncio.create_task(self._relay(producer)), asyncio.create_task(self._read(consumer))]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await consumer.stop()
            await producer.stop()
            await admin.delete_topics([self._name])
            await admin.close()
            for database in (self._source, self._target):
                await self._client.drop_database(database.name)
            self._client.close()

    async def _relay(self, producer: AIOKafkaProducer) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._committed.wait(), _SWEEP_SECONDS)
            self._committed.clear()
            rows = await self._source.outbox.find().sort("_id", 1).limit(_AT_ONCE).to_list(_AT_ONCE)
            if rows:
                async with producer.transaction():
                    for row in rows:
                        await producer.send(self._name, row["value"], key=row["_id"].encode())
                await self._source.outbox.delete_many({"_id": {"$in": [row["_id"] for row in rows]}})

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            for records in (await consumer.getmany(timeout_ms=1000, max_records=_AT_ONCE)).values():
                for record in records:
                    key = record.key.decode()
                    await self._target.choses.replace_one({"_id": key}, {"value": record.value}, upsert=True)
                    self.visible[key] = time.perf_counter()
                await consumer.commit()
