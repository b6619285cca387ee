"""Importing SIECLE files, against a bare parse of them and bare writes of the same documents in the same batches."""

import asyncio
import io
import resource
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import batched
from pathlib import Path
from typing import IO

import psutil
from lxml import etree
from pymongo import ReplaceOne
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern
from ulid import ULID

from generateur.ecoles import alter, generate_ecole
from generateur.siecle import write_eleves
from kit.clock import technical_clock
from kit.logs import configure_logs
from kit.mongo import Database, Document, open_database
from kit.mongo.files import StoredFile
from kit.mongo.migrations import generation
from kit.vault.keys import Fingerprints
from kit.vault.sealing import Vault
from services.eleves.deps import Deps
from services.eleves.imports import EtatImport, Fichier, ImportSiecle
from services.eleves.rapport import Rapport
from services.eleves.siecle.paquet import LIMITES
from services.eleves.store.imports import open_files
from services.eleves.store.work import LAYOUT, Work, transactor
from services.eleves.usecases.imports import apply_import, take_next
from socle.projections.calendrier import Calendriers
from tests.bench.measures import Bar

_UAI = "0779000P"
_STUDENTS = 770
_LARGE = 5_000
_BATCH = 250
_PIECE = 65_536
_MASTER_KEY = "bench:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
_SNAPSHOT, _MAJORITY = ReadConcern("snapshot"), WriteConcern("majority", j=True)
_WRITTEN = ("eleves", "courriels", "outbox")


async def measure(mongodb_uri: str, *, runs: int) -> list[Bar]:
    """The first import of 770 students, one with 10 % changes, and the same file again."""
    first, changed, again, writes = [], [], [], 0
    lycee = generate_ecole(_UAI, session=2025, terminales=_STUDENTS, seed=1)
    content, next_month = write_eleves(lycee), write_eleves(alter(lycee, part=0.1, seed=1))
    for _ in range(runs):
        async with _store(mongodb_uri) as deps:
            elapsed, _rapport = await _import(deps, io.BytesIO(content))
            bare = _parse(content) + await _insert_bare(deps.database)
            first.append(elapsed / bare)
            before = await _state(deps.database)
            unchanged, rapport = await _import(deps, io.BytesIO(content))
            again.append(unchanged / elapsed)
            writes += rapport.nouveaux + rapport.modifies + rapport.partis + (await _state(deps.database) != before)
            elapsed, _rapport = await _import(deps, io.BytesIO(next_month))
            changed.append(elapsed / (_parse(next_month) + await _update_bare(deps.database, before)))
    return [
        Bar(
            what="first import of 770 students, upload to report",
            values=first,
            unit="×",
            bar=2.0,
            yardstick="lxml.iterparse of the file, and the same documents (students, addresses, outbox) written bare",
        ),
        Bar(
            what="import with 10 % changes",
            values=changed,
            unit="×",
            bar=2.0,
            yardstick="lxml.iterparse of the file, and the same updates guarded by version, with their outbox rows",
        ),
        Bar(what="the same file again", values=again, unit="×", bar=0.5, yardstick="the first import"),
        Bar(
            what="what the same file again wrote or published",
            values=[float(writes)],
            unit="",
            bar=0.0,
            yardstick="nothing",
        ),
    ]


async def measure_memory(mongodb_uri: str, folder: Path, *, runs: int) -> Bar:
    """What a process that imports 5,000 students takes at most, above what it takes before it begins."""
    file = folder / "eleves.xml"
    file.write_bytes(write_eleves(generate_ecole(_UAI, session=2025, terminales=_LARGE, seed=1)))
    grown = []
    for _ in range(runs):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.bench.siecle", mongodb_uri, str(file), stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, "the import failed"
        grown.append(float(output))
    return Bar(
        what="peak memory while importing 5,000 students, above idle",
        values=grown,
        unit=" MB",
        bar=200.0,
        yardstick="resident memory of the same process before the import",
    )


@asynccontextmanager
async def _store(mongodb_uri: str) -> AsyncIterator[Deps]:
    database = open_database(mongodb_uri, f"bench_{ULID()}".lower())
    try:
        await LAYOUT.migrate(database)
        fingerprints = Fingerprints(database, Vault.of(_MASTER_KEY))
        await fingerprints.load(create=True)
        yield Deps(
            database=database,
            transact=transactor(database, generation=await generation(database)),
            files=open_files(database),
            calendriers=Calendriers(database),
            fingerprints=fingerprints,
            academies=frozenset({"creteil"}),
            campaign_clock=technical_clock,
        )
    finally:
        await database.client.drop_database(database.name)
        await database.client.drop_database(f"{database.name}_bare")
        database.client.close()


