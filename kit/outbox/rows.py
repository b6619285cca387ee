"""The outbox: events written in the transaction of the change, sent by the relay, deleted once sent."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from itertools import batched
from typing import Any, NamedTuple

from opentelemetry.propagate import inject
from pymongo import DeleteMany

from kit.mongo.collections import Collection, Database, Document, Session
from kit.mongo.transactions import MAJORITY, SNAPSHOT, Transaction
from kit.outbox.events import Event, Headers
from kit.versions import Version

type Leading = Callable[[Session], Awaitable[bool]]

_TOGETHER = 20
"""Keys in one statement of a deletion: the embedded store compares each row with all of them (ADR 025)."""

OUTBOX = Collection(
    name="outbox",
    required={
        "topic": "string",
        "key": "string",
        "value": ["binData", "null"],
        "headers": "array",
        "cree_le": "date",
    },
    purpose="événements à publier, écrits avec le changement",
    readers="le relais du service",
    kept="jusqu'à leur envoi, et une seconde de plus au milieu d'un chargement",
)


class Row(NamedTuple):
    """An event as it waits: `id` sorts by topic, key, then version."""

    id: str
    topic: str
    key: str
    value: bytes | None
    headers: Headers
    cree_le: datetime


def row_id(event: Event) -> str:
    """One row per version of an aggregate, by construction; sorted as text, versions of a key follow each other."""
    return f"{event.topic}\x00{event.key}\x00{event.version.rank:019d}"


async def write(transaction: Transaction, *, source: str) -> None:
    """Write the transaction's events into its outbox, with the trace of now."""
    carrier: dict[str, str] = {}
    inject(carrier)
    now = datetime.now(UTC)
    trace = list(carrier.items())
    await transaction[OUTBOX.name].insert_many(
        [_document(event, source=source, now=now, trace=trace) for event in transaction.events],
        session=transaction.session,
        ordered=False,
    )


def _document(event: Event, *, source: str, now: datetime, trace: list[tuple[str, str]]) -> Document:
    return {
        "_id": row_id(event),
        "topic": event.topic,
        "key": event.key,
        "value": None if event.message is None else event.message.SerializeToString(deterministic=True),
        "headers": [list(pair) for pair in event.headers(source=source, time=now.isoformat(), trace=trace)],
        "cree_le": now,
    }


async def waiting(transaction: Transaction, events: Sequence[Event]) -> list[Event]:
    """Those of these events that were written before, and not yet sent."""
    ids = {row_id(event): event for event in events}
    found = transaction[OUTBOX.name].find({"_id": {"$in": list(ids)}}, ["_id"], session=transaction.session)
    return [ids[row["_id"]] for row in await found.to_list(None)]


async def read(database: Database, *, after: str, limit: int) -> list[Row]:
    """The next rows after `after` in order, all seen at one instant: never a version without the ones before it."""
    async with (
        await database.client.start_session() as session,
        session.start_transaction(read_concern=SNAPSHOT),
    ):
        # In one page, as far as it fits: each further one of a transaction is a question of its own.
        found = database[OUTBOX.name].find({"_id": {"$gt": after}}, session=session, batch_size=limit)
        cursor = found.sort("_id", 1).limit(limit)
        return [_row(document) for document in await cursor.to_list(limit)]


def _row(document: dict[str, Any]) -> Row:
    headers = [(name, bytes(value)) for name, value in document["headers"]]
    return Row(document["_id"], document["topic"], document["key"], document["value"], headers, document["cree_le"])


async def delete(database: Database, ids: Sequence[str], *, leading: Leading) -> bool:
    """Forget sent rows, at least one, all or none, if `leading` says in the same transaction that this process leads.

    Half of them gone would let the next leader send an old version last; so would rows that a leader of before takes
    away while its successor is sending them.
    """
    async with (
        await database.client.start_session() as session,
        session.start_transaction(write_concern=MAJORITY),
    ):
        if not await leading(session):
            return False
        await database[OUTBOX.name].bulk_write(
            [DeleteMany({"_id": {"$in": list(some)}}) for some in batched(ids, _TOGETHER, strict=False)],
            ordered=False,
            session=session,
        )
    return True


async def drop_before(database: Database, generation: int) -> int:
    """Forget what was to be told before a restoration; return how many. Only while no relay runs."""
    first = Version(generation, 0).rank
    ids = [row["_id"] async for row in database[OUTBOX.name].find({}, ["_id"])]
    old = [id for id in ids if int(id.rpartition("\x00")[2]) < first]
    for some in batched(old, _TOGETHER, strict=False):
        await database[OUTBOX.name].delete_many({"_id": {"$in": list(some)}})
    return len(old)


async def oldest(database: Database) -> datetime | None:
    """When the oldest event that is still there was written, sent or not; None when there is none."""
    document = await database[OUTBOX.name].find_one({}, sort=[("cree_le", 1)], projection={"cree_le": 1})
    return document["cree_le"] if document else None
