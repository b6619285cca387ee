"""Transactions: a change is whole or not there, and a body in the way of another is run again, not for ever."""

from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest
from pymongo.errors import DuplicateKeyError

from kit.errors import Conflict, Refusal, Unavailable
from kit.mongo import Collection, Database, Transaction, Transactor, ensure, open_database
from kit.outbox import rows
from kit.outbox.rows import OUTBOX
from kit.testing.forwarding import forwarding
from kit.testing.serving import free_port
from kit.tests.publisher import event

pytestmark = pytest.mark.stack

CHOSES = Collection(
    name="choses", required={"nom": "string"}, purpose="essai", readers="le test", kept="le temps du test"
)


@pytest.fixture
async def store(database: Database) -> Database:
    await ensure(database, [OUTBOX, CHOSES])
    await database.choses.insert_one({"_id": "a", "nom": "0"})
    return database


@pytest.fixture
def committed() -> list[str]:
    """What the relay was told."""
    return []


@pytest.fixture
def transact(store: Database, committed: list[str]) -> Transactor[Transaction]:
    return transactor(store, lambda: committed.append("woken"))


def transactor(database: Database, committed: Callable[[], None] = lambda: None) -> Transactor[Transaction]:
    return Transactor(
        database=database,
        work=lambda transaction: transaction,
        write_outbox=partial(rows.write, source="essai"),
        committed=committed,
    )


async def nom(store: Database) -> str:
    found = await store.choses.find_one({"_id": "a"})
    assert found is not None
    return str(found["nom"])


async def rename(transaction: Transaction, nom: str) -> None:
    await transaction["choses"].update_one({"_id": "a"}, {"$set": {"nom": nom}}, session=transaction.session)


async def test_a_body_in_the_way_of_another_transaction_is_run_again_and_counts_once(
    store: Database, transact: Transactor[Transaction], committed: list[str]
) -> None:
    runs = 0

    async def body(tx: Transaction) -> str:
        nonlocal runs
        runs += 1
        read = await tx["choses"].find_one({"_id": "a"}, session=tx.session)
        assert read is not None
        if runs <= 2:
            # Somebody else is faster.
            await store.choses.update_one({"_id": "a"}, {"$set": {"nom": f"autre {runs}"}})
        tx.publish(event("a", runs, "x"))
        await rename(tx, f"{read['nom']}, puis nous")
        return "fait"

    assert await transact(body) == "fait"
    assert runs == 3
    assert await nom(store) == "autre 2, puis nous"
    assert await store.outbox.count_documents({}) == 1
    assert committed == ["woken"]


