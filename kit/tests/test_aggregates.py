"""Saving aggregates: guarded, told once, and not at all when nothing changed."""

import asyncio
from dataclasses import dataclass, replace
from functools import partial

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from pymongo.errors import DuplicateKeyError, OperationFailure, WriteError

from kit.errors import Conflict, Unavailable
from kit.mongo import Collection, Database, Transactor
from kit.mongo.aggregates import Aggregates, Kind
from kit.mongo.migrations import Layout, Migration, generation
from kit.outbox import rows
from kit.outbox.rows import OUTBOX
from kit.versions import NEW, Version

pytestmark = pytest.mark.stack

CHOSES = Collection(
    name="choses",
    required={"version": "long", "nom": "string"},
    purpose="essai",
    readers="le test",
    kept="le temps du test",
)


@dataclass(frozen=True, slots=True)
class Chose:
    id: str
    nom: str
    version: Version = NEW


KIND = Kind(
    collection=CHOSES.name,
    document=lambda chose: {"nom": chose.nom},
    aggregate=lambda key, version, document: Chose(key, document["nom"], version),
    publish=lambda chose: ("essai.choses.v1", StringValue(value=chose.nom)),
)
type Work = Aggregates[Chose]


@pytest.fixture
async def store(database: Database) -> Database:
    await Layout(collections=[OUTBOX, CHOSES]).migrate(database)
    return database


@pytest.fixture
def transact(store: Database) -> Transactor[Work]:
    return Transactor(
        database=store,
        work=lambda transaction: Aggregates(transaction, KIND, 1),
        write_outbox=partial(rows.write, source="essai"),
        committed=lambda: None,
    )


async def save(transact: Transactor[Work], chose: Chose) -> Chose:
    async def body(work: Work) -> Chose:
        await work.find([chose.id])
        return await work.save(chose)

    return await transact(body)


async def test_a_new_aggregate_is_written_with_version_one_and_told_once(
    store: Database, transact: Transactor[Work]
) -> None:
    saved = await save(transact, Chose("a", "un"))
    assert saved.version == Version(1, 1)
    assert await store.outbox.count_documents({}) == 1


async def test_an_unchanged_aggregate_writes_and_publishes_nothing(store: Database, transact: Transactor[Work]) -> None:
    saved = await save(transact, Chose("a", "un"))
    await store.outbox.delete_many({})
    assert await save(transact, saved) == saved
    assert await store.outbox.count_documents({}) == 0


async def test_a_change_over_a_stale_version_is_a_conflict_and_changes_nothing(
    store: Database, transact: Transactor[Work]
) -> None:
    first = await save(transact, Chose("a", "un"))
    await save(transact, replace(first, nom="deux"))
    with pytest.raises(Conflict):
        await save(transact, replace(first, nom="trois"))
    assert (await store.choses.find_one({"_id": "a"}) or {})["nom"] == "deux"


async def test_two_new_aggregates_of_one_identifier_cannot_both_be_written(transact: Transactor[Work]) -> None:
    async def body(work: Work) -> Chose:
        return await work.save(Chose("a", "un"))

    await transact(body)
    with pytest.raises((DuplicateKeyError, OperationFailure)):
        await transact(body)


async def test_concurrent_changes_each_count_once(store: Database, transact: Transactor[Work]) -> None:
    await save(transact, Chose("a", "0"))

    async def increment(work: Work) -> None:
        held = (await work.find(["a"]))["a"]
        await work.save(replace(held, nom=str(int(held.nom) + 1)))

    outcomes = await asyncio.gather(*(transact(increment) for _ in range(6)), return_exceptions=True)
    done = sum(outcome is None for outcome in outcomes)
    assert all(outcome is None or isinstance(outcome, Unavailable) for outcome in outcomes)
    assert done >= 1
    assert (await store.choses.find_one({"_id": "a"}) or {})["nom"] == str(done)
    assert await store.outbox.count_documents({}) == done + 1


async def test_a_body_is_run_at_most_five_times(store: Database, transact: Transactor[Work]) -> None:
    await save(transact, Chose("a", "0"))
    runs = 0

    async def body(work: Work) -> None:
        nonlocal runs
        runs += 1
        held = (await work.find(["a"]))["a"]
        # Somebody else is always faster.
        await store.choses.update_one({"_id": "a"}, {"$set": {"nom": f"autre {runs}"}})
        await work.save(replace(held, nom="nôtre"))

    with pytest.raises((Unavailable, Conflict)):
        await transact(body)
    assert runs <= 5


async def test_the_store_refuses_a_document_with_an_unknown_or_missing_field(store: Database) -> None:
    with pytest.raises(WriteError):
        await store.choses.insert_one({"_id": "a", "version": Version(1, 1).rank, "nom": "un", "secret": "x"})
    with pytest.raises(WriteError):
        await store.choses.insert_one({"_id": "a", "version": Version(1, 1).rank})


async def test_migrations_run_once_even_from_two_processes_at_the_same_moment(database: Database) -> None:
    runs: list[int] = []

    async def apply(_database: Database) -> None:
        runs.append(1)

    layout = Layout(collections=[CHOSES], migrations=[Migration(1, "essai", apply)])
    assert await layout.pending(database)
    await asyncio.gather(layout.migrate(database), layout.migrate(database))
    assert runs == [1]
    assert not await layout.pending(database)
    assert await generation(database) == 1


async def test_a_changed_validator_makes_a_migration_pending(database: Database) -> None:
    await Layout(collections=[CHOSES]).migrate(database)
    changed = Collection(
        name="choses", required={"nom": "string"}, purpose="essai", readers="le test", kept="le temps du test"
    )
    assert await Layout(collections=[changed]).pending(database)
