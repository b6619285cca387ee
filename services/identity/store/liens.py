"""Links that were mailed, as they are kept: by hash, for one use, used once."""

from dataclasses import dataclass
from datetime import datetime

from kit.mongo import Collection, Database, Document, Index, Transaction
from kit.vault.sealing import Sealed
from services.identity.domain.liens import DUREES, Usage
from services.identity.store.usage_unique import EXPIRATION, UTILISE_LE, use

LIENS = Collection(
    name="liens",
    required={"compte": "string", "expire_le": "date", "utilise_le": ["date", "null"]},
    optional={"usage": "string", "valeur": "object"},
    indexes=(EXPIRATION, Index(keys={"compte": 1})),
    serves_until=UTILISE_LE,
    purpose="liens envoyés par courriel, par leur condensat ; l'adresse que l'un d'eux valide y est chiffrée",
    readers="identity",
    kept="un jour après leur validité : 72 heures pour une activation ou une adresse, une heure pour les autres",
)


@dataclass(frozen=True, slots=True)
class Lien:
    """Whose link it is; `valeur` is what it was made for, sealed: the address that it validates."""

    compte: str
    valeur: Sealed | None


def _lien(document: Document) -> Lien:
    valeur = document.get("valeur")
    return Lien(document["compte"], None if valeur is None else Sealed.read(valeur))


def _is_for(document: Document, usage: Usage) -> bool:
    """A link of before there were several uses activates an account."""
    return Usage(document.get("usage", Usage.ACTIVATION)) is usage


async def find_lien(database: Database, condensat: str, usage: Usage, *, now: datetime) -> Lien | None:
    """The link of that hash for that use; None when it was used or has expired."""
    row = await database[LIENS.name].find_one({"_id": condensat, "utilise_le": None, "expire_le": {"$gt": now}})
    return None if row is None or not _is_for(row, usage) else _lien(row)


async def find_pending(database: Database, compte: str, usage: Usage, *, now: datetime) -> tuple[str, Lien] | None:
    """The hash of the account's link for that use, with the link; None when none works."""
    where = {"compte": compte, "usage": usage, "utilise_le": None, "expire_le": {"$gt": now}}
    row = await database[LIENS.name].find_one(where)
    return None if row is None else (row["_id"], _lien(row))


@dataclass(frozen=True, slots=True)
class Liens:
    """The links within a transaction."""

    transaction: Transaction

    async def issue(
        self, condensat: str, usage: Usage, compte: str, *, now: datetime, valeur: Sealed | None = None
    ) -> None:
        """Let a link work, in place of those that the account had for the same use."""
        collection, session = self.transaction[LIENS.name], self.transaction.session
        await collection.update_many(
            {"compte": compte, "usage": usage, "utilise_le": None}, {"$set": {"utilise_le": now}}, session=session
        )
        row = {"_id": condensat, "usage": usage, "compte": compte, "expire_le": now + DUREES[usage], "utilise_le": None}
        sealed = {} if valeur is None else {"valeur": valeur.document}
        await collection.insert_one(row | sealed, session=session)

    async def use(self, condensat: str, usage: Usage, *, now: datetime) -> Lien | None:
        """Use the link; None when it is no longer, is for another use, or was used before."""
        row = await use(self.transaction, LIENS, condensat, now=now)
        return None if row is None or not _is_for(row, usage) else _lien(row)

    async def void(self, compte: str, *, now: datetime, usage: Usage | None = None) -> None:
        """Let none of the account's links work any more; with `usage`, none of those for it."""
        concerned = {} if usage is None else {"usage": usage}
        await self.transaction[LIENS.name].update_many(
            {"compte": compte, "utilise_le": None, **concerned},
            {"$set": {"utilise_le": now}},
            session=self.transaction.session,
        )
