"""Transactions of the store, whatever `MONGODB_URI` names: if one of these failed, data would be lost or mixed."""

import asyncio

import pytest
from pymongo import InsertOne, ReadPreference, ReplaceOne, ReturnDocument
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure, PyMongoError

from kit.mongo import Database
from tests.contracts.conftest import Begin

pytestmark = pytest.mark.stack


async def count(store: Database) -> tuple[int, int]:
    return await store.choses.count_documents({}), await store.autres.count_documents({})


async def held(store: Database) -> int:
    document = await store.choses.find_one({"_id": "a"})
    assert document is not None
    return int(document["n"])


async def test_a_transaction_is_all_or_nothing_over_several_collections(store: Database, begin: Begin) -> None:
    async with begin() as session:
        await store.choses.insert_one({"_id": "a", "n": 1}, session=session)
        await store.autres.insert_one({"_id": "a"}, session=session)
        assert await count(store) == (0, 0)
        await session.abort_transaction()
    assert await count(store) == (0, 0)
    async with begin() as session:
        await store.choses.insert_one({"_id": "a", "n": 1}, session=session)
        await store.autres.insert_one({"_id": "a"}, session=session)
        await session.commit_transaction()
    assert await count(store) == (1, 1)


async def test_a_transaction_reads_what_it_wrote(store: Database, begin: Begin) -> None:
    async with begin() as session:
        await store.choses.insert_one({"_id": "a", "n": 1}, session=session)
        await store.choses.update_one({"_id": "a"}, {"$inc": {"n": 1}}, session=session)
        assert await store.choses.find_one({"_id": "a"}, session=session) == {"_id": "a", "n": 2}
        await store.choses.delete_one({"_id": "a"}, session=session)
        assert await store.choses.count_documents({}, session=session) == 0


async def test_what_a_transaction_reads_stays_as_it_was_when_it_began(store: Database, begin: Begin) -> None:
    await store.choses.insert_many([{"_id": "a", "n": 1}, {"_id": "b", "n": 1}])
    async with begin() as session:
        assert len(await store.choses.find({}, session=session).to_list(None)) == 2
        await store.choses.update_one({"_id": "a"}, {"$set": {"n": 2}})
        await store.choses.delete_one({"_id": "b"})
        await store.choses.insert_one({"_id": "c", "n": 1})
        seen = await store.choses.find({}, session=session).sort("_id", 1).to_list(None)
        assert seen == [{"_id": "a", "n": 1}, {"_id": "b", "n": 1}]


async def test_several_collections_are_read_as_of_one_instant(store: Database, begin: Begin) -> None:
    async with begin() as session:
        assert await store.choses.count_documents({}, session=session) == 0
        await store.autres.insert_one({"_id": "later"})
        assert await store.autres.find_one({"_id": "later"}, session=session) is None


async def test_of_two_transactions_that_write_one_document_one_is_told_to_begin_again(
    store: Database, begin: Begin
) -> None:
    await store.choses.insert_one({"_id": "a", "n": 1})
    async with begin() as one, begin() as other:
        for session in (one, other):
            await store.choses.find_one({"_id": "a"}, session=session)
        await store.choses.update_one({"_id": "a"}, {"$inc": {"n": 1}}, session=one)
        await one.commit_transaction()
        with pytest.raises(PyMongoError) as conflict:
            await store.choses.update_one({"_id": "a"}, {"$inc": {"n": 1}}, session=other)
            await other.commit_transaction()
    assert conflict.value.has_error_label("TransientTransactionError")
    assert await held(store) == 2


async def test_of_two_that_write_one_document_at_the_same_moment_neither_waits_for_the_other(
    store: Database, begin: Begin
) -> None:
    await store.choses.insert_one({"_id": "a", "n": 1})
    async with begin() as one, begin() as other:
        await store.choses.update_one({"_id": "a"}, {"$inc": {"n": 1}}, session=one)
        with pytest.raises(PyMongoError) as conflict:
            async with asyncio.timeout(10):
                await store.choses.update_one({"_id": "a"}, {"$inc": {"n": 1}}, session=other)
                await other.commit_transaction()
        assert conflict.value.has_error_label("TransientTransactionError")
        await one.commit_transaction()
    assert await held(store) == 2


async def test_many_increments_in_transactions_that_begin_again_lose_none(store: Database, begin: Begin) -> None:
    await store.choses.insert_one({"_id": "a", "n": 0})

    async def increment() -> None:
        while True:
            async with begin() as session:
                try:
                    document = await store.choses.find_one({"_id": "a"}, session=session)
                    assert document is not None
                    changed = {"_id": "a", "n": document["n"] + 1}
                    await store.choses.replace_one({"_id": "a", "n": document["n"]}, changed, session=session)
                    await session.commit_transaction()
                except OperationFailure as error:
                    if not error.has_error_label("TransientTransactionError"):
                        raise
                else:
                    return

    await asyncio.gather(*(increment() for _ in range(20)))
    assert await held(store) == 20


