"""What we rely on of the store, whatever `MONGODB_URI` names: if one of these failed, data would be lost or mixed."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorGridFSBucket
from pymongo import InsertOne, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from infra.local.processes import Running, free_ports, launch, wait_ready
from infra.local.stack import Ports, mongodb
from kit.mongo import Collection, Database, Index, ensure, open_database

pytestmark = pytest.mark.stack

CHOSES = Collection(
    name="choses",
    required={"n": ["int", "long"]},
    optional={"code": "string", "vu_le": "date"},
    indexes=(
        Index(keys={"code": 1}, unique=True, where={"code": {"$exists": True}}),
        Index(keys={"vu_le": 1}, expires_after=timedelta(hours=1)),
    ),
    purpose="essai",
    readers="le test",
    kept="le temps du test",
)


@pytest.fixture
async def store(database: Database) -> Database:
    await ensure(database, [CHOSES])
    return database


def begin(session: AsyncIOMotorClientSession) -> None:
    session.start_transaction(read_concern=ReadConcern("snapshot"), write_concern=WriteConcern("majority", j=True))


async def test_a_transaction_is_all_or_nothing_over_several_collections(store: Database) -> None:
    async with await store.client.start_session() as session:
        begin(session)
        await store.choses.insert_one({"_id": "a", "n": 1}, session=session)
        await store.autres.insert_one({"_id": "a"}, session=session)
        await session.abort_transaction()
        assert await store.choses.count_documents({}) == await store.autres.count_documents({}) == 0
        begin(session)
        await store.choses.insert_one({"_id": "a", "n": 1}, session=session)
        await store.autres.insert_one({"_id": "a"}, session=session)
        await session.commit_transaction()
    assert await store.choses.count_documents({}) == await store.autres.count_documents({}) == 1


async def test_what_a_transaction_reads_stays_as_it_was_when_it_began(store: Database) -> None:
    await store.choses.insert_one({"_id": "a", "n": 1})
    async with await store.client.start_session() as session:
        begin(session)
        assert (await store.choses.find_one({"_id": "a"}, session=session) or {})["n"] == 1
        await store.choses.update_one({"_id": "a"}, {"$set": {"n": 2}})
        await store.choses.insert_one({"_id": "b", "n": 1})
        assert (await store.choses.find_one({"_id": "a"}, session=session) or {})["n"] == 1
        assert await store.choses.count_documents({}, session=session) == 1
        await session.abort_transaction()


async def test_of_two_transactions_that_write_one_document_one_is_told_to_begin_again(store: Database) -> None:
    await store.choses.insert_one({"_id": "a", "n": 1})
    async with await store.client.start_session() as one, await store.client.start_session() as other:
        begin(one)
        begin(other)
        await store.choses.find_one({"_id": "a"}, session=one)
        await store.choses.find_one({"_id": "a"}, session=other)
        await store.choses.update_one({"_id": "a"}, {"$inc": {"n": 1}}, session=one)
        await one.commit_transaction()
        with pytest.raises(PyMongoError) as conflict:
            await store.choses.update_one({"_id": "a"}, {"$inc": {"n": 1}}, session=other)
            await other.commit_transaction()
        assert conflict.value.has_error_label("TransientTransactionError")
    assert (await store.choses.find_one({"_id": "a"}) or {})["n"] == 2


async def test_a_unique_value_is_taken_once_even_by_many_at_the_same_moment(store: Database) -> None:
    async def take(number: int) -> bool:
        try:
            await store.choses.insert_one({"_id": str(number), "n": 1, "code": "x"})
        except DuplicateKeyError:
            return False
        return True

    assert sum(await asyncio.gather(*(take(n) for n in range(20)))) == 1


async def test_a_partial_index_leaves_documents_without_the_field_alone(store: Database) -> None:
    await store.choses.insert_many([{"_id": str(n), "n": 1} for n in range(3)])
    assert await store.choses.count_documents({}) == 3


async def test_an_unordered_insert_keeps_the_winners_and_names_the_losers(store: Database) -> None:
    await store.choses.insert_one({"_id": "b", "n": 1})
    with pytest.raises(BulkWriteError) as refused:
        await store.choses.bulk_write([InsertOne({"_id": i, "n": 2}) for i in "abc"], ordered=False)
    assert [error["index"] for error in refused.value.details["writeErrors"]] == [1]
    assert await store.choses.count_documents({}) == 3


async def test_a_guarded_upsert_of_an_older_version_is_a_duplicate_key_and_changes_nothing(store: Database) -> None:
    await store.choses.insert_one({"_id": "a", "n": 5})
    with pytest.raises(DuplicateKeyError):
        await store.choses.update_one({"_id": "a", "n": {"$lt": 5}}, {"$set": {"n": 4}}, upsert=True)
    with pytest.raises(BulkWriteError):
        await store.choses.bulk_write(
            [UpdateOne({"_id": "a", "n": {"$lt": 3}}, {"$set": {"n": 3}}, upsert=True)], ordered=False
        )
    assert (await store.choses.find_one({"_id": "a"}) or {})["n"] == 5


async def test_a_validator_refuses_unknown_fields_also_within_a_transaction(store: Database) -> None:
    async with await store.client.start_session() as session:
        begin(session)
        with pytest.raises(OperationFailure):
            await store.choses.insert_one({"_id": "a", "n": 1, "autre": 1}, session=session)


async def test_declared_indexes_exist_with_their_options(store: Database) -> None:
    indexes = await store.choses.index_information()
    assert indexes["code_1"]["unique"] is True
    assert indexes["code_1"]["partialFilterExpression"] == {"code": {"$exists": True}}
    assert indexes["vu_le_1"]["expireAfterSeconds"] == 3600


async def test_a_change_stream_tells_of_an_insert(store: Database) -> None:
    async with store.choses.watch() as stream:
        await store.choses.insert_one({"_id": "a", "n": 1})
        change = await asyncio.wait_for(stream.next(), 10)
    assert change["documentKey"] == {"_id": "a"}


async def test_a_large_file_comes_back_as_it_was_stored(store: Database) -> None:
    content = os.urandom(1_000_000)
    bucket = AsyncIOMotorGridFSBucket(store)
    identifier = await bucket.upload_from_stream("essai", content)
    assert await (await bucket.open_download_stream(identifier)).read() == content


@pytest.fixture
async def own_store(tmp_path: Path) -> AsyncIterator[tuple[Running, Ports, Path]]:
    """A store of the test's own, which it may kill."""
    (port,) = free_ports(1)
    ports = Ports(mongodb=port)
    running = launch(mongodb(ports, tmp_path), tmp_path)
    await wait_ready(running)
    yield running, ports, tmp_path
    running.stop()


