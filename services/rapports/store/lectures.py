"""What is read outside a transaction."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kit.consumer.projections import GONE
from kit.mongo import Database, Document
from services.rapports.domain import Comptage, Formation
from services.rapports.portee import Portee
from services.rapports.store.collections import CHIFFRES, FORMATIONS, read_comptage, read_formation


@dataclass(frozen=True, slots=True)
class Page:
    """Formations of a list, one more than asked for when there are more, and how many there are in all."""

    rows: Sequence[Formation]
    total: int


@dataclass(frozen=True, slots=True)
class Reads:
    """What is read outside a transaction."""

    database: Database

    async def formations(self, ids: Iterable[str]) -> dict[str, Formation]:
        """Those of `ids` that exist, by id."""
        cursor = self.database[FORMATIONS.name].find({"_id": {"$in": list(ids)}, GONE: {"$exists": False}})
        return {document["_id"]: read_formation(document) for document in await cursor.to_list(None)}

    async def formations_of(
        self, portee: Portee, uai: str, session: int, *, first: int, after: tuple[str, str] | None
    ) -> Page:
        """The formations of an establishment that `portee` reaches, by label, after the row (label, id)."""
        collection = self.database[FORMATIONS.name]
        where = _reached(portee, uai, session)
        page = where if after is None else {"$and": [where, _after(*after)]}
        cursor = collection.find(page).sort([("libelle", 1), ("_id", 1)]).limit(first + 1)
        rows = [read_formation(document) for document in await cursor.to_list(first + 1)]
        return Page(rows, await collection.count_documents(where))

    async def has_formations(self, uai: str, session: int) -> bool:
        """Whether the establishment offers any formation, whoever may see its report."""
        return await self.database[FORMATIONS.name].find_one({"session": session, "uai": uai}, {"_id": 1}) is not None

    async def comptages(self, ids: Iterable[str]) -> dict[str, Comptage]:
        """The stored figures of those of `ids` that have any, by id."""
        cursor = self.database[CHIFFRES.name].find({"_id": {"$in": list(ids)}})
        return {document["_id"]: read_comptage(document) for document in await cursor.to_list(None)}

    async def unknown_formations(self) -> int:
        """How many formations have figures, and wait for the offer to say what they are."""
        counted, known = await asyncio.gather(
            self.database[CHIFFRES.name].find({}, {"_id": 1}).to_list(None),
            self.database[FORMATIONS.name].find({}, {"_id": 1}).to_list(None),
        )
        return len({row["_id"] for row in counted} - {row["_id"] for row in known})


def _reached(portee: Portee, uai: str, session: int) -> Document:
    """Plain equalities where it reaches the whole establishment, as it nearly always does."""
    reached: Document = {"session": session, "uai": uai}
    if portee.reaches_all_of(uai):
        return reached
    some = [
        {"academie": {"$in": sorted(portee.academies)}},
        {"_id": {"$in": sorted(portee.formations_of(uai))}},
    ]
    return reached | {"$or": some}


def _after(libelle: str, formation: str) -> Document:
    return {"$or": [{"libelle": {"$gt": libelle}}, {"libelle": libelle, "_id": {"$gt": formation}}]}
