"""How often someone tried, as it is kept: each try is counted before it is judged, so that a burst is counted too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pymongo import ReturnDocument

from kit.mongo import Collection, Database, Document, Index
from services.identity.domain.tentatives import Regle

TENTATIVES = Collection(
    name="tentatives",
    required={"essais": "array", "blocages": "int", "bloque_jusqu_au": "date", "expire_le": "date"},
    indexes=(Index(keys={"expire_le": 1}, expires_after=timedelta(0)),),
    purpose="ralentir qui devine un mot de passe ou un code ; la clé est une empreinte, sans adresse",
    readers="identity",
    kept="deux jours après le dernier essai",
)
_OUBLI = timedelta(days=2)
_JAMAIS = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Tentatives:
    """The counters of tries."""

    database: Database

    async def take(self, key: str, regle: Regle, *, now: datetime) -> datetime | None:
        """Count one try under `key`; None when it may be made, else until when none may.

        The last try that is allowed already locks: it is forgiven when it succeeds (`forgive`).
        """
        row = await self._count(key, regle, now)
        while row is None:
            until = await self._locked_until(key)
            if until is not None and until > now:
                return until
            # The tries were just forgiven: count this one again.
            row = await self._count(key, regle, now)
        recent = regle.recent(row["essais"], now=now)
        if recent < regle.nombre:
            return None
        until = now + regle.delay(row["blocages"])
        await self._lock(key, until, now)
        return until if recent > regle.nombre else None

    async def locks(self, keys: Sequence[str], *, now: datetime) -> Mapping[str, datetime]:
        """Those of these keys under which no try may be made now, with until when."""
        where = {"_id": {"$in": list(keys)}, "bloque_jusqu_au": {"$gt": now}}
        rows = self.database[TENTATIVES.name].find(where, ["bloque_jusqu_au"])
        return {row["_id"]: row["bloque_jusqu_au"] async for row in rows}

    async def forgive(self, key: str) -> None:
        """Forget the tries under `key`: one of them succeeded."""
        await self.database[TENTATIVES.name].delete_one({"_id": key})

    async def give_back(self, key: str, essai: datetime) -> None:
        """Do not count the try of that moment: it succeeded, and says nothing of the others under this key."""
        await self.database[TENTATIVES.name].update_one({"_id": key}, {"$pull": {"essais": essai}})

    async def _count(self, key: str, regle: Regle, now: datetime) -> Document | None:
        """The row with this try counted; None when it is locked, or was forgotten at this very moment."""
        collection = self.database[TENTATIVES.name]
        new = {"essais": [], "blocages": 0, "bloque_jusqu_au": _JAMAIS, "expire_le": now + _OUBLI}
        await collection.update_one({"_id": key}, {"$setOnInsert": new}, upsert=True)
        return await collection.find_one_and_update(
            {"_id": key, "bloque_jusqu_au": {"$lte": now}},
            {
                "$push": {"essais": {"$each": [now], "$slice": -(regle.nombre + 1)}},
                "$set": {"expire_le": now + _OUBLI},
            },
            return_document=ReturnDocument.AFTER,
        )

    async def _lock(self, key: str, until: datetime, now: datetime) -> None:
        """Lock once for a burst: only the first of it still finds the row unlocked."""
        await self.database[TENTATIVES.name].update_one(
            {"_id": key, "bloque_jusqu_au": {"$lte": now}},
            {"$set": {"bloque_jusqu_au": until, "essais": [], "expire_le": until + _OUBLI}, "$inc": {"blocages": 1}},
        )

    async def _locked_until(self, key: str) -> datetime | None:
        row = await self.database[TENTATIVES.name].find_one({"_id": key}, projection=["bloque_jusqu_au"])
        return None if row is None else row["bloque_jusqu_au"]
