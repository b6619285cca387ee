"""Whose address is whose, in the whole country (architecture §3)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pymongo.errors import BulkWriteError

from kit.mongo import Collection, Database, Transaction

COURRIELS = Collection(
    name="courriels",
    required={"compte": "string", "etat": "string", "pris_le": "date"},
    purpose="une adresse, un seul compte dans tout le pays (l'adresse elle-même n'y est pas : son empreinte)",
    readers="identity",
    kept="aussi longtemps que le compte",
)
_PRIS = "PRIS"
_TENU = "TENU"
_ABANDON = timedelta(minutes=1)
"""A claim that no transaction confirmed by then was made by a process that died meanwhile."""


async def find_owners(database: Database, empreintes: Iterable[str]) -> dict[str, str]:
    """The accounts (ids) of those of the addresses, given by fingerprint, that have one."""
    held = {"_id": {"$in": list(empreintes)}, "etat": _TENU}
    return {row["_id"]: row["compte"] for row in await database[COURRIELS.name].find(held).to_list(None)}


async def claim(database: Database, owners: Mapping[str, str]) -> frozenset[str]:
    """Claim addresses (fingerprint to account), before the transaction that uses them; return those that were lost.

    What is lost belongs to another account, or is being claimed by one at this very moment.
    """
    now = datetime.now(UTC)
    await database[COURRIELS.name].delete_many(
        {"_id": {"$in": list(owners)}, "etat": _PRIS, "pris_le": {"$lt": now - _ABANDON}}
    )
    rows = [{"_id": key, "compte": compte, "etat": _PRIS, "pris_le": now} for key, compte in owners.items()]
    try:
        await database[COURRIELS.name].insert_many(rows, ordered=False)
    except BulkWriteError as error:
        return frozenset(rows[problem["index"]]["_id"] for problem in error.details["writeErrors"])
    return frozenset()


async def free(database: Database, owners: Mapping[str, str]) -> None:
    """Give back the claims that no transaction confirmed."""
    rows = [{"_id": key, "compte": compte, "etat": _PRIS} for key, compte in owners.items()]
    await database[COURRIELS.name].delete_many({"$or": rows})


@dataclass(frozen=True, slots=True)
class Courriels:
    """The claims within a transaction."""

    transaction: Transaction

    async def confirm(self, empreintes: Sequence[str], comptes: Sequence[str]) -> bool:
        """Make these claims of these accounts last; False when one was given back meanwhile."""
        result = await self.transaction[COURRIELS.name].update_many(
            {"_id": {"$in": list(empreintes)}, "compte": {"$in": list(comptes)}, "etat": _PRIS},
            {"$set": {"etat": _TENU}},
            session=self.transaction.session,
        )
        return result.modified_count == len(empreintes)

    async def release(self, empreinte: str, compte: str) -> None:
        """Let an address be anybody's: the account has another."""
        await self.transaction[COURRIELS.name].delete_one(
            {"_id": empreinte, "compte": compte}, session=self.transaction.session
        )
