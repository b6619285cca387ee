"""Loading the national offer, against bare writes of the same documents in the same batches."""

import os
import time
from itertools import batched
from pathlib import Path

from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern
from ulid import ULID

from kit.mongo import Database, open_database
from kit.mongo.migrations import generation
from services.offre.chargement import formations
from services.offre.store import LAYOUT, transactor
from services.offre.usecases import load_formations
from tests.bench.measures import Bar

_BATCH = 500
_COLLECTIONS = ("etablissements", "formations")


async def measure(mongodb_uri: str, offer: Path, *, runs: int) -> Bar:
    """The time to read and load `offer` into an empty store, as a multiple of writing the same documents bare."""
    ratios, taken = [], []
    for _ in range(runs):
        database = open_database(mongodb_uri, f"bench_{ULID()}".lower())
        try:
            product = await _load(database, offer)
            taken.append(await _write_bare(database))
            ratios.append(product / taken[-1])
        finally:
            await database.client.drop_database(database.name)
            await database.client.drop_database(f"{database.name}_bare")
            database.client.close()
    return Bar(
        what=f"loading {describe(offer)} (reading, checking, saving, outbox)",
        values=ratios,
        unit="×",
        bar=2.5,
        yardstick="bare writes of the same documents, outbox rows included, in the same transactions",
        taken=taken,
    )


def describe(offer: Path) -> str:
    """Which offer it is: the bar is about the national one."""
    real = os.environ.get("DONNEES_REELLES")
    national = real is not None and offer.is_relative_to(real)
    return "the national offer" if national else "a fictitious offer of the national one's size, which is not at hand"


async def _load(database: Database, offer: Path) -> float:
    await LAYOUT.migrate(database)
    transact = transactor(database, generation=await generation(database))
    started = time.perf_counter()
    lecture = formations.read(offer, session=2025)
    await load_formations(transact, lecture.bonnes)
    return time.perf_counter() - started


async def _write_bare(database: Database) -> float:
    """Insert what `_load` left into a database with the same validators and indexes, knowing nothing of it."""
    bare = database.client[f"{database.name}_bare"]
    await LAYOUT.migrate(bare)
    documents = {name: await database[name].find({}).to_list(None) for name in _COLLECTIONS}
    rows = {row["key"]: row for row in await database.outbox.find({}).to_list(None)}
    started = time.perf_counter()
    for name in _COLLECTIONS:
        for batch in batched(documents[name], _BATCH, strict=False):
            async with await bare.client.start_session() as session:
                session.start_transaction(
                    read_concern=ReadConcern("snapshot"), write_concern=WriteConcern("majority", j=True)
                )
                await bare[name].insert_many(list(batch), session=session, ordered=False)
                published = [rows[document["_id"]] for document in batch]
                await bare.outbox.insert_many(published, session=session, ordered=False)
                await session.commit_transaction()
    return time.perf_counter() - started
