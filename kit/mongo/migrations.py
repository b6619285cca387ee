"""Migrations: numbered, run once each, under a lease; every release can read what the one before wrote."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import orjson
from ulid import ULID

from kit.mongo import leases
from kit.mongo.collections import Collection, Database, ensure

STATE = Collection(
    name="etat_service",
    required={"generation": "int", "formes": "array", "migrations": "array"},
    optional={"restauration": "object"},
    purpose="génération de la base, sa dernière restauration, formes qu'elle a eues et migrations passées",
    readers="le service",
    kept="aussi longtemps que la base",
)
_LEASE = timedelta(minutes=5)
_WAIT_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Migration:
    """A change of the data; `apply` may be run again after a crash, so it changes only what is not yet changed."""

    number: int
    title: str
    apply: Callable[[Database], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Layout:
    """What a service's store should look like: its collections, and the migrations that led there."""

    collections: Sequence[Collection]
    migrations: Sequence[Migration] = ()

    @property
    def fingerprint(self) -> str:
        """Changes with any validator or index."""
        declared = [[c.name, c.validator(), [i.model().document for i in c.indexes]] for c in self._all_collections()]
        return hashlib.sha256(orjson.dumps(declared)).hexdigest()[:16]

    async def pending(self, database: Database) -> bool:
        """Whether `migrate` has something to do.

        A release of before, started again beside its successor, has not: what the successor declared, it can live with.
        So a shape that is declared again after another comes with a migration, be it one that changes no data.
        """
        state = await database[STATE.name].find_one({"_id": "service"})
        if state is None or self.fingerprint not in state["formes"]:
            return True
        return any(m.number not in state["migrations"] for m in self.migrations)

    async def ensure(self, database: Database) -> None:
        """Create again the collections and indexes that are missing, such as those of a projection that was dropped."""
        await ensure(database, self._all_collections())

    async def migrate(self, database: Database) -> None:
        """Bring the store up to date; a second process waits for the first and then finds nothing to do."""
        holder = str(ULID())
        # Another process, of which only the store knows, holds the lease.
        while not await leases.acquire(database, "migrations", holder, _LEASE):  # noqa: ASYNC110
            await asyncio.sleep(_WAIT_SECONDS)
        try:
            if await self.pending(database):
                await self.ensure(database)
                await self._apply_missing(database)
        finally:
            await leases.release(database, "migrations", holder)

    async def _apply_missing(self, database: Database) -> None:
        states = database[STATE.name]
        await states.update_one(
            {"_id": "service"},
            {"$setOnInsert": {"generation": 1, "formes": [], "migrations": []}},
            upsert=True,
        )
        state = await states.find_one({"_id": "service"}) or {}
        for migration in sorted(self.migrations, key=lambda m: m.number):
            if migration.number not in state["migrations"]:
                await migration.apply(database)
                await states.update_one({"_id": "service"}, {"$push": {"migrations": migration.number}})
        await states.update_one({"_id": "service"}, {"$push": {"formes": self.fingerprint}})

    def _all_collections(self) -> list[Collection]:
        return [STATE, leases.LEASES, *self.collections]


async def generation(database: Database) -> int:
    """The store's generation: 1, and one more for each restoration from a backup."""
    state = await database[STATE.name].find_one({"_id": "service"})
    assert state is not None, "a store is migrated before it is used"  # noqa: S101
    number: int = state["generation"]
    return number


@dataclass(slots=True)
class Generation:
    """The store's generation for a running service, read once: it changes only while the service is stopped."""

    database: Database
    _number: int | None = None

    async def __call__(self) -> int:
        if self._number is None:
            self._number = await generation(self.database)
        return self._number