async def _import(deps: Deps, file: IO[bytes]) -> tuple[float, Rapport]:
    """The time from the first byte of the upload to the report."""
    started = time.perf_counter()
    stored = await deps.files.write(_pieces(file), limit=LIMITES.envoi)
    await _receive(deps, stored)
    taken = await take_next(deps, titulaire="bench")
    assert taken is not None, "the import was just received"
    done = await apply_import(deps, taken, titulaire="bench")
    elapsed = time.perf_counter() - started
    assert done.rapport is not None, done.refus
    return elapsed, done.rapport


async def _pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    while piece := file.read(_PIECE):
        yield piece


async def _receive(deps: Deps, stored: StoredFile) -> ImportSiecle:
    now = technical_clock()
    fichier = Fichier(id=str(ULID()), nom="Eleves.xml", taille=stored.size, sha256=stored.sha256, contenu=stored.id)
    held = ImportSiecle(
        id=f"2025/{ULID()}",
        session=2025,
        uai=_UAI,
        academie="creteil",
        compte="bench",
        fichiers=(fichier,),
        demande_le=now,
        expire_le=now + timedelta(minutes=10),
        etat=EtatImport.RECU,
        depose_le=now,
    )

    async def body(work: Work) -> ImportSiecle:
        return await work.imports.save(held)

    return await deps.transact(body)


def _parse(content: bytes) -> float:
    started = time.perf_counter()
    for _event, element in etree.iterparse(io.BytesIO(content), tag="ELEVE"):
        element.clear()
    return time.perf_counter() - started


async def _state(database: Database) -> dict[str, dict[str, Document]]:
    return {name: {d["_id"]: d for d in await database[name].find({}).to_list(None)} for name in _WRITTEN}


async def _insert_bare(database: Database) -> float:
    """Insert what the import left into a database with the same validators and indexes, knowing nothing of it."""
    bare = database.client[f"{database.name}_bare"]
    await LAYOUT.migrate(bare)
    documents = await _state(database)
    rows = {row["key"]: row for row in documents["outbox"].values()}
    started = time.perf_counter()
    for batch in batched(documents["courriels"].values(), _BATCH, strict=False):
        await bare.courriels.insert_many(list(batch), ordered=False)
    for batch in batched(documents["eleves"].values(), _BATCH, strict=False):
        async with await bare.client.start_session() as session:
            session.start_transaction(read_concern=_SNAPSHOT, write_concern=_MAJORITY)
            await bare.eleves.insert_many(list(batch), session=session, ordered=False)
            published = [rows[document["_id"]] for document in batch]
            await bare.outbox.insert_many(published, session=session, ordered=False)
            await session.commit_transaction()
    return time.perf_counter() - started


async def _update_bare(database: Database, before: Mapping[str, Mapping[str, Document]]) -> float:
    """Do to the bare database what the second import did to ours: guarded updates, addresses, outbox rows."""
    bare = database.client[f"{database.name}_bare"]
    after = await _state(database)
    changed = [d for id, d in after["eleves"].items() if before["eleves"].get(id) != d]
    claimed = [d for id, d in after["courriels"].items() if id not in before["courriels"]]
    freed = [id for id in before["courriels"] if id not in after["courriels"]]
    rows = [d for id, d in after["outbox"].items() if id not in before["outbox"]]
    started = time.perf_counter()
    if claimed:
        await bare.courriels.insert_many(claimed, ordered=False)
    for batch in batched(changed, _BATCH, strict=False):
        async with await bare.client.start_session() as session:
            session.start_transaction(read_concern=_SNAPSHOT, write_concern=_MAJORITY)
            await bare.eleves.bulk_write(_guarded(batch, before["eleves"]), session=session, ordered=False)
            await bare.outbox.insert_many(rows, session=session, ordered=False)
            await session.commit_transaction()
    await bare.courriels.delete_many({"_id": {"$in": freed}})
    return time.perf_counter() - started


def _guarded(changed: Sequence[Document], before: Mapping[str, Document]) -> list[ReplaceOne[Document]]:
    return [ReplaceOne({"_id": d["_id"], "version": before[d["_id"]]["version"]}, d) for d in changed]


async def _grow(mongodb_uri: str, path: Path) -> float:
    """Megabytes by which this process grows at most while it imports a file."""
    async with _store(mongodb_uri) as deps:
        idle = psutil.Process().memory_info().rss
        with path.open("rb") as file:
            await _import(deps, file)
        return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - idle) / 1024**2


if __name__ == "__main__":
    configure_logs("bench", level="ERROR")
    sys.stdout.write(f"{asyncio.run(_grow(sys.argv[1], Path(sys.argv[2]))):.1f}")
