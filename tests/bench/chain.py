"""From a commit in one service to the projection visible in another: 1,000 changes, 20 a second."""

import asyncio
import contextlib
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Protocol

from aiokafka.admin import AIOKafkaAdminClient
from google.protobuf.wrappers_pb2 import StringValue
from ulid import ULID

from infra.topics import Topic, create
from kit.app.start import spare_the_collector
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
from tests.bench.bare_chain import BareChain
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
        self._transact = Transactor(
            database=self.source,
            work=lambda transaction: transaction,
            write_outbox=partial(rows.write, source="bench"),
            committed=self.relay.wake,
        )
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

    async def change(self, key: str) -> float:
        """Commit a change; when it was."""

        async def body(transaction: Transaction) -> None:
            await transaction["agregats"].insert_one({"_id": key, "x": "y" * 500}, session=transaction.session)
            message = StringValue(value="x" * 500)
            transaction.publish(Event(topic=_TOPIC, key=key, version=Version(1, 1), message=message))

        await self._transact(body)
        return time.perf_counter()

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


class _Measured(Protocol):
    """A chain at work: what it committed becomes visible at its other end."""

    visible: dict[str, float]

    async def change(self, key: str) -> float: ...

    def running(self) -> AbstractAsyncContextManager[None]: ...


async def measure(mongodb_uri: str, servers: str, *, runs: int) -> list[Bar]:
    """Milliseconds from commit to projection, p50 and p99 of each run."""
    # As in the processes of services; the bare chain profits from it too.
    spare_the_collector()
    ours, bare = [], []
    for _ in range(runs):
        ours.append(await _run(_Chain(mongodb_uri, servers)))
        bare.append(await _run(BareChain(mongodb_uri, servers)))

    def bar(name: str, share: float, allowed: float) -> Bar:
        yardstick = statistics.median(percentile(delays, share) for delays in bare)
        return Bar(
            what=f"commit to projection, {name}",
            values=[percentile(delays, share) for delays in ours],
            unit=" ms",
            bar=allowed,
            yardstick=f"the bare fenced chain: {yardstick:.0f} ms",
        )

    return [bar("p50", 0.50, 35), bar("p99", 0.99, 120)]


async def _run(chain: _Measured) -> list[float]:
    """Milliseconds of each change."""
    committed: dict[str, float] = {}

    async def change(key: str) -> None:
        committed[key] = await chain.change(key)

    async with chain.running():
        await change("warm")
        await _wait_for(chain, 1)
        started = time.perf_counter()
        changes = []
        for number in range(_CHANGES):
            await asyncio.sleep(max(0.0, started + number * _EVERY_SECONDS - time.perf_counter()))
            changes.append(asyncio.create_task(change(f"k{number}")))
        await asyncio.gather(*changes)
        await _wait_for(chain, _CHANGES + 1)
    del committed["warm"]
    return [max(0.0, chain.visible[key] - at) * 1000 for key, at in committed.items()]


async def _wait_for(chain: _Measured, count: int) -> None:
    async with asyncio.timeout(60):
        while len(chain.visible) < count:  # noqa: ASYNC110 - polled rarely enough not to weigh on what is measured
            await asyncio.sleep(0.005)
