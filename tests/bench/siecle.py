"""Importing SIECLE files, against a bare parse of them and bare writes of the same documents in the same batches.

The service runs as it is shipped but for its spans, relay and consumers included (the relay deletes the last rows once
the report is there, ADR 025), and has been at work already. It is timed from the announcement of the file to the report
that polling brings. The yardstick is timed apart, in this process, on the same store: its documents are those that the
service left there, and its outbox rows are made again from the events that the service published.
"""

import io
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import batched
from pathlib import Path
from typing import Any

from aiokafka import ConsumerRecord
from lxml import etree
from pymongo import ReplaceOne
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from generateur.ecoles import alter, generate_ecole
from generateur.siecle import write_eleves
from kit.mongo import Database, Document
from kit.testing.topics import committed
from kit.testing.waiting import eventually
from services.eleves.store.work import LAYOUT
from tests.bench.measures import Bar
from tests.bench.served_eleves import Served, serve_eleves

_UAI = "0779000P"
_STUDENTS = 770
_LARGE = 5_000
_BATCH = 250
_POLL_SECONDS = 0.1
"""≈ ours: as often as a page may ask; what it adds to the time is counted."""
_SNAPSHOT, _MAJORITY = ReadConcern("snapshot"), WriteConcern("majority", j=True)


@dataclass(slots=True)
class _Ratio:
    """What the service took and what the yardstick took, run by run, in seconds."""

    ours: list[float]
    bare: list[float]

    @property
    def values(self) -> list[float]:
        return [ours / bare for ours, bare in zip(self.ours, self.bare, strict=True)]


@dataclass(frozen=True, slots=True)
class _Kept:
    """What the service keeps of the students, and how many events it has published of them."""

    documents: Mapping[str, Mapping[str, Document]]
    events: int


async def measure(mongodb_uri: str, kafka: str, folder: Path, *, runs: int) -> list[Bar]:
    """The first import of 770 students, one with 10 % changes, and the same file again."""
    first, changed, again, writes = _Ratio([], []), _Ratio([], []), _Ratio([], []), 0
    lycee = generate_ecole(_UAI, session=2025, terminales=_STUDENTS, seed=1)
    content, next_month = write_eleves(lycee), write_eleves(alter(lycee, part=0.1, seed=1))
    for _ in range(runs):
        async with serve_eleves(mongodb_uri, kafka, folder, uai=_UAI) as served, _bare(served.database) as bare:
            await _put_to_work(served, content)
            elapsed, rapport = await _import(served, content)
            assert rapport["nouveaux"] == _STUDENTS
            published = await _published(served, kafka, 0)
            kept = await _kept(served, len(published))
            first.ours.append(elapsed)
            first.bare.append(_parse(content) + await _insert_bare(bare, kept, published))
            unchanged, rapport = await _import(served, content)
            again.ours.append(unchanged)
            again.bare.append(elapsed)
            after = await _kept(served, len(await _published(served, kafka, 0)))
            writes += rapport["nouveaux"] + rapport["modifies"] + rapport["partis"] + (after != kept)
            elapsed, rapport = await _import(served, next_month)
            assert rapport["modifies"] > 0
            published = await _published(served, kafka, kept.events)
            changed.ours.append(elapsed)
            changed.bare.append(_parse(next_month) + await _update_bare(bare, kept, await _kept(served, 0), published))
    return [
        Bar(
            what="first import of 770 students, upload to report",
            values=first.values,
            unit="×",
            bar=2.0,
            yardstick="lxml.iterparse of the file, and the same documents (students, addresses, outbox) written bare",
            taken=first.bare,
        ),
        Bar(
            what="import with 10 % changes",
            values=changed.values,
            unit="×",
            bar=2.0,
            yardstick="lxml.iterparse of the file, and the same updates guarded by version, with their outbox rows",
            taken=changed.bare,
        ),
        Bar(
            what="the same file again", values=again.values, unit="×", bar=0.5, yardstick="the first", taken=again.bare
        ),
        Bar(
            what="what the same file again wrote or published",
            values=[float(writes)],
            unit="",
            bar=0.0,
            yardstick="nothing",
        ),
    ]


async def measure_memory(mongodb_uri: str, kafka: str, folder: Path, *, runs: int) -> Bar:
    """What the service takes at most while it imports 5,000 students, above what it takes once it has started."""
    content = write_eleves(generate_ecole(_UAI, session=2025, terminales=_LARGE, seed=1))
    grown, idle = [], []
    for _ in range(runs):
        async with serve_eleves(mongodb_uri, kafka, folder, uai=_UAI) as served:
            idle.append(served.resident())
            _elapsed, rapport = await _import(served, content)
            assert rapport["nouveaux"] == _LARGE
            grown.append(served.peak() - idle[-1])
    return Bar(
        what="peak memory of `eleves` while importing 5,000 students, above idle",
        values=grown,
        unit=" MB",
        bar=200.0,
        yardstick="resident memory of the same process before the upload",
        taken=idle,
        taken_unit=" MB",
    )


