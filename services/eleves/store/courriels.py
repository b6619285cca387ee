"""Whose address is whose among the students of a session, in the whole country (architecture §3).

An address is claimed by inserting its row, which one only can do; the row stands for as long as its owner holds the
address. The address itself is not there, but its fingerprint.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pymongo import DeleteOne, UpdateOne
from pymongo.errors import BulkWriteError

from kit.mongo import Collection, Database, Transaction

COURRIELS = Collection(
    name="courriels",
    required={"eleve": "string"},
    purpose="une adresse, un seul élève dans tout le pays (l'adresse elle-même n'y est pas : son empreinte)",
    readers="eleves",
    kept="aussi longtemps que l'élève a cette adresse",
)
_DUPLICATE_KEY = 11000


async def claim(database: Database, owners: Mapping[str, str]) -> frozenset[str]:
    """Claim addresses (fingerprint to student), before the transaction that uses them; return those that were lost.

    What its claimant holds already is not lost: an import that is resumed claims again.
    """
    if not owners:
        return frozenset()
    rows = [{"_id": key, "eleve": eleve} for key, eleve in owners.items()]
    try:
        await database[COURRIELS.name].insert_many(rows, ordered=False)
    except BulkWriteError as error:
        refused = error.details["writeErrors"]
        if any(problem["code"] != _DUPLICATE_KEY for problem in refused):
            raise
        taken = [rows[problem["index"]]["_id"] for problem in refused]
        held = await database[COURRIELS.name].find({"_id": {"$in": taken}}).to_list(None)
        holders = {row["_id"]: row["eleve"] for row in held}
        # One that was freed at this very moment is lost all the same: the next import takes it.
        return frozenset(key for key in taken if holders.get(key) != owners[key])
    return frozenset()


async def free(database: Database, owners: Iterable[tuple[str, str]]) -> None:
    """Give addresses back (fingerprint and student), those that these students still hold."""
    given = [DeleteOne({"_id": key, "eleve": eleve}) for key, eleve in owners]
    if given:
        await database[COURRIELS.name].bulk_write(given, ordered=False)


async def hand_over(database: Database, owners: Mapping[str, tuple[str, str]]) -> frozenset[str]:
    """Give addresses from one student to another (fingerprint to both); return those that were given."""
    handed = set()
    for key, (held_by, given_to) in owners.items():
        result = await database[COURRIELS.name].update_one(
            {"_id": key, "eleve": held_by}, {"$set": {"eleve": given_to}}
        )
        if result.modified_count == 1:
            handed.add(key)
    return frozenset(handed)


@dataclass(frozen=True, slots=True)
class Courriels:
    """The addresses within a transaction: what an import claimed and did not come to use is undone there."""

    transaction: Transaction

    async def find_owners(self, empreintes: Iterable[str]) -> dict[str, str]:
        """Who holds these addresses (fingerprint to student)."""
        cursor = self.transaction[COURRIELS.name].find(
            {"_id": {"$in": list(empreintes)}}, session=self.transaction.session
        )
        return {row["_id"]: row["eleve"] for row in await cursor.to_list(None)}

    async def give_back(self, owners: Mapping[str, str | None]) -> None:
        """Give addresses (fingerprint to student) to these students, or to nobody."""
        writes = [
            DeleteOne({"_id": key}) if eleve is None else UpdateOne({"_id": key}, {"$set": {"eleve": eleve}})
            for key, eleve in owners.items()
        ]
        if writes:
            await self.transaction[COURRIELS.name].bulk_write(writes, ordered=False, session=self.transaction.session)
