"""From a commit in one service to the projection visible in another: 1,000 changes, 20 a second."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from functools import partial

from aiokafka.admin import AIOKafkaAdminClient
from google.protobuf.wrappers_pb2 import StringValue
from ulid import ULID

from infra.topics import Topic, create
from kit.consumer.loop import Consumer
from kit.consumer.messages import Batch
from kit.consumer.projections import keep, projection
from kit.consumer.subscriptions import Outcome, Subscription
from kit.mongo import Document, Transaction, Transactor, open_database
from kit.mongo.migrations import Layout
from kit.outbox import rows
from kit.outbox.events import Event
from kit.outbox.relay import Relay
from kit.outbox.rows import OUTBOX
from kit.versions import Version
from tests.bench.measures import Bar, percentile

_TOPIC = "bench.choses.v1"
_CHANGES = 1_000
_EVERY_SECONDS = 1 / 20
_CHOSES = projection("choses", fields={"valeur": "string"}, purpose="bench", readers="bench", kept="the run")


def _document(message: StringValue) -> Document:
    return {"valeur": message.value}


class _Chain:
    """The sending and the reading side, each with its own database."""

    def __init__(self, mongodb_uri: str, servers: str) -> None:
        self.prefix = f"bench{ULID()}.".lower()
        self.servers = servers
        self.source = open_database(mongodb_uri, f"{self.prefix}source".replace(".", "_"))
        self.target = open_database(mongodb_uri, f"{self.prefix}target".replace(".", "_"))
        self.visible: dict[str, float] = {}
        self.relay = Relay(service="bench", database=self.source, bootstrap_servers=servers, prefix=self.prefix)
        self._keep = keep(self.target, _CHOSES.name, _document)
        self.consumer = Consumer(
            service="lecteur",
            bootstrap_servers=servers,
            prefix=self.prefix,
            subscriptions=[Subscription(topic=_TOPIC, kind=StringValue, handle=self._handle)],
        )

    async def _handle(self, batch: Batch[StringValue]) -> Outcome:
        outcome = await self._keep(batch)
        now = time.perf_counter()
        for event in batch:
            self.visible[event.key] = now
        return outcome

    def transactor(self) -> Transactor[Transaction]:
        return Transactor(
            database=self.source,
            work=lambda transaction: transaction,
            write_outbox=partial(rows.write, source="bench"),
            committed=self.relay.wake,
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        topic = Topic(name=_TOPIC, partitions=3, writer="bench", readers=(), purpose="bench", keep_ms=None)
        await create(self.servers, self.prefix, [topic])
        await Layout(collections=[OUTBOX]).migrate(self.source)
        await Layout(collections=[_CHOSES]).migrate(self.target)
        tasks = [asyncio.create_task(loop()) for loop in (self.relay.run, self.consumer.run)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._drop()

    async def _drop(self) -> None:
        for database in (self.source, self.target):
            await database.client.drop_database(database.name)
            database.client.close()
        admin = AIOKafkaAdminClient(bootstrap_servers=self.servers)
        await admin.start()
        await admin.delete_topics([self.prefix + _TOPIC, f"{self.prefix}{_TOPIC}.dlq"])
        await admin.close()


async def measure(mongodb_uri: str, servers: str, *, runs: int) -> list[Bar]:
    """Milliseconds from commit to projection, p50 and p99 of each run."""
    p50s, p99s = [], []
    for _ in range(runs):
        delays = await _run(_Chain(mongodb_uri, servers))
        p50s.append(percentile(delays, 0.50))
        p99s.append(percentile(delays, 0.99))
    yardstick = "the bare fenced chain, elsewhere on two such cores: 15 and 55 ms"
    return [
        Bar(what="commit to projection, p50", values=p50s, unit=" ms", bar=35, yardstick=yardstick),
        Bar(what="commit to projection, p99", values=p99s, unit=" ms", bar=120, yardstick=yardstick),
    ]


async def _run(chain: _Chain) -> list[float]:
    committed: dict[str, float] = {}

    async def change(transact: Transactor[Transaction], key: str) -> None:
        message = StringValue(value="x" * 500)

        async def body(transaction: Transaction) -> None:
            await transaction["agregats"].insert_one({"_id": key, "x": "y" * 500}, session=transaction.session)
            transaction.publish(Event(topic=_TOPIC, key=key, version=Version(1, 1), message=message))

        await transact(body)
        committed[key] = time.perf_counter()

    async with chain.running():
        transact = chain.transactor()
        await change(transact, "warm")
        await _wait_for(chain, 1)
        started = time.perf_counter()
        changes = []
        for number in range(_CHANGES):
            await asyncio.sleep(max(0.0, started + number * _EVERY_SECONDS - time.perf_counter()))
            changes.append(asyncio.create_task(change(transact, f"k{number}")))
        await asyncio.gather(*changes)
        await _wait_for(chain, _CHANGES + 1)
    del committed["warm"]
    return [max(0.0, chain.visible[key] - at) * 1000 for key, at in committed.items()]


async def _wait_for(chain: _Chain, count: int) -> None:
    async with asyncio.timeout(60):
        while len(chain.visible) < count:  # noqa: ASYNC110 - polled rarely enough not to weigh on what is measured
            await asyncio.sleep(0.005)