async def _put_to_work(served: Served, content: bytes) -> None:
    """Send a truncated file, which is refused and changes nothing: what a process does for the first time only, such as
    to connect to identity, is no part of an import.
    """
    id = await served.frontend.deposit(_UAI, {"Eleves.xml": content[:-20]})
    ended = await served.frontend.ended(id, every=_POLL_SECONDS)
    assert ended["etat"] == "REFUSE", ended


async def _import(served: Served, content: bytes) -> tuple[float, dict[str, Any]]:
    """Seconds from the announcement of a file to its report, and the report."""
    started = time.perf_counter()
    id = await served.frontend.deposit(_UAI, {"Eleves.xml": content})
    ended = await served.frontend.ended(id, every=_POLL_SECONDS)
    elapsed = time.perf_counter() - started
    assert ended["etat"] == "TERMINE", ended
    return elapsed, ended["rapport"]


async def _published(served: Served, kafka: str, before: int) -> list[ConsumerRecord]:
    """The events published of students since there were `before` of them, once none waits."""

    async def none_waits() -> bool:
        return await served.database.outbox.count_documents({}) == 0

    await eventually(none_waits, within=60)
    records = await committed(kafka, served.topic)
    return sorted(records, key=lambda record: (record.timestamp, record.partition, record.offset))[before:]


async def _kept(served: Served, events: int) -> _Kept:
    documents = {
        name: {document["_id"]: document for document in await served.database[name].find({}).to_list(None)}
        for name in ("eleves", "courriels")
    }
    return _Kept(documents, events)


def _row(record: ConsumerRecord) -> Document:
    """The outbox row that an event was sent from."""
    headers = dict(record.headers)
    return {
        "_id": f"{record.topic}\x00{record.key.decode()}\x00{int(headers['version']):019d}",
        "topic": record.topic,
        "key": record.key.decode(),
        "value": record.value,
        "headers": [list(pair) for pair in record.headers],
        "cree_le": datetime.fromisoformat(headers["ce_time"].decode()),
    }


def _parse(content: bytes) -> float:
    started = time.perf_counter()
    for _event, element in etree.iterparse(io.BytesIO(content), tag="ELEVE"):
        element.clear()
    return time.perf_counter() - started


@asynccontextmanager
async def _bare(database: Database) -> AsyncIterator[Database]:
    """A database with the same validators and indexes, that knows nothing of the other."""
    bare = database.client[f"{database.name}_bare"]
    await LAYOUT.migrate(bare)
    try:
        yield bare
    finally:
        await database.client.drop_database(bare.name)


async def _insert_bare(bare: Database, kept: _Kept, published: Sequence[ConsumerRecord]) -> float:
    rows = {row["key"]: row for row in map(_row, published)}
    started = time.perf_counter()
    await bare.courriels.insert_many(list(kept.documents["courriels"].values()), ordered=False)
    for batch in batched(kept.documents["eleves"].values(), _BATCH, strict=False):
        async with await bare.client.start_session() as session:
            session.start_transaction(read_concern=_SNAPSHOT, write_concern=_MAJORITY)
            await bare.eleves.insert_many(list(batch), session=session, ordered=False)
            of_batch = [rows[document["_id"]] for document in batch]
            await bare.outbox.insert_many(of_batch, session=session, ordered=False)
            await session.commit_transaction()
    return time.perf_counter() - started


async def _update_bare(bare: Database, before: _Kept, after: _Kept, published: Sequence[ConsumerRecord]) -> float:
    """Do to the bare database what the second import did to ours: guarded updates, addresses, outbox rows."""
    students, addresses = (after.documents[name] for name in ("eleves", "courriels"))
    held, claimed_before = (before.documents[name] for name in ("eleves", "courriels"))
    changed = [document for id, document in students.items() if held.get(id) != document]
    claimed = [document for id, document in addresses.items() if id not in claimed_before]
    freed = [id for id in claimed_before if id not in addresses]
    rows = {row["key"]: row for row in map(_row, published)}
    started = time.perf_counter()
    if claimed:
        await bare.courriels.insert_many(claimed, ordered=False)
    for batch in batched(changed, _BATCH, strict=False):
        async with await bare.client.start_session() as session:
            session.start_transaction(read_concern=_SNAPSHOT, write_concern=_MAJORITY)
            await bare.eleves.bulk_write(_guarded(batch, held), session=session, ordered=False)
            of_batch = [rows[document["_id"]] for document in batch]
            await bare.outbox.insert_many(of_batch, session=session, ordered=False)
            await session.commit_transaction()
    if freed:
        await bare.courriels.delete_many({"_id": {"$in": freed}})
    return time.perf_counter() - started


def _guarded(changed: Sequence[Document], before: Mapping[str, Document]) -> list[ReplaceOne[Document]]:
    """Replacements where the version is the one that was read; who is new is inserted."""
    return [
        ReplaceOne({"_id": d["_id"], "version": before[d["_id"]]["version"]}, d)
        if d["_id"] in before
        else ReplaceOne({"_id": d["_id"]}, d, upsert=True)
        for d in changed
    ]
