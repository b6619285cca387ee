"""Migrations and declared collections: run once, in order, and run again after a crash."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pymongo.errors import DuplicateKeyError, WriteError

from kit.mongo import Collection, Database, Index, ensure
from kit.mongo.migrations import Generation, Layout, Migration, generation

pytestmark = pytest.mark.stack


def choses(**fields: str) -> Collection:
    return Collection(name="choses", required=fields, purpose="essai", readers="le test", kept="le temps du test")


def recording(runs: list[int], number: int) -> Callable[[Database], Awaitable[None]]:
    async def apply(_database: Database) -> None:
        runs.append(number)

    return apply


async def test_migrations_run_once_even_from_two_processes_at_the_same_moment(database: Database) -> None:
    runs: list[int] = []
    layout = Layout(collections=[choses(nom="string")], migrations=[Migration(1, "essai", recording(runs, 1))])
    assert await layout.pending(database)
    await asyncio.gather(layout.migrate(database), layout.migrate(database))
    assert runs == [1]
    assert not await layout.pending(database)
    assert await generation(database) == 1


async def test_migrations_run_in_the_order_of_their_numbers_and_a_later_one_alone(database: Database) -> None:
    runs: list[int] = []
    migrations = [Migration(n, "essai", recording(runs, n)) for n in (2, 1)]
    await Layout(collections=[], migrations=migrations).migrate(database)
    more = Layout(collections=[], migrations=[*migrations, Migration(3, "essai", recording(runs, 3))])
    assert await more.pending(database)
    await more.migrate(database)
    assert runs == [1, 2, 3]


async def test_a_migration_that_failed_is_pending_and_run_again_and_those_before_it_are_not(database: Database) -> None:
    runs: list[int] = []
    fails = True

    async def apply(_database: Database) -> None:
        if fails:
            raise ConnectionError("killed")
        runs.append(2)

    layout = Layout(
        collections=[choses(nom="string")],
        migrations=[Migration(1, "essai", recording(runs, 1)), Migration(2, "essai", apply)],
    )
    with pytest.raises(ConnectionError):
        await layout.migrate(database)
    assert await layout.pending(database)
    fails = False
    # Its lease was given up: nobody waits for it to expire.
    await asyncio.wait_for(layout.migrate(database), 10)
    assert runs == [1, 2]
    assert not await layout.pending(database)


async def test_a_changed_validator_or_index_is_pending_and_brought_up_to_date(database: Database) -> None:
    await Layout(collections=[choses(nom="string")]).migrate(database)
    await database.choses.insert_one({"_id": "a", "nom": "un"})
    with pytest.raises(WriteError):
        await database.choses.insert_one({"_id": "b", "nom": "deux", "code": "x"})
    indexed = Collection(
        name="choses",
        required={"nom": "string"},
        optional={"code": "string"},
        indexes=[Index(keys={"code": 1}, unique=True, where={"code": {"$exists": True}})],
        purpose="essai",
        readers="le test",
        kept="le temps du test",
    )
    layout = Layout(collections=[indexed])
    assert await layout.pending(database)
    await layout.migrate(database)
    assert not await layout.pending(database)
    await database.choses.insert_one({"_id": "b", "nom": "deux", "code": "x"})
    with pytest.raises(DuplicateKeyError):
        await database.choses.insert_one({"_id": "c", "nom": "trois", "code": "x"})


async def test_an_index_whose_options_changed_is_made_again_and_one_that_is_not_declared_any_more_goes(
    database: Database,
) -> None:
    def indexed(*indexes: Index) -> Collection:
        return replace(choses(nom="string"), optional={"code": "string", "vu_le": "date"}, indexes=indexes)

    async def held() -> dict[str, Any]:
        return {n: i for n, i in (await database.choses.index_information()).items() if n != "_id_"}

    with_code = {"code": {"$exists": True}}
    first = [Index(keys={"code": 1}), Index(keys={"vu_le": 1}, expires_after=timedelta(days=1)), Index(keys={"nom": 1})]
    await ensure(database, [indexed(*first)])
    changed = [Index(keys={"code": 1}, unique=True, where=with_code), first[1]]
    for _ in range(2):
        await ensure(database, [indexed(*changed)])
        assert set(await held()) == {"code_1", "vu_le_1"}
    await database.choses.insert_many([{"_id": "a", "nom": "x", "code": "1"}, {"_id": "b", "nom": "x"}])
    with pytest.raises(DuplicateKeyError):
        await database.choses.insert_one({"_id": "c", "nom": "x", "code": "1"})
    assert (await held())["vu_le_1"]["expireAfterSeconds"] == 86_400


async def test_a_collection_that_was_dropped_comes_back_as_it_was_declared(database: Database) -> None:
    unique = replace(choses(nom="string"), indexes=[Index(keys={"nom": 1}, unique=True)])
    layout = Layout(collections=[unique])
    await layout.migrate(database)
    await database.drop_collection("choses")
    await layout.ensure(database)
    with pytest.raises(WriteError):
        await database.choses.insert_one({"_id": "a"})
    await database.choses.insert_one({"_id": "a", "nom": "x"})
    with pytest.raises(DuplicateKeyError):
        await database.choses.insert_one({"_id": "b", "nom": "x"})


async def test_a_release_that_starts_again_beside_its_successor_has_nothing_to_do(database: Database) -> None:
    before, after = Layout(collections=[choses(nom="string")]), Layout(collections=[choses(titre="string")])
    await before.migrate(database)
    await after.migrate(database)
    assert not await before.pending(database)
    await before.migrate(database)
    # What its successor declared stands.
    await database.choses.insert_one({"_id": "a", "titre": "x"})
    with pytest.raises(WriteError):
        await database.choses.insert_one({"_id": "b", "nom": "x"})


async def test_declared_collections_are_made_by_several_processes_at_the_same_moment(database: Database) -> None:
    await asyncio.gather(*(ensure(database, [choses(nom="string")]) for _ in range(4)))
    with pytest.raises(WriteError):
        await database.choses.insert_one({"_id": "a"})


def test_an_index_expires_rows_after_the_duration_it_declares() -> None:
    document = Index(keys={"vu_le": 1}, expires_after=timedelta(days=30)).model().document
    assert (document["name"], document["expireAfterSeconds"]) == ("vu_le_1", 30 * 86_400)


async def test_a_running_service_reads_its_generation_once(database: Database) -> None:
    await Layout(collections=[]).migrate(database)
    current = Generation(database)
    assert await current() == 1
    await database.etat_service.update_one({"_id": "service"}, {"$set": {"generation": 2}})
    assert await current() == 1
    assert await Generation(database)() == 2
