"""Reading from the store, whatever `MONGODB_URI` names: order, pages, change streams, large files, dates."""

import asyncio
import os
import random
from datetime import UTC, datetime

import pytest
from motor.motor_asyncio import AsyncIOMotorGridFSBucket
from pymongo.errors import DocumentTooLarge

from kit.mongo import Database
from tests.contracts.conftest import Begin

pytestmark = pytest.mark.stack


async def test_text_is_sorted_by_its_bytes_so_that_pages_follow_each_other(store: Database) -> None:
    keys = [f"{topic}\x00{key}\x00{rank:019d}" for topic in ("a.v1", "a.v10") for key in "aéZ" for rank in (2, 10, 9)]
    random.Random(1).shuffle(keys)
    await store.autres.insert_many([{"_id": key} for key in keys])
    pages: list[str] = []
    while (
        page := await store.autres.find({"_id": {"$gt": pages[-1] if pages else ""}}).sort("_id", 1).limit(4).to_list(4)
    ):
        pages += [document["_id"] for document in page]
    assert pages == sorted(keys, key=lambda key: key.encode())


async def test_a_page_is_sorted_by_several_fields_each_in_its_direction(store: Database) -> None:
    await store.choses.insert_many([{"_id": f"{e}{n}", "etat": e, "n": n} for e in "ba" for n in (1, 3, 2)])
    found = await store.choses.find({"etat": {"$in": ["a", "b"]}}).sort([("etat", 1), ("n", -1)]).to_list(None)
    assert [document["_id"] for document in found] == ["a3", "a2", "a1", "b3", "b2", "b1"]


async def test_a_date_comes_back_aware_in_utc_to_the_millisecond(store: Database) -> None:
    date = datetime(2025, 1, 10, 22, 59, 59, 123_000, tzinfo=UTC)
    await store.choses.insert_one({"_id": "a", "n": 1, "vu_le": date})
    document = await store.choses.find_one({"vu_le": {"$gte": date}})
    assert document is not None
    assert document["vu_le"] == date
    assert document["vu_le"].tzinfo is not None


async def test_a_change_stream_tells_of_each_committed_write_in_order_and_of_none_other(
    store: Database, begin: Begin
) -> None:
    async with store.choses.watch([{"$match": {"operationType": "insert"}}]) as stream:
        async with begin() as session:
            await store.choses.insert_one({"_id": "given up", "n": 1}, session=session)
        async with begin() as session:
            await store.choses.insert_one({"_id": "a", "n": 1}, session=session)
            await store.choses.insert_one({"_id": "b", "n": 1}, session=session)
            await session.commit_transaction()
        await store.choses.update_one({"_id": "a"}, {"$set": {"n": 2}})
        await store.choses.insert_one({"_id": "c", "n": 1})
        async with asyncio.timeout(10):
            seen = [(await stream.next())["documentKey"]["_id"] for _ in range(3)]
    assert seen == ["a", "b", "c"]


async def test_a_change_stream_goes_on_from_where_it_was_left(store: Database) -> None:
    async with store.choses.watch() as stream:
        await store.choses.insert_one({"_id": "a", "n": 1})
        async with asyncio.timeout(10):
            await stream.next()
        left = stream.resume_token
    await store.choses.insert_one({"_id": "b", "n": 1})
    async with store.choses.watch(resume_after=left) as stream, asyncio.timeout(10):
        assert (await stream.next())["documentKey"] == {"_id": "b"}


async def test_a_large_file_comes_back_as_it_was_stored_piece_by_piece(store: Database) -> None:
    content = os.urandom(3_000_000)
    bucket = AsyncIOMotorGridFSBucket(store)
    async with bucket.open_upload_stream("essai", metadata={"empreinte": "x"}) as writing:
        for start in range(0, len(content), 400_000):
            await writing.write(content[start : start + 400_000])
    reading = await bucket.open_download_stream(writing._id)
    assert (reading.length, reading.metadata) == (len(content), {"empreinte": "x"})
    pieces = [await reading.readchunk() for _ in range(-(-len(content) // reading.chunk_size))]
    assert b"".join(pieces) == content
    await bucket.delete(writing._id)
    assert await store["fs.chunks"].count_documents({}) == 0


async def test_a_document_that_is_too_large_is_refused(store: Database) -> None:
    with pytest.raises(DocumentTooLarge):
        await store.autres.insert_one({"_id": "a", "x": "x" * 17_000_000})
    assert await store.autres.count_documents({}) == 0
