"""The relay leaves the store to who writes hundreds of events at once, and loses no time otherwise (ADR 025)."""

import asyncio
from collections.abc import Sequence
from typing import override

import pytest
from aiokafka import AIOKafkaProducer

from kit.outbox.relay import Relay
from kit.outbox.rows import Row
from kit.testing.running import running
from kit.testing.waiting import eventually
from kit.tests.publisher import Publisher, event

pytestmark = pytest.mark.stack


class Polite(Relay):
    """Tells when it makes way, and how many batches it has sent by then."""

    sent: int
    rests: list[int]

    @override
    async def _send(self, producer: AIOKafkaProducer, batch: Sequence[Row]) -> None:
        await super()._send(producer, batch)
        self.sent += 1

    @override
    async def _make_way(self) -> None:
        self.rests.append(self.sent)
        await super()._make_way()


@pytest.fixture
def relay(publisher: Publisher) -> Polite:
    made = publisher.relay(Polite)
    made.sent, made.rests = 0, []
    return made


def many(count: int = 100) -> list[tuple[str, int]]:
    return [(f"k{number:03d}", 1) for number in range(count)]


async def commit(publisher: Publisher, relay: Relay, versions: Sequence[tuple[str, int]]) -> None:
    """As the process of `relay` does."""
    await publisher.publish(*(event(key, n, "x") for key, n in versions), relay=relay)


async def test_hundreds_of_rows_that_were_just_committed_are_sent_and_forgotten_later(
    publisher: Publisher, relay: Polite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kit.outbox.relay._REST_SECONDS", 3600.0)
    monkeypatch.setattr("kit.outbox.relay._SWEEP_SECONDS", 3600.0)

    async def rests() -> bool:
        return relay.rests == [2]

    async with running(relay.run):
        # It leads, and reads again when it is told to only: not between a commit and being told of it.
        await commit(publisher, relay, [("a", 1)])
        await eventually(publisher.nothing_waits)
        await commit(publisher, relay, many())
        await eventually(rests)
        assert sorted(await publisher.sent(101)) == [("a", 1), *many()]
        assert await publisher.waiting() == 100


async def test_a_few_rows_are_forgotten_at_once(
    publisher: Publisher, relay: Polite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kit.outbox.relay._REST_SECONDS", 3600.0)
    async with running(relay.run):
        await commit(publisher, relay, many(99))
        await eventually(publisher.nothing_waits)
    assert relay.rests == []


async def test_where_nobody_commits_hundreds_are_forgotten_at_once(
    publisher: Publisher, relay: Polite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kit.outbox.relay._REST_SECONDS", 3600.0)
    await publisher.change(*many())
    async with running(relay.run):
        await eventually(publisher.nothing_waits)


async def test_of_a_backlog_the_first_batch_only_makes_way(
    publisher: Publisher, relay: Polite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kit.outbox.relay._BATCH", 100)
    await publisher.change(*many(300))
    async with running(relay.run):
        await eventually(publisher.nothing_waits)
    assert relay.sent == 3
    assert relay.rests == [1]


async def test_who_goes_on_committing_is_not_waited_for(publisher: Publisher, relay: Polite) -> None:
    async with running(relay.run):
        await commit(publisher, relay, many())
        # More often than the relay would have to be left alone: what was sent is forgotten all the same.
        async with asyncio.timeout(20):
            number = 0
            while await publisher.database.outbox.find_one({"key": "k000"}) is not None:
                number += 1
                await commit(publisher, relay, [("z", number)])
    assert relay.rests[0] == 1
