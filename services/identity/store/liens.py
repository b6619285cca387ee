"""Activation links, as they are kept: by hash, used once, 72 hours (domaine.md §3)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from kit.mongo import Collection, Database, Index, Transaction
from services.identity.store.usage_unique import EXPIRATION, use

LIENS = Collection(
    name="liens",
    required={"compte": "string", "expire_le": "date", "utilise_le": ["date", "null"]},
    indexes=(EXPIRATION, Index(keys={"compte": 1})),
    purpose="liens d'activation, par leur condensat",
    readers="identity",
    kept="un jour après leurs 72 heures de validité",
)
DUREE = timedelta(hours=72)


async def find_owner(database: Database, condensat: str, *, now: datetime) -> str | None:
    """The account (id) that this link activates; None when it was used or has expired."""
    row = await database[LIENS.name].find_one({"_id": condensat, "utilise_le": None, "expire_le": {"$gt": now}})
    return None if row is None else row["compte"]


@dataclass(frozen=True, slots=True)
class Liens:
    """The links within a transaction."""

    transaction: Transaction

    async def issue(self, condensat: str, compte: str, *, now: datetime) -> None:
        await self.transaction[LIENS.name].insert_one(
            {"_id": condensat, "compte": compte, "expire_le": now + DUREE, "utilise_le": None},
            session=self.transaction.session,
        )

    async def use(self, condensat: str, *, now: datetime) -> str | None:
        """Use the link: its account (id); None when it is no longer, or was used before."""
        row = await use(self.transaction, LIENS.name, condensat, now=now)
        return None if row is None else row["compte"]