async def test_a_duplicate_key_in_a_transaction_is_said_as_one_and_undoes_it_all(store: Database, begin: Begin) -> None:
    await store.choses.insert_one({"_id": "a", "n": 1, "code": "x"})
    for duplicate in ({"_id": "a", "n": 2}, {"_id": "b", "n": 2, "code": "x"}):
        async with begin() as session:
            await store.autres.insert_one({"_id": "b"}, session=session)
            with pytest.raises(DuplicateKeyError) as refused:
                await store.choses.insert_one(duplicate, session=session)
            assert not refused.value.has_error_label("TransientTransactionError")
    assert await count(store) == (1, 0)


async def test_a_duplicate_among_many_in_a_transaction_undoes_it_all(store: Database, begin: Begin) -> None:
    await store.choses.insert_one({"_id": "b", "n": 1})
    async with begin() as session:
        with pytest.raises(BulkWriteError) as refused:
            await store.choses.bulk_write(
                [InsertOne({"_id": id, "n": 2}) for id in "abc"], ordered=False, session=session
            )
    assert {error["code"] for error in refused.value.details["writeErrors"]} == {11000}
    assert await count(store) == (1, 0)


async def test_of_two_transactions_that_take_one_unique_value_one_gets_it(store: Database, begin: Begin) -> None:
    async def take(id: str) -> bool:
        async with begin() as session:
            try:
                await store.choses.insert_one({"_id": id, "n": 1, "code": "x"}, session=session)
                await session.commit_transaction()
            except DuplicateKeyError:
                return False
            except OperationFailure as error:
                if not error.has_error_label("TransientTransactionError"):
                    raise
                return False
        return True

    assert sum(await asyncio.gather(*(take(str(n)) for n in range(10)))) == 1
    assert await count(store) == (1, 0)


async def test_a_batch_of_replacements_tells_how_many_were_of_the_version_that_was_read(
    store: Database, begin: Begin
) -> None:
    await store.choses.insert_many([{"_id": "a", "n": 1}, {"_id": "b", "n": 2}])
    async with begin() as session:
        writes: list[InsertOne[dict[str, object]] | ReplaceOne[dict[str, object]]] = [
            ReplaceOne({"_id": "a", "n": 1}, {"_id": "a", "n": 2}),
            ReplaceOne({"_id": "b", "n": 1}, {"_id": "b", "n": 2}),
            InsertOne({"_id": "c", "n": 1}),
        ]
        result = await store.choses.bulk_write(writes, ordered=False, session=session)
    assert (result.matched_count, result.inserted_count) == (1, 1)


async def test_what_is_used_once_is_had_by_one_of_many_at_the_same_moment(store: Database, begin: Begin) -> None:
    await store.choses.insert_one({"_id": "code", "n": 0, "etat": "NEUF"})

    async def use() -> bool:
        async with begin() as session:
            try:
                used = await store.choses.find_one_and_update(
                    {"_id": "code", "etat": "NEUF"},
                    {"$set": {"etat": "UTILISE"}},
                    return_document=ReturnDocument.AFTER,
                    session=session,
                )
                await session.commit_transaction()
            except OperationFailure as error:
                if not error.has_error_label("TransientTransactionError"):
                    raise
                return False
        return used is not None

    assert sum(await asyncio.gather(*(use() for _ in range(10)))) == 1


async def test_a_commit_that_is_sent_again_succeeds_and_changes_nothing_more(store: Database, begin: Begin) -> None:
    async with begin() as session:
        await store.choses.insert_one({"_id": "a", "n": 1}, session=session)
        await session.commit_transaction()
        await session.commit_transaction()
    assert await count(store) == (1, 0)


async def test_a_transaction_takes_some_hundreds_of_documents_and_their_rows(store: Database, begin: Begin) -> None:
    async with begin() as session:
        choses = [{"_id": f"{n:04}", "n": n, "etat": "x" * 1000} for n in range(500)]
        await store.choses.insert_many(choses, session=session, ordered=False)
        await store.autres.insert_many([{"_id": chose["_id"]} for chose in choses], session=session, ordered=False)
        await session.commit_transaction()
    assert await count(store) == (500, 500)


async def test_what_was_acknowledged_is_read_by_others_at_once(store: Database) -> None:
    reader = store.with_options(read_preference=ReadPreference.PRIMARY)
    for number in range(50):
        await store.choses.insert_one({"_id": str(number), "n": number})
        assert await reader.choses.find_one({"_id": str(number)}) is not None
