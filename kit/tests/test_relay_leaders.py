"""One relay leads at a time; one that was suspended and wakes up too late can no longer do any harm."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, override

import pytest
from aiokafka import AIOKafkaProducer

from kit.mongo import leases
from kit.outbox.relay import Relay
from kit.outbox.rows import Row
from kit.testing.running import running
from kit.testing.waiting import eventually
from kit.tests.publisher import Publisher, event

pytestmark = pytest.mark.stack

LEASE = "relais"
LONG, OVER = timedelta(seconds=60), timedelta(seconds=-1)


class Pause:
    """Where a process is suspended, until somebody wakes it up."""

    def __init__(self) -> None:
        self._reached = asyncio.Event()
        self._over = asyncio.Event()

    async def here(self) -> None:
        self._reached.set()
        await self._over.wait()

    async def reached(self) -> None:
        await asyncio.wait_for(self._reached.wait(), 20)

    def end(self) -> None:
        self._over.set()


class Sleeper(Relay):
    """A relay that can be suspended at a point of its first batch, and remembers what became of it."""

    before_sending: Pause | None = None
    before_committing: Pause | None = None
    before_deleting: Pause | None = None
    after_deleting: Pause | None = None
    outcome: BaseException | str | None = None

    @override
    async def _send(self, producer: AIOKafkaProducer, batch: Sequence[Row]) -> None:
        if self.before_sending is not None:
            await self.before_sending.here()
        commit = producer.commit_transaction

        async def late() -> None:
            if self.before_committing is not None:
                await self.before_committing.here()
            await commit()

        producer.commit_transaction = late
        try:
            await super()._send(producer, batch)
        except BaseException as error:
            self.outcome = error
            raise
        finally:
            producer.commit_transaction = commit
        self.outcome = "sent"

    @override
    async def _forget(self, batch: Sequence[Row]) -> bool:
        if self.before_deleting is not None:
            await self.before_deleting.here()
        deleted = await super()._forget(batch)
        self.outcome = "deleted" if deleted else "another leads"
        if self.after_deleting is not None:
            await self.after_deleting.here()
        return deleted


async def lapse(publisher: Publisher) -> None:
    """The leader's lease is over, as it is when its time has come without renewal."""
    held = await publisher.database.baux.find_one({"_id": LEASE})
    assert held is not None
    await leases.acquire(publisher.database, LEASE, held["titulaire"], OVER)


async def leader(publisher: Publisher) -> Any:
    return (await publisher.database.baux.find_one({"_id": LEASE}) or {}).get("titulaire")


async def has_outcome(relay: Sleeper, outcome: str) -> bool:
    return relay.outcome == outcome


@pytest.mark.parametrize("point", ["before_sending", "before_committing"])
async def test_a_relay_stopped_past_its_lease_and_woken_later_cannot_put_an_old_state_last(
    publisher: Publisher, point: str, capsys: pytest.CaptureFixture[str]
) -> None:
    first, pause = publisher.relay(Sleeper), Pause()
    setattr(first, point, pause)
    await publisher.change(("a", 1))
    async with running(first.run):
        await pause.reached()
        await lapse(publisher)
        second = publisher.relay(Relay)
        async with running(second.run):
            await publisher.change(("a", 2))
            await eventually(publisher.nothing_waits, within=30)
            pause.end()

            async def stepped_down() -> bool:
                return "relay_fenced" in capsys.readouterr().out

            await eventually(stepped_down)
            assert isinstance(first.outcome, Exception)
            await publisher.change(("a", 3))
            await eventually(publisher.nothing_waits)
            assert await leader(publisher) == second.holder
    assert await publisher.sent(3) == [("a", 1), ("a", 2), ("a", 3)]