async def test_a_body_that_is_always_in_the_way_is_given_up_after_five_runs_and_said(
    store: Database, transact: Transactor[Transaction], committed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    runs = 0

    async def body(tx: Transaction) -> None:
        nonlocal runs
        runs += 1
        await tx["choses"].find_one({"_id": "a"}, session=tx.session)
        await store.choses.update_one({"_id": "a"}, {"$set": {"nom": f"autre {runs}"}})
        tx.publish(event("a", 1, "x"))
        await rename(tx, "nous")

    with pytest.raises(Unavailable):
        await transact(body)
    assert runs == 5
    assert await nom(store) == "autre 5"
    assert await store.outbox.count_documents({}) == 0
    assert committed == []
    assert "transaction_given_up" in capsys.readouterr().out


async def test_no_further_run_is_begun_after_the_deadline(
    store: Database, transact: Transactor[Transaction], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kit.mongo.transactions._DEADLINE_SECONDS", 0.0)
    runs = 0

    async def body(tx: Transaction) -> None:
        nonlocal runs
        runs += 1
        await tx["choses"].find_one({"_id": "a"}, session=tx.session)
        await store.choses.update_one({"_id": "a"}, {"$set": {"nom": "autre"}})
        await rename(tx, "nous")

    with pytest.raises(Unavailable):
        await transact(body)
    assert runs == 1


@pytest.mark.parametrize("raised", [ValueError("bug"), Refusal("Non."), Conflict("Relisez.")])
async def test_what_a_body_raises_undoes_all_it_did_and_is_not_run_again(
    store: Database, transact: Transactor[Transaction], committed: list[str], raised: Exception
) -> None:
    runs = 0

    async def body(tx: Transaction) -> None:
        nonlocal runs
        runs += 1
        await rename(tx, "nous")
        await tx["choses"].insert_one({"_id": "b", "nom": "b"}, session=tx.session)
        tx.publish(event("a", 1, "x"))
        raise raised

    with pytest.raises(type(raised)):
        await transact(body)
    assert runs == 1
    assert await store.choses.find({}).to_list(None) == [{"_id": "a", "nom": "0"}]
    assert await store.outbox.count_documents({}) == 0
    assert committed == []


async def test_a_refusal_of_the_store_is_not_run_again(store: Database, transact: Transactor[Transaction]) -> None:
    async def body(tx: Transaction) -> None:
        await rename(tx, "nous")
        await tx["choses"].insert_one({"_id": "a", "nom": "a"}, session=tx.session)

    with pytest.raises(DuplicateKeyError):
        await transact(body)
    assert await nom(store) == "0"


async def test_the_relay_is_not_woken_when_nothing_is_to_be_told(
    transact: Transactor[Transaction], committed: list[str]
) -> None:
    await transact(partial(rename, nom="nous"))
    assert committed == []


class Cutter:
    """Loses the connection `times` times, each after the server dealt with a request that holds `word`."""

    def __init__(self, word: bytes, times: int) -> None:
        self._word, self.times = word, times

    def __call__(self, request: bytes) -> bool:
        cut = self.times > 0 and self._word in request
        self.times -= cut
        return cut


@pytest.fixture
async def through(store: Database) -> AsyncIterator[tuple[Database, int]]:
    """The store through a connection that can be cut, and the port to cut it at."""
    port = free_port()
    database = open_database(
        f"mongodb://127.0.0.1:{port}/?directConnection=true&serverSelectionTimeoutMS=1000", store.name
    )
    yield database, port
    database.client.close()


# The driver itself tries a commit twice.
@pytest.mark.parametrize("times", [1, 3])
async def test_a_commit_whose_answer_was_lost_is_committed_again_without_running_the_body_again(
    mongodb_uri: str, store: Database, through: tuple[Database, int], times: int
) -> None:
    database, port = through
    cutter, runs = Cutter(b"commitTransaction", times), 0

    async def body(tx: Transaction) -> None:
        nonlocal runs
        runs += 1
        await rename(tx, "nous")
        tx.publish(event("a", 1, "x"))

    async with forwarding(port, mongodb_uri, cut=cutter):
        await transactor(database)(body)
    assert cutter.times == 0
    assert runs == 1
    assert await nom(store) == "nous"
    assert await store.outbox.count_documents({}) == 1


async def test_a_commit_that_is_never_answered_is_said_to_be_unknown(
    mongodb_uri: str, through: tuple[Database, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kit.mongo.transactions._DEADLINE_SECONDS", 0.3)
    database, port = through
    runs = 0

    async def body(tx: Transaction) -> None:
        nonlocal runs
        runs += 1
        await rename(tx, "nous")

    async with forwarding(port, mongodb_uri, cut=Cutter(b"commitTransaction", 1_000)):
        with pytest.raises(Unavailable):
            await transactor(database)(body)
    assert runs == 1


async def test_a_connection_lost_in_the_middle_runs_the_body_again_and_nothing_is_there_twice(
    mongodb_uri: str, store: Database, through: tuple[Database, int]
) -> None:
    database, port = through
    cutter, runs = Cutter(b"insert", 1), 0

    async def body(tx: Transaction) -> None:
        nonlocal runs
        runs += 1
        await tx["choses"].insert_one({"_id": f"n{runs}", "nom": "n"}, session=tx.session)

    async with forwarding(port, mongodb_uri, cut=cutter):
        await transactor(database)(body)
    assert runs == 2
    assert [row["_id"] async for row in store.choses.find({}).sort("_id", 1)] == ["a", "n2"]
