"""Indexes, validators and guarded writes of the store, whatever `MONGODB_URI` names."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo import InsertOne, ReplaceOne, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure, WriteError

from kit.mongo import Collection, Database, ensure
from tests.contracts.conftest import CHOSES, Begin

pytestmark = pytest.mark.stack

_DUPLICATE_KEY = 11000
_VALIDATION = 121


async def test_declared_indexes_exist_with_their_options(store: Database) -> None:
    indexes = await store.choses.index_information()
    assert indexes["code_1"]["unique"] is True
    assert indexes["code_1"]["partialFilterExpression"] == {"code": {"$exists": True}}
    assert indexes["vu_le_1"]["expireAfterSeconds"] == 3600
    assert [tuple(key) for key in indexes["etat_1_n_-1"]["key"]] == [("etat", 1), ("n", -1)]


async def test_a_unique_value_is_taken_once_even_by_many_at_the_same_moment(store: Database) -> None:
    async def take(number: int) -> bool:
        try:
            await store.choses.insert_one({"_id": str(number), "n": 1, "code": "x"})
        except DuplicateKeyError:
            return False
        return True

    assert sum(await asyncio.gather(*(take(n) for n in range(20)))) == 1


async def test_a_unique_value_that_was_given_back_can_be_taken_again(store: Database) -> None:
    await store.choses.insert_one({"_id": "a", "n": 1, "code": "x"})
    with pytest.raises(DuplicateKeyError):
        await store.choses.update_one({"_id": "b"}, {"$set": {"n": 1, "code": "x"}}, upsert=True)
    await store.choses.update_one({"_id": "a"}, {"$unset": {"code": ""}})
    await store.choses.insert_one({"_id": "b", "n": 1, "code": "x"})


async def test_a_partial_index_leaves_documents_without_the_field_alone(store: Database) -> None:
    await store.choses.insert_many([{"_id": str(n), "n": 1} for n in range(3)])
    assert await store.choses.count_documents({}) == 3


async def test_an_unordered_insert_keeps_the_winners_and_names_the_losers(store: Database) -> None:
    await store.choses.insert_one({"_id": "b", "n": 1})
    with pytest.raises(BulkWriteError) as refused:
        await store.choses.bulk_write([InsertOne({"_id": id, "n": 2}) for id in "abc"], ordered=False)
    errors = refused.value.details["writeErrors"]
    assert [(error["index"], error["code"]) for error in errors] == [(1, _DUPLICATE_KEY)]
    assert await store.choses.count_documents({}) == 3


async def test_a_guarded_upsert_keeps_the_newest_version_whatever_the_order_they_come_in(store: Database) -> None:
    async def keep(version: int) -> bool:
        guard = {"_id": "a", "n": {"$lt": version}}
        try:
            await store.choses.update_one(guard, {"$set": {"n": version}}, upsert=True)
        except DuplicateKeyError:
            return False
        return True

    assert [await keep(version) for version in (2, 1, 2, 5, 4)] == [True, False, False, True, False]
    assert await store.choses.find_one({}) == {"_id": "a", "n": 5}
    await asyncio.gather(*(keep(version) for version in (9, 7, 8, 6)))
    assert await store.choses.find_one({}) == {"_id": "a", "n": 9}


async def test_a_guarded_upsert_in_a_batch_says_which_rows_were_older(store: Database) -> None:
    await store.choses.insert_many([{"_id": "old", "n": 1}, {"_id": "new", "n": 9}])
    replacements = [
        ReplaceOne({"_id": id, "n": {"$lt": 5}}, {"_id": id, "n": 5}, upsert=True) for id in ("old", "new", "none")
    ]
    with pytest.raises(BulkWriteError) as refused:
        await store.choses.bulk_write(replacements, ordered=False)
    details = refused.value.details
    assert [(error["index"], error["code"]) for error in details["writeErrors"]] == [(1, _DUPLICATE_KEY)]
    assert (details["nModified"], details["nUpserted"]) == (1, 1)
    held = {chose["_id"]: chose["n"] for chose in await store.choses.find({}).to_list(None)}
    assert held == {"old": 5, "new": 9, "none": 5}


async def test_a_lease_is_held_by_one_of_many_and_taken_once_it_has_expired(store: Database) -> None:
    async def acquire(holder: str, now: datetime) -> bool:
        free = {"_id": "bail", "$or": [{"etat": holder}, {"vu_le": {"$lt": now}}]}
        taken = {"$set": {"n": 1, "etat": holder, "vu_le": now + timedelta(seconds=10)}}
        try:
            await store.choses.update_one(free, taken, upsert=True)
        except DuplicateKeyError:
            return False
        return True

    now = datetime.now(UTC)
    assert sum(await asyncio.gather(*(acquire(str(n), now) for n in range(10)))) == 1
    assert not await acquire("autre", now)
    assert await acquire("autre", now + timedelta(seconds=11))


@pytest.mark.parametrize(
    "document",
    [
        {"n": 1, "inconnu": 1},
        {"code": "sans n"},
        {"n": "un"},
        {"n": 1, "code": 3},
        {"n": 1, "vu_le": "2025-01-10"},
    ],
)
async def test_a_validator_refuses_what_was_not_declared_also_within_a_transaction(
    store: Database, begin: Begin, document: dict[str, Any]
) -> None:
    with pytest.raises(WriteError) as refused:
        await store.choses.insert_one({"_id": "a", **document})
    assert refused.value.code == _VALIDATION
    async with begin() as session:
        with pytest.raises(OperationFailure) as refused_within:
            await store.choses.insert_one({"_id": "a", **document}, session=session)
        assert refused_within.value.code == _VALIDATION
    assert await store.choses.count_documents({}) == 0


async def test_a_validator_also_watches_over_changes(store: Database) -> None:
    await store.choses.insert_one({"_id": "a", "n": 1})
    with pytest.raises(WriteError) as refused:
        await store.choses.update_one({"_id": "a"}, {"$set": {"n": "deux"}})
    assert refused.value.code == _VALIDATION
    with pytest.raises(BulkWriteError) as all_refused:
        await store.choses.bulk_write([UpdateOne({"_id": "a"}, {"$set": {"inconnu": 1}})])
    assert [error["code"] for error in all_refused.value.details["writeErrors"]] == [_VALIDATION]
    assert await store.choses.find_one({}) == {"_id": "a", "n": 1}


async def test_a_validator_that_is_declared_anew_replaces_the_one_before(store: Database) -> None:
    wider = Collection(
        name=CHOSES.name,
        required=CHOSES.required,
        optional={**CHOSES.optional, "ajout": "string"},
        indexes=CHOSES.indexes,
        purpose="essai",
        readers="le test",
        kept="le temps du test",
    )
    await ensure(store, [wider])
    await store.choses.insert_one({"_id": "a", "n": 1, "ajout": "oui"})
    await ensure(store, [CHOSES])
    with pytest.raises(WriteError) as refused:
        await store.choses.insert_one({"_id": "b", "n": 1, "ajout": "non"})
    assert refused.value.code == _VALIDATION


async def test_two_processes_may_bring_a_store_up_to_date_at_the_same_moment(database: Database) -> None:
    await asyncio.gather(*(ensure(database, [CHOSES]) for _ in range(4)))
    assert set(await database.choses.index_information()) == {"_id_", "code_1", "etat_1_n_-1", "vu_le_1"}