async def test_a_relay_woken_between_sending_and_deleting_takes_no_row_from_under_its_successor(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = publisher.relay(Sleeper), publisher.relay(Sleeper)
    first.before_deleting, second.after_deleting = Pause(), Pause()
    await publisher.change(("a", 1))
    await publisher.change(("a", 2))
    async with running(first.run):
        # It has sent both versions.
        await first.before_deleting.reached()
        await lapse(publisher)
        monkeypatch.setattr("kit.outbox.relay._BATCH", 1)
        async with running(second.run):
            # It has sent the first version again, and not yet read the second.
            await second.after_deleting.reached()
            first.before_deleting.end()
            await eventually(lambda: has_outcome(first, "another leads"))
            second.after_deleting.end()
            await eventually(publisher.nothing_waits)
    assert await publisher.sent(4) == [("a", 1), ("a", 2), ("a", 1), ("a", 2)]


async def test_a_leader_that_died_is_succeeded_once_its_lease_is_over_and_not_before(publisher: Publisher) -> None:
    lease = timedelta(seconds=1)
    assert await leases.acquire(publisher.database, LEASE, "mort", lease)
    died = time.monotonic()
    await publisher.change(("a", 1))
    relay = publisher.relay(Relay)
    async with running(relay.run):
        await eventually(publisher.nothing_waits)
        assert time.monotonic() - died >= lease.total_seconds()
        assert await leader(publisher) == relay.holder


async def test_a_relay_that_is_stopped_gives_its_lease_up_at_once(publisher: Publisher) -> None:
    relay = publisher.relay(Relay)
    async with running(relay.run):
        await publisher.change(("a", 1))
        await eventually(publisher.nothing_waits)
        assert not await leases.acquire(publisher.database, LEASE, "autre", LONG)
    assert await leases.acquire(publisher.database, LEASE, "autre", LONG)


async def test_a_leader_with_much_to_send_renews_its_lease_with_each_batch(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Observed(Relay):
        ends: list[datetime]

        @override
        async def _send(self, producer: AIOKafkaProducer, batch: Sequence[Row]) -> None:
            held = await publisher.database.baux.find_one({"_id": LEASE})
            assert held is not None
            self.ends.append(held["expire_le"])
            await super()._send(producer, batch)

    monkeypatch.setattr("kit.outbox.relay._BATCH", 1)
    relay = publisher.relay(Observed)
    relay.ends = []
    await publisher.change(("a", 1), ("b", 1), ("c", 1), ("d", 1))
    async with running(relay.run):
        await eventually(publisher.nothing_waits)
    assert len(relay.ends) == 4
    assert relay.ends == sorted(set(relay.ends))


async def test_a_leader_whose_lease_was_taken_meanwhile_sends_no_further_batch(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kit.outbox.relay._BATCH", 1)
    relay, pause = publisher.relay(Sleeper), Pause()
    relay.before_deleting = pause
    await publisher.change(("a", 1), ("b", 1))
    async with running(relay.run):
        await pause.reached()
        await lapse(publisher)
        assert await leases.acquire(publisher.database, LEASE, "autre", LONG)
        pause.end()
        await eventually(lambda: has_outcome(relay, "another leads"))
    assert await publisher.sent(1) == [("a", 1)]
    assert await publisher.waiting() == 2


async def test_a_leader_with_nothing_to_send_renews_its_lease_before_it_is_over(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kit.outbox.relay._LEASE", timedelta(seconds=3))
    monkeypatch.setattr("kit.outbox.relay._SWEEP_SECONDS", 0.02)

    async def end_after(known: datetime) -> datetime | None:
        held = await publisher.database.baux.find_one({"_id": LEASE})
        return held["expire_le"] if held is not None and held["expire_le"] > known else None

    async with running(publisher.relay(Relay).run):
        end = await eventually(lambda: end_after(datetime.now(UTC)))
        for _ in range(2):
            assert end is not None
            known, end = end, await eventually(partial(end_after, end))
            assert datetime.now(UTC) < known


async def test_a_lease_that_is_held_for_a_while_yet_is_not_asked_for_at_each_round(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Rounds(Relay):
        asked, rounds = 0, 0

        @override
        async def _acquire(self) -> bool:
            self.asked += 1
            return await super()._acquire()

        @override
        async def _drain(self, producer: AIOKafkaProducer) -> None:
            await super()._drain(producer)
            self.rounds += 1

    monkeypatch.setattr("kit.outbox.relay._SWEEP_SECONDS", 0.01)
    relay = publisher.relay(Rounds)

    async def went_round() -> bool:
        return relay.rounds >= 5

    async with running(relay.run):
        await eventually(went_round)
    assert relay.asked == 1


async def test_a_leader_whose_lease_was_taken_while_it_had_nothing_to_send_sends_no_more(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("kit.outbox.relay._SWEEP_SECONDS", 3600.0)
    first, second = publisher.relay(Sleeper), publisher.relay(Relay)

    async def stepped_down() -> bool:
        return "relay_fenced" in capsys.readouterr().out

    async with running(first.run):
        await publisher.publish(event("a", 1, "x"), relay=first)
        await eventually(publisher.nothing_waits)
        await lapse(publisher)
        async with running(second.run):
            await publisher.publish(event("a", 2, "x"), relay=second)
            await eventually(publisher.nothing_waits)
            await publisher.publish(event("a", 3, "x"), relay=first)
            await eventually(stepped_down)
            second.wake()
            await eventually(publisher.nothing_waits)
    assert await publisher.sent(3) == [("a", 1), ("a", 2), ("a", 3)]
