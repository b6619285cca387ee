"""Files in the store (GridFS): uploads are streamed into it, and acknowledged only once they are durable."""

import hashlib
import io
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from ulid import ULID

from kit.mongo import Database
from kit.mongo.collections import ensure
from kit.mongo.files import Files, TooLong, collections

pytestmark = pytest.mark.stack


@pytest.fixture
async def files(database: Database) -> Files:
    await ensure(database, collections("envois", purpose="essai", readers="le test", kept="le temps du test"))
    return Files(database, "envois")


async def pieces(content: bytes, *, size: int = 65_536, broken: bool = False) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]
    if broken:
        raise ConnectionResetError


async def count(files: Files) -> int:
    """What the bucket holds, chunks included."""
    database = files.database
    return await database["envois.files"].count_documents({}) + await database["envois.chunks"].count_documents({})


async def test_a_file_of_many_chunks_is_read_back_as_it_was_written(files: Files) -> None:
    content = os.urandom(2_000_001)
    stored = await files.write(pieces(content), limit=len(content))
    assert (stored.size, stored.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    target = io.BytesIO()
    assert await files.read_into(stored.id, target)
    assert target.getvalue() == content


async def test_a_file_whose_sender_goes_away_leaves_nothing(files: Files) -> None:
    with pytest.raises(ConnectionResetError):
        await files.write(pieces(os.urandom(600_000), broken=True), limit=1_000_000)
    assert await count(files) == 0


async def test_a_file_that_is_longer_than_allowed_leaves_nothing(files: Files) -> None:
    with pytest.raises(TooLong):
        await files.write(pieces(os.urandom(600_000)), limit=599_999)
    assert await count(files) == 0


async def test_a_file_that_is_deleted_is_gone_with_its_chunks(files: Files) -> None:
    stored = await files.write(pieces(os.urandom(600_000)), limit=1_000_000)
    await files.delete(stored.id, "never-kept")
    assert await count(files) == 0
    assert not await files.read_into(stored.id, io.BytesIO())


async def test_only_files_that_are_too_old_are_forgotten(files: Files) -> None:
    await files.write(pieces(b"x"), limit=10)
    now = datetime.now(UTC)
    assert await files.delete_older(now - timedelta(days=30)) == 0
    assert await files.delete_older(now + timedelta(seconds=5)) == 1
    assert await count(files) == 0


async def test_what_a_crash_left_of_a_file_is_forgotten_once_it_is_too_old(files: Files) -> None:
    await files.write(pieces(b"x"), limit=10)
    chunk = {"files_id": str(ULID()), "n": 0, "data": b"half"}
    await files.database["envois.chunks"].insert_one(chunk)
    now = datetime.now(UTC)
    await files.delete_older(now - timedelta(hours=1))
    assert await count(files) == 3
    assert await files.delete_older(now + timedelta(seconds=5)) == 1
    assert await count(files) == 0
