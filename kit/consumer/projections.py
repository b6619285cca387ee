"""A projection: a copy of another service's published state, kept by guarded upserts.

Each row holds the rank of the version it was made from. An upsert applies only over a lower rank, so events that come
twice, late or out of order change nothing, and reading a topic from its start makes the same rows.
"""

from collections.abc import Callable, Mapping

from google.protobuf.message import Message
from pymongo import ReplaceOne
from pymongo.errors import BulkWriteError

from kit.consumer.messages import Batch, Received
from kit.consumer.subscriptions import Handler, Outcome
from kit.mongo.collections import Collection, Database, Document, Index

RANK = "rang"
GONE = "disparu"
_DUPLICATE_KEY = 11000


def projection(
    name: str,
    *,
    fields: Mapping[str, str | list[str]],
    indexes: tuple[Index, ...] = (),
    purpose: str,
    readers: str,
    kept: str,
) -> Collection:
    """The collection of a projection: `fields` of the copied state (absent once it is gone), and the guard's own."""
    return Collection(
        name=name,
        required={RANK: ["int", "long"]},
        optional={GONE: "bool", **fields},
        indexes=indexes,
        purpose=purpose,
        readers=readers,
        kept=kept,
    )


def keep[M: Message](database: Database, collection: str, document: Callable[[M], Document]) -> Handler[M]:
    """A handler that keeps `collection` equal to the last state of each key, as `document` writes it."""

    async def handle(batch: Batch[M]) -> Outcome:
        return await upsert(database, collection, [(event, _fields(event, document)) for event in batch])

    return handle


def _fields[M: Message](event: Received[M], document: Callable[[M], Document]) -> Document:
    return {GONE: True} if event.message is None else document(event.message)


async def upsert[M: Message](database: Database, collection: str, rows: list[tuple[Received[M], Document]]) -> Outcome:
    """Write each row where the version held is older; the last event of a key counts."""
    latest: dict[str, tuple[Received[M], Document]] = {}
    for event, fields in rows:
        held = latest.get(event.key)
        if held is None or held[0].version < event.version:
            latest[event.key] = (event, fields)
    return Outcome(await _write(database, collection, list(latest.values())))


async def _write[M: Message](database: Database, collection: str, rows: list[tuple[Received[M], Document]]) -> int:
    if not rows:
        return 0
    updates = [
        ReplaceOne(
            {"_id": event.key, RANK: {"$lt": event.version.rank}},
            {"_id": event.key, RANK: event.version.rank, **fields},
            upsert=True,
        )
        for event, fields in rows
    ]
    try:
        result = await database[collection].bulk_write(updates, ordered=False)
    except BulkWriteError as error:
        refused = error.details["writeErrors"]
        if not all(_is_older(problem) for problem in refused):
            raise
        return len(rows) - len(refused)
    return result.upserted_count + result.modified_count


def _is_older(problem: Document) -> bool:
    """Whether the guard did not match a row that exists, so that the upsert tried to insert it again.

    A duplicate in another unique index is no such thing: the row would be missing.
    """
    return problem["code"] == _DUPLICATE_KEY and list(problem.get("keyPattern", ("_id",))) == ["_id"]
