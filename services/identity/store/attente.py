"""Rows that wait for something outside to take them: tried, put off, forgotten once it is done."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo import ReturnDocument

from kit.mongo import Database, Document


@dataclass(frozen=True, slots=True)
class Attente:
    """The rows of a collection that have `essayer_le` and `essais`.

    Args:
        bail: how long whoever tries a row keeps it to itself; longer than it waits for an answer.
    """

    database: Database
    collection: str
    bail: timedelta

    async def is_empty(self, *, now: datetime, where: Mapping[str, Any] | None = None) -> bool:
        """Whether nothing is to be tried now."""
        waiting = {"essayer_le": {"$lte": now}, **(where or {})}
        return await self.database[self.collection].find_one(waiting, projection=["_id"]) is None

    async def take(self, *, now: datetime, where: Mapping[str, Any] | None = None) -> Document | None:
        """The next row to try, which nobody else takes for a while; None when nothing waits."""
        # Asked each second, and mostly in vain: a read is answered for less than a write that finds nothing.
        if await self.is_empty(now=now, where=where):
            return None
        taken: Document | None = await self.database[self.collection].find_one_and_update(
            {"essayer_le": {"$lte": now}, **(where or {})},
            {"$set": {"essayer_le": now + self.bail}, "$inc": {"essais": 1}},
            sort=[("essayer_le", 1)],
            return_document=ReturnDocument.AFTER,
        )
        return taken

    async def postpone(self, id: str, until: datetime) -> None:
        """Try the row again, from that moment on."""
        await self.database[self.collection].update_one({"_id": id}, {"$set": {"essayer_le": until}})

    async def remove(self, id: str) -> None:
        """Forget a row that was done with, or that came too late."""
        await self.database[self.collection].delete_one({"_id": id})
