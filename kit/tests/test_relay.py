"""The relay: what it sends, in which order, and that nothing is lost on the way."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import override

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from kit.mongo import open_database
from kit.outbox import rows
from kit.outbox.relay import Relay
from kit.outbox.rows import Row
from kit.testing.forwarding import forwarding
from kit.testing.running import running
from kit.testing.serving import free_port
from kit.testing.topics import committed
from kit.testing.waiting import eventually
from kit.tests.conftest import Measured
from kit.tests.publisher import Publisher, event

pytestmark = pytest.mark.stack


async def test_versions_of_a_key_are_sent_in_order_within_and_across_batches(publisher: Publisher) -> None:
    # Written newest first, and more than a batch of them.
    for n in (3, 2, 1):
        await publisher.change(*((f"k{i:03d}", n) for i in range(200)))
    async with running(publisher.relay(Relay).run):
        await eventually(publisher.nothing_waits, within=30)
    by_key: dict[str, list[int]] = {}
    for key, n in await publisher.sent(600):
        by_key.setdefault(key, []).append(n)
    assert by_key == {f"k{i:03d}": [1, 2, 3] for i in range(200)}


class Busy(Relay):
    """Each time a batch was sent, `a` and `b` have changed again."""

    publisher: Publisher
    batches: list[list[str]]

    @override
    async def _send(self, producer: AIOKafkaProducer, batch: Sequence[Row]) -> None:
        await super()._send(producer, batch)
        self.batches.append([row.key for row in batch])
        if len(self.batches) < 10:
            n = len(self.batches) + 1
            await self.publisher.change(("a", n), ("b", n))


async def test_keys_that_keep_changing_do_not_hold_the_others_back(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kit.outbox.relay._BATCH", 2)
    relay = publisher.relay(Busy)
    relay.publisher, relay.batches = publisher, []
    await publisher.change(("a", 1), ("b", 1), ("c", 1))
    async with running(relay.run):
        await eventually(publisher.nothing_waits)
    assert relay.batches[:2] == [["a", "b"], ["b", "c"]]


async def test_a_commit_is_sent_at_once_rather_than_at_the_next_sweep(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kit.outbox.relay._SWEEP_SECONDS", 3600.0)
    relay = publisher.relay(Relay)
    async with running(relay.run):
        for n in range(1, 4):
            await publisher.publish(event("a", n, "x"), relay=relay)
            await eventually(publisher.nothing_waits)


async def test_what_another_process_committed_is_sent_at_the_next_sweep(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kit.outbox.relay._SWEEP_SECONDS", 0.05)
    async with running(publisher.relay(Relay).run):
        for n in range(1, 4):
            await publisher.change(("a", n))
            await eventually(publisher.nothing_waits)


async def test_rows_sent_but_not_yet_deleted_when_the_leader_died_are_sent_again_and_leave_the_newest_last(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """Nothing of ours catches it: the process is gone."""

    async def die(*_args: object, **_options: object) -> None:
        raise Killed

    monkeypatch.setattr("kit.outbox.relay._LEASE", timedelta(seconds=1))
    await publisher.change(("a", 1), ("a", 2))
    with monkeypatch.context() as patched:
        patched.setattr(rows, "delete", die)
        with pytest.RaisesGroup(Killed):
            await publisher.relay(Relay).run()
    await publisher.change(("a", 3))
    async with running(publisher.relay(Relay).run):
        await eventually(publisher.nothing_waits)
    assert await publisher.sent(5) == [("a", 1), ("a", 2), ("a", 1), ("a", 2), ("a", 3)]


@pytest.fixture
async def admin(kafka_bootstrap_servers: str) -> AsyncIterator[AIOKafkaAdminClient]:
    opened = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap_servers)
    await opened.start()
    yield opened
    await opened.close()


async def test_an_event_that_the_broker_refuses_is_kept_and_said_and_sent_once_it_can_be(
    publisher: Publisher, admin: AIOKafkaAdminClient, unique_prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    narrow = f"{unique_prefix}essai.petits.v1"
    await admin.create_topics([NewTopic(narrow, 1, 1, topic_configs={"max.message.bytes": "1000"})])
    await publisher.publish(
        event("grand", 1, "x" * 5_000, topic="essai.petits.v1"), event("petit", 1, "x", topic="essai.petits.v1")
    )

    async def said() -> bool:
        return "MessageSizeTooLargeError" in capsys.readouterr().out

    async with running(publisher.relay(Relay).run):
        await eventually(said)
        assert await publisher.waiting() == 2
        assert await committed(publisher.bootstrap_servers, narrow) == []
        wider = ConfigResource(ConfigResourceType.TOPIC, narrow, configs={"max.message.bytes": "100000"})
        await admin.alter_configs([wider])
        await eventually(publisher.nothing_waits)
    assert [record.key for record in await committed(publisher.bootstrap_servers, narrow)] == [b"grand", b"petit"]
    await admin.delete_topics([narrow])


async def test_a_leader_that_is_told_to_stop_while_the_store_is_away_stops(
    mongodb_uri: str, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    relay = publisher.relay(Relay)
    relay.database = open_database(
        f"mongodb://127.0.0.1:{port}/?directConnection=true&serverSelectionTimeoutMS=500", publisher.database.name
    )
    leading = asyncio.Event()
    drain = Relay._drain

    async def drained(self: Relay, producer: AIOKafkaProducer) -> None:
        await drain(self, producer)
        leading.set()

    monkeypatch.setattr(Relay, "_drain", drained)
    async with forwarding(port, mongodb_uri):
        task = asyncio.create_task(relay.run())
        await asyncio.wait_for(leading.wait(), 20)
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=15)
    assert done, "it went on"
    assert task.cancelled()
    relay.database.client.close()


async def test_a_relay_that_starts_before_its_broker_says_so_and_for_how_long_and_goes_on_once_it_is_there(
    kafka_bootstrap_servers: str,
    publisher: Publisher,
    capsys: pytest.CaptureFixture[str],
    measured: Measured,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kit.outbox.relay._MEASURE_SECONDS", 0.05)
    port = free_port()
    relay = publisher.relay(Relay)
    relay.bootstrap_servers = f"127.0.0.1:{port}"
    await publisher.change(("a", 1))
    await publisher.database.outbox.update_one({}, {"$set": {"cree_le": datetime.now(UTC) - timedelta(hours=1)}})
    said = ""

    async def complains() -> bool:
        nonlocal said
        said += capsys.readouterr().out
        return "relay_interrupted" in said

    async def is_an_hour_old() -> bool:
        return 3600 <= measured("outbox_age_seconds") < 3700

    async def is_empty() -> bool:
        return measured("outbox_age_seconds") == 0

    async with running(relay.run):
        await eventually(complains, within=20)
        assert await publisher.waiting() == 1
        await eventually(is_an_hour_old)
        async with forwarding(port, f"kafka://{kafka_bootstrap_servers}"):
            await eventually(publisher.nothing_waits, within=30)
            await eventually(is_empty)
    assert await publisher.sent(1) == [("a", 1)]
