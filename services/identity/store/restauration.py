"""What a restoration from a backup voids: all that serves once, and all that could still be ended (ADR 028)."""

from collections.abc import AsyncIterator
from datetime import datetime
from itertools import batched

from kit.mongo import Database, Document
from kit.versions import Version
from services.identity.store.comptes import COMPTES
from services.identity.store.envois import ENVOIS
from services.identity.store.facteurs import FACTEURS
from services.identity.store.secours import SECOURS
from services.identity.store.work import LAYOUT

_TOGETHER = 200


async def void_all(database: Database, *, le: datetime, dernier_pas: int) -> None:
    """Void what was given before `le`: links, codes, tokens, sign-ins, sessions, families, messages; and the codes of
    applications up to the time step `dernier_pas`. Again, nothing more changes.

    Recovery codes are left to whoever tells their owners.
    """
    for collection in LAYOUT.collections:
        if (field := collection.serves_until) is not None and collection.name != SECOURS.name:
            await database[collection.name].update_many({field: None}, {"$set": {field: le}})
    await database[ENVOIS.name].delete_many({"cree_le": {"$lte": le}})
    await database[FACTEURS.name].update_many({"totp": {"$ne": None}}, {"$max": {"totp.dernier_pas": dernier_pas}})


async def owners_of_codes(database: Database) -> AsyncIterator[list[str]]:
    """The accounts that have recovery codes left, some at a time."""
    async for some in _some(database, SECOURS.name, {"utilise_le": None}, "compte"):
        yield some


async def told_before(database: Database, generation: int) -> AsyncIterator[list[str]]:
    """The accounts that were last told in an earlier generation, some at a time."""
    where = {"version": {"$lt": Version(generation, 0).rank}}
    async for some in _some(database, COMPTES.name, where, "_id"):
        yield some


async def known(database: Database) -> frozenset[str]:
    """Every account there is."""
    return frozenset([row["_id"] async for row in database[COMPTES.name].find({}, ["_id"])])


async def _some(database: Database, collection: str, where: Document, field: str) -> AsyncIterator[list[str]]:
    found = sorted({row[field] async for row in database[collection].find(where, [field])})
    for some in batched(found, _TOGETHER, strict=False):
        yield list(some)
