"""What the broker acknowledged survives `kill -9`: on an embedded broker of the test's own, which it may kill.

One node alone relies on the system's cache for what was acknowledged: the process may be killed, the machine may not.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from infra import topics
from infra.local import stack
from infra.local.stack import Ports
from infra.local.supervisor import Supervisor
from infra.topics import Topic
from kit.testing.waiting import eventually
from tests.contracts.conftest import values

_TOPIC = Topic("essai.choses.v1", 3, "essai", (), "essai", None)
_BEFORE_THE_KILL = 200
_BATCH = 10


class Broker:
    """A broker that can be killed, and what it has acknowledged so far."""

    def __init__(self, supervisor: Supervisor, ports: Ports) -> None:
        self.supervisor = supervisor
        self.servers = ports.kafka_bootstrap_servers
        self.acknowledged: set[bytes] = set()
        self.rounds = 0

    async def send_until_killed(self) -> None:
        """Send in transactions, kill the broker once enough was acknowledged, and start it again."""
        self.rounds += 1
        before = len(self.acknowledged)
        enough = asyncio.Event()
        relay = AIOKafkaProducer(bootstrap_servers=self.servers, transactional_id="relay", acks="all")
        await relay.start()

        async def send() -> None:
            for number in range(1_000_000):
                batch = [b"%d/%d/%d" % (self.rounds, number, row) for row in range(_BATCH)]
                async with relay.transaction():
                    for value in batch:
                        await relay.send(_TOPIC.name, value, key=value)
                self.acknowledged.update(batch)
                if len(self.acknowledged) >= before + _BEFORE_THE_KILL:
                    enough.set()

        sending = asyncio.create_task(send())
        await asyncio.wait_for(enough.wait(), 60)
        self.supervisor.kill9("kafka")
        sending.cancel()
        # Cancelled, or told that the broker is away: what was under way is unknown.
        with contextlib.suppress(asyncio.CancelledError, KafkaError):
            await sending
        await self.supervisor.restart("kafka")
        with contextlib.suppress(KafkaError):
            await relay.stop()

    async def check(self) -> None:
        """Nothing acknowledged is missing or there twice, and no transaction is there by half."""

        async def all_readable() -> list[bytes]:
            # A commit is acknowledged once the coordinator has it on disk; its markers may come after the restart.
            found = await values(self.servers, _TOPIC.name)
            return found if self.acknowledged <= set(found) else []

        found = await eventually(all_readable, within=30)
        assert len(found) == len(set(found))
        whole = [value.rpartition(b"/")[0] for value in found]
        assert {whole.count(batch) for batch in set(whole)} == {_BATCH}


@pytest.fixture
async def own_broker(tmp_path: Path) -> AsyncIterator[Broker]:
    ports = Ports.free()
    supervisor = Supervisor(tmp_path)
    await supervisor.start([stack.kafka(ports, tmp_path)])
    await topics.create(ports.kafka_bootstrap_servers, "", [_TOPIC])
    yield Broker(supervisor, ports)
    supervisor.kill()


async def test_what_was_acknowledged_survives_kill_9_whole(own_broker: Broker) -> None:
    await own_broker.send_until_killed()
    await own_broker.check()


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_what_was_acknowledged_survives_kill_9_ten_times_in_a_row(own_broker: Broker) -> None:
    for _ in range(10):
        await own_broker.send_until_killed()
        await own_broker.check()
