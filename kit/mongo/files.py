"""Files that people send, kept in the store (GridFS): whole and durable before anyone is told so."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import IO

from gridfs.errors import NoFile
from motor.motor_asyncio import AsyncIOMotorGridFSBucket
from ulid import ULID

from kit.mongo.collections import Collection, Database, Index


class TooLong(Exception):
    """More came than was allowed; nothing was kept."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that was kept.

    Args:
        sha256: in hexadecimal.
    """

    id: str
    size: int
    sha256: str


def collections(bucket: str, *, purpose: str, readers: str, kept: str) -> Sequence[Collection]:
    """What a store declares for the files of `bucket`."""
    return (
        Collection(
            name=f"{bucket}.files",
            required={"length": ["int", "long"], "chunkSize": "int", "uploadDate": "date"},
            optional={"filename": "string"},
            indexes=(Index(keys={"filename": 1, "uploadDate": 1}), Index(keys={"uploadDate": 1})),
            purpose=purpose,
            readers=readers,
            kept=kept,
        ),
        Collection(
            name=f"{bucket}.chunks",
            required={"files_id": "string", "n": "int", "data": "binData"},
            indexes=(Index(keys={"files_id": 1, "n": 1}, unique=True),),
            purpose=purpose,
            readers=readers,
            kept=kept,
        ),
    )


@dataclass(frozen=True, slots=True)
class Files:
    """The files of one bucket. Each has an opaque name; how a person called it is its owner's affair."""

    database: Database
    bucket: str

    async def write(self, content: AsyncIterator[bytes], *, limit: int) -> StoredFile:
        """Keep what comes, as it comes; on return it is durable, and if it fails or is cancelled nothing is kept.

        Raises:
            TooLong: more than `limit` bytes came.
        """
        id = str(ULID())
        digest = hashlib.sha256()
        size = 0
        writer = self._grid().open_upload_stream_with_id(id, id)
        try:
            async for chunk in _bounded(content, limit):
                size += len(chunk)
                digest.update(chunk)
                await writer.write(chunk)
            await writer.close()
        except BaseException:
            await writer.abort()
            raise
        return StoredFile(id, size, digest.hexdigest())

    async def read_into(self, id: str, target: IO[bytes]) -> bool:
        """Write the file into `target`; False when it is not kept any more."""
        try:
            reader = await self._grid().open_download_stream(id)
        except NoFile:
            return False
        while chunk := await reader.readchunk():
            target.write(chunk)
        return True

    async def delete(self, *ids: str) -> None:
        """Forget these files; one that is gone already is no matter."""
        for id in ids:
            with suppress(NoFile):
                await self._grid().delete(id)

    async def delete_older(self, than: datetime) -> int:
        """Forget the files that were kept before `than`; return how many."""
        found = self.database[f"{self.bucket}.files"].find({"uploadDate": {"$lt": than}}, projection=["_id"])
        ids = [document["_id"] for document in await found.to_list(None)]
        await self.delete(*ids)
        await self._delete_orphans(than)
        return len(ids)

    async def _delete_orphans(self, than: datetime) -> None:
        """Forget what is left of files whose writing, or forgetting, a crash cut short."""
        chunks = self.database[f"{self.bucket}.chunks"]
        begun = [id for id in await chunks.distinct("files_id") if ULID.from_str(id).datetime < than]
        for id in begun:
            if await self.database[f"{self.bucket}.files"].find_one({"_id": id}, projection=["_id"]) is None:
                await chunks.delete_many({"files_id": id})

    def _grid(self) -> AsyncIOMotorGridFSBucket:
        return AsyncIOMotorGridFSBucket(self.database, self.bucket)


async def _bounded(content: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    read = 0
    async for chunk in content:
        read += len(chunk)
        if read > limit:
            raise TooLong
        yield chunk