async def kill_while_writing(running: Running, ports: Ports, folder: Path) -> Running:
    """Write, kill the store at some moment, start it again, and check that nothing acknowledged is missing."""
    acknowledged: list[int] = []

    async def write(database: Database) -> None:
        number = await database.choses.count_documents({})
        while True:
            async with await database.client.start_session() as session:
                begin(session)
                await database.choses.insert_one({"_id": number}, session=session)
                await database.autres.insert_one({"_id": number}, session=session)
                await session.commit_transaction()
            acknowledged.append(number)
            number += 1
            if len(acknowledged) == 20:
                os.killpg(running.process.pid, signal.SIGKILL)

    uri = f"{ports.mongodb_uri}&serverSelectionTimeoutMS=500"
    writing = open_database(uri, "durable")
    with pytest.raises(PyMongoError):
        await write(writing)
    writing.client.close()
    running.process.wait()
    again = launch(mongodb(ports, folder), folder)
    await wait_ready(again)
    reading = open_database(ports.mongodb_uri, "durable")
    kept = {document["_id"] for document in await reading.choses.find({}).to_list(None)}
    twins = {document["_id"] for document in await reading.autres.find({}).to_list(None)}
    reading.client.close()
    assert set(acknowledged) <= kept
    assert kept == twins
    return again


async def test_acknowledged_transactions_survive_kill_9_whole(own_store: tuple[Running, Ports, Path]) -> None:
    again = await kill_while_writing(*own_store)
    again.stop()


@pytest.mark.long
async def test_acknowledged_transactions_survive_kill_9_fifteen_times_in_a_row(
    own_store: tuple[Running, Ports, Path],
) -> None:
    running, ports, folder = own_store
    for _ in range(15):
        running = await kill_while_writing(running, ports, folder)
    running.stop()
