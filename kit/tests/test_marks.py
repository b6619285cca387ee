"""Marks: whatever comes between a change and its computation, the last computation sees the last change."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from kit.consumer.marks import Recomputer, mark, marks, transactions
from kit.consumer.marks import waiting as still_waiting
from kit.mongo import Collection, Database, Transaction, ensure, leases
from kit.mongo.leases import LEASES
from kit.outbox.events import Event
from kit.testing.running import running
from kit.testing.waiting import eventually
from kit.versions import Version

pytestmark = pytest.mark.stack

MARKS = marks("marques", purpose="essai")
ROWS = Collection(
    name="lignes", required={"groupe": "string"}, purpose="essai", readers="le test", kept="le temps du test"
)
TOTALS = Collection(
    name="totaux", required={"nombre": "int"}, purpose="essai", readers="le test", kept="le temps du test"
)
AT_ONCE = timedelta(0)


@pytest.fixture
async def store(database: Database) -> Database:
    await ensure(database, [MARKS, ROWS, TOTALS, LEASES])
    return database


async def add(store: Database, row: str, group: str) -> None:
    async def body(transaction: Transaction) -> None:
        await transaction[ROWS.name].insert_one({"_id": row, "groupe": group}, session=transaction.session)
        await mark(transaction, MARKS.name, [group, group])

    await transactions(store)(body)


async def count(transaction: Transaction, groups: Sequence[str]) -> None:
    for group in groups:
        number = await transaction[ROWS.name].count_documents({"groupe": group}, session=transaction.session)
        await transaction[TOTALS.name].replace_one(
            {"_id": group}, {"nombre": number}, upsert=True, session=transaction.session
        )


def counter(store: Database, debounce: timedelta = AT_ONCE) -> Recomputer:
    return Recomputer(database=store, collection=MARKS.name, recompute=count, debounce=debounce)


async def totals(store: Database) -> dict[str, int]:
    return {row["_id"]: row["nombre"] async for row in store[TOTALS.name].find({})}


async def waiting(store: Database) -> int:
    return await store[MARKS.name].count_documents({})


async def test_what_is_marked_is_computed_once_and_what_is_not_is_left_alone(store: Database) -> None:
    await add(store, "1", "a")
    await add(store, "2", "a")
    assert await waiting(store) == 2
    assert await counter(store).turn() == 1
    assert await totals(store) == {"a": 2}
    assert await counter(store).turn() == 0


async def test_a_mark_waits_for_the_debounce_counted_from_the_first(store: Database) -> None:
    await add(store, "1", "a")
    assert await counter(store, timedelta(seconds=60)).turn() == 0
    await store[MARKS.name].update_many({}, [{"$set": {"depuis": {"$subtract": ["$depuis", 60_000]}}}])
    await add(store, "2", "a")
    assert await counter(store, timedelta(seconds=60)).turn() == 1
    # The second is seen already; its mark waits for its own time.
    assert (await totals(store), await waiting(store)) == ({"a": 2}, 1)
    assert await counter(store, timedelta(seconds=60)).turn() == 0


async def test_a_change_that_comes_during_a_computation_is_counted_by_the_next(store: Database) -> None:
    begun, changed = asyncio.Event(), asyncio.Event()

    async def slow(transaction: Transaction, groups: Sequence[str]) -> None:
        begun.set()
        await changed.wait()
        await count(transaction, groups)

    await add(store, "1", "a")
    recomputer = Recomputer(database=store, collection=MARKS.name, recompute=slow, debounce=AT_ONCE)
    turn = asyncio.create_task(recomputer.turn())
    await begun.wait()
    await add(store, "2", "a")
    changed.set()
    await turn
    assert (await totals(store), await waiting(store)) == ({"a": 1}, 1)
    await recomputer.turn()
    assert (await totals(store), await waiting(store)) == ({"a": 2}, 0)


async def test_a_computation_never_takes_the_mark_of_a_change_that_it_does_not_see(store: Database) -> None:
    """However long the writer pauses between its mark and its commit."""
    marked, commit = asyncio.Event(), asyncio.Event()

    async def slow(transaction: Transaction) -> None:
        await mark(transaction, MARKS.name, ["a"])
        marked.set()
        await commit.wait()
        await transaction[ROWS.name].insert_one({"_id": "1", "groupe": "a"}, session=transaction.session)

    writing = asyncio.create_task(transactions(store)(slow))
    await marked.wait()
    assert await counter(store).turn() == 0
    commit.set()
    await writing
    assert await counter(store).turn() == 1
    assert await totals(store) == {"a": 1}


async def test_while_one_computes_another_is_not_let_through(store: Database) -> None:
    read, go_on = asyncio.Event(), asyncio.Event()

    async def paused(transaction: Transaction, groups: Sequence[str]) -> None:
        await count(transaction, groups)
        read.set()
        await go_on.wait()

    await add(store, "1", "a")
    older = Recomputer(database=store, collection=MARKS.name, recompute=paused, debounce=AT_ONCE)
    turn = asyncio.create_task(older.turn())
    await read.wait()
    await add(store, "2", "a")
    assert await counter(store).turn() == 0
    go_on.set()
    await turn
    assert (await totals(store), await waiting(store)) == ({"a": 1}, 1)
    await counter(store).turn()
    assert (await totals(store), await waiting(store)) == ({"a": 2}, 0)


@pytest.mark.parametrize("left", [0, 1])
async def test_a_computation_whose_lease_is_another_s_by_now_writes_nothing(store: Database, left: int) -> None:
    """Woken late, it would write what it read long ago over what was computed since; even where nothing is left."""
    paused, go_on = asyncio.Event(), asyncio.Event()

    async def woken_late(transaction: Transaction, _groups: Sequence[str]) -> None:
        await transaction[TOTALS.name].replace_one(
            {"_id": "a"}, {"nombre": 99}, upsert=True, session=transaction.session
        )

    await add(store, "1", "a")
    older = Recomputer(database=store, collection=MARKS.name, recompute=woken_late, debounce=AT_ONCE)
    renew = leases.renew

    async def slow(*given: Any) -> bool:
        paused.set()
        await go_on.wait()
        return await renew(*given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(leases, "renew", slow)
        turn = asyncio.create_task(older.turn())
        await paused.wait()
    await store[LEASES.name].update_one({}, {"$set": {"expire_le": datetime.now(UTC) - timedelta(seconds=1)}})
    if not left:
        await store[ROWS.name].delete_many({})
    newer = counter(store)
    assert await leases.acquire(store, "marques.calcul", newer.holder, timedelta(seconds=60))
    go_on.set()
    assert await turn == 0
    assert await totals(store) == {}
    assert await newer.turn() == 1
    assert (await totals(store), await waiting(store)) == ({"a": left}, 0)


async def test_marks_stay_when_the_computation_fails_and_the_loop_tries_again(store: Database) -> None:
    attempts = 0

    async def fails_once(transaction: Transaction, groups: Sequence[str]) -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise ValueError("a fault of ours")
        await count(transaction, groups)

    await add(store, "1", "a")
    recomputer = Recomputer(database=store, collection=MARKS.name, recompute=fails_once, debounce=AT_ONCE)
    async with running(recomputer.run):

        async def computed() -> bool:
            return await totals(store) == {"a": 1} and await waiting(store) == 0

        await eventually(computed)
    assert attempts == 2


async def test_a_key_that_can_never_be_computed_holds_no_other_back(store: Database) -> None:
    async def fails_for_a(transaction: Transaction, groups: Sequence[str]) -> None:
        if "a" in groups:
            raise ValueError("a fault of ours")
        await count(transaction, groups)

    for number, group in enumerate("abcd"):
        await add(store, str(number), group)
    recomputer = Recomputer(database=store, collection=MARKS.name, recompute=fails_for_a, debounce=AT_ONCE, batch=2)
    async with running(recomputer.run):

        async def others_computed() -> bool:
            return await totals(store) == {"b": 1, "c": 1, "d": 1}

        await eventually(others_computed)

        async def one_is_left() -> bool:
            return await store[MARKS.name].distinct("cles") == ["a"]

        await eventually(one_is_left)


async def test_many_keys_are_computed_in_batches_oldest_first(store: Database) -> None:
    together: list[Sequence[str]] = []

    async def told(transaction: Transaction, groups: Sequence[str]) -> None:
        together.append(groups)
        await count(transaction, groups)

    for number in (3, 0, 4, 1, 2):
        await add(store, str(number), f"g{number}")
    recomputer = Recomputer(database=store, collection=MARKS.name, recompute=told, debounce=AT_ONCE, batch=2)
    assert [await recomputer.turn() for _ in range(2)] == [5, 0]
    assert [list(some) for some in together] == [["g3", "g0"], ["g4", "g1"], ["g2"]]
    assert await totals(store) == {f"g{number}": 1 for number in range(5)}


async def test_a_transaction_writes_few_marks_whatever_the_number_of_its_keys(store: Database) -> None:
    keys = [f"g{number}" for number in range(2500)]
    await transactions(store)(partial(mark, collection=MARKS.name, keys=keys))
    assert await waiting(store) == 3

    async def some(transaction: Transaction) -> set[str]:
        return await still_waiting(transaction, MARKS.name, ["g7", "g2400", "other"])

    assert await transactions(store)(some) == {"g7", "g2400"}
    assert await counter(store).turn() == 2500
    assert await transactions(store)(some) == set()


async def test_a_mark_of_a_transaction_that_is_given_up_is_none(store: Database) -> None:
    async def body(transaction: Transaction) -> None:
        await mark(transaction, MARKS.name, ["a"])
        raise ValueError("given up")

    with pytest.raises(ValueError, match="given up"):
        await transactions(store)(body)
    assert await waiting(store) == 0


async def test_nothing_is_published_from_a_computation(store: Database) -> None:
    async def body(transaction: Transaction) -> None:
        transaction.publish(Event(topic="essai", key="a", version=Version(1, 1), message=None))

    with pytest.raises(TypeError, match="not published"):
        await transactions(store)(body)


async def test_while_another_process_computes_this_one_leaves_the_marks_to_it(store: Database) -> None:
    await leases.acquire(store, "marques.calcul", "another", timedelta(seconds=1))
    await add(store, "1", "a")

    async def computed() -> bool:
        return await totals(store) == {"a": 1}

    began = time.monotonic()
    async with running(counter(store).run):
        await eventually(computed)
    assert time.monotonic() - began > 0.5
    # Given up on stopping, so that the next process need not wait for its end.
    assert await leases.acquire(store, "marques.calcul", "the next", timedelta(seconds=1))
