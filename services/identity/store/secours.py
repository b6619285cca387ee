"""Recovery codes, as they are kept: by fingerprint, used once."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from kit.mongo import Collection, Database, Index, Transaction
from services.identity.store.usage_unique import UTILISE_LE

SECOURS = Collection(
    name="secours",
    required={"compte": "string", "cree_le": "date", "utilise_le": ["date", "null"]},
    indexes=(Index(keys={"compte": 1}),),
    serves_until=UTILISE_LE,
    purpose="codes de secours, par leur empreinte",
    readers="identity",
    kept="jusqu'à ce que la personne en crée d'autres, et au plus aussi longtemps que le compte",
)


async def count_left(database: Database, compte: str) -> int:
    """How many recovery codes an account has that were not used."""
    return await database[SECOURS.name].count_documents({"compte": compte, "utilise_le": None})


@dataclass(frozen=True, slots=True)
class Secours:
    """The recovery codes within a transaction."""

    transaction: Transaction

    async def replace(self, compte: str, empreintes: Iterable[str], *, now: datetime) -> None:
        """Give an account these codes; the earlier ones are no longer any."""
        collection, session = self.transaction[SECOURS.name], self.transaction.session
        await collection.delete_many({"compte": compte}, session=session)
        rows = [{"_id": e, "compte": compte, "cree_le": now, "utilise_le": None} for e in empreintes]
        await collection.insert_many(rows, session=session)

    async def use(self, compte: str, empreinte: str, *, now: datetime) -> bool:
        """Use a code; False when the account has none such, or it was used before."""
        result = await self.transaction[SECOURS.name].update_one(
            {"_id": empreinte, "compte": compte, "utilise_le": None},
            {"$set": {"utilise_le": now}},
            session=self.transaction.session,
        )
        return result.modified_count == 1

    async def void(self, comptes: Iterable[str], *, le: datetime) -> None:
        """Let none of the codes of these accounts serve any more."""
        await self.transaction[SECOURS.name].update_many(
            {"compte": {"$in": list(comptes)}, "utilise_le": None},
            {"$set": {"utilise_le": le}},
            session=self.transaction.session,
        )

    async def count_left(self, compte: str) -> int:
        return await self.transaction[SECOURS.name].count_documents(
            {"compte": compte, "utilise_le": None}, session=self.transaction.session
        )
