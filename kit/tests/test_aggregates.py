"""Saving aggregates: guarded, told once, and not at all when nothing changed."""

import asyncio
from dataclasses import dataclass, replace
from functools import partial

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from pymongo.errors import BulkWriteError, WriteError

from kit.errors import Conflict, Unavailable
from kit.mongo import Collection, Database, Transactor
from kit.mongo.aggregates import Aggregates, Kind
from kit.mongo.migrations import Layout
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
    publish=(lambda chose: ("essai.choses.v1", StringValue(value=chose.nom)),),
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
    with pytest.raises(BulkWriteError) as raised:
        await transact(body)
    assert [problem["code"] for problem in raised.value.details["writeErrors"]] == [11_000]


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


async def test_the_store_refuses_a_document_with_an_unknown_or_missing_field(store: Database) -> None:
    with pytest.raises(WriteError):
        await store.choses.insert_one({"_id": "a", "version": Version(1, 1).rank, "nom": "un", "secret": "x"})
    with pytest.raises(WriteError):
        await store.choses.insert_one({"_id": "a", "version": Version(1, 1).rank})


async def test_several_are_saved_together_each_told_once_and_only_those_that_changed(
    store: Database, transact: Transactor[Work]
) -> None:
    async def create(work: Work) -> None:
        await work.save_all([Chose(key, "un") for key in "abc"])

    async def change(work: Work) -> list[Chose]:
        held = await work.find("abc")
        return await work.save_all([held["a"], replace(held["b"], nom="deux"), held["c"]])

    await transact(create)
    await store.outbox.delete_many({})
    saved = await transact(change)
    assert [chose.version.n for chose in saved] == [1, 2, 1]
    assert [row["key"] async for row in store.outbox.find({})] == ["b"]


async def test_two_saves_in_one_transaction_are_two_versions_told_in_order(
    store: Database, transact: Transactor[Work]
) -> None:
    async def body(work: Work) -> Chose:
        first = await work.save(Chose("a", "un"))
        return await work.save(replace(first, nom="deux"))

    assert (await transact(body)).version == Version(1, 2)
    told = [StringValue.FromString(row["value"]).value async for row in store.outbox.find({}).sort("_id", 1)]
    assert told == ["un", "deux"]


async def test_a_conflict_on_one_saves_none_of_them(store: Database, transact: Transactor[Work]) -> None:
    stale = await save(transact, Chose("a", "un"))
    await save(transact, replace(stale, nom="deux"))

    async def body(work: Work) -> None:
        await work.save_all([replace(stale, nom="trois"), Chose("b", "un")])

    with pytest.raises(Conflict):
        await transact(body)
    assert [row["nom"] async for row in store.choses.find({})] == ["deux"]


async def test_after_a_restoration_versions_are_of_the_new_generation(
    store: Database, transact: Transactor[Work]
) -> None:
    saved = await save(transact, Chose("a", "un"))
    restored = replace(transact, work=lambda transaction: Aggregates(transaction, KIND, 2))
    again = await save(restored, replace(saved, nom="deux"))
    assert again.version == Version(2, 1)
    assert again.version > saved.version
    assert await store.outbox.count_documents({}) == 2


async def test_one_that_is_deleted_is_told_gone_after_its_last_version_unless_it_changed_meanwhile(
    store: Database, transact: Transactor[Work]
) -> None:
    first = await save(transact, Chose("a", "un"))
    second = await save(transact, replace(first, nom="deux"))
    await store.outbox.delete_many({})

    async def delete(held: Chose) -> None:
        async def body(work: Work) -> None:
            await work.delete(held)

        await transact(body)

    with pytest.raises(Conflict):
        await delete(first)
    assert await store.outbox.count_documents({}) == 0
    await delete(second)
    assert await store.choses.count_documents({}) == 0
    (told,) = await store.outbox.find({}).to_list(None)
    assert (told["key"], told["value"]) == ("a", None)
    assert ["version", str(Version(1, 3).rank).encode()] in told["headers"]
