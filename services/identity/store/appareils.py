"""Known devices, as they are kept: by fingerprints of the browser's cookie with the account, and of the places."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from kit.mongo import Collection, Database, Document, Index, Transaction
from services.identity.domain.appareils import PAR_COMPTE, Appareil, Passage
from services.identity.store.usage_unique import EXPIRATION, FIN_LE

APPAREILS = Collection(
    name="appareils",
    required={
        "compte": "string",
        "facteurs": "int",
        "passages": "array",
        "expire_le": "date",
        "fin_le": ["date", "null"],
    },
    indexes=(Index(keys={"compte": 1}), EXPIRATION),
    serves_until=FIN_LE,
    purpose="reconnaître les navigateurs où la personne s'est déjà connectée ; ni cookie ni adresse IP en clair",
    readers="identity",
    kept="un jour après la fin de leur reconnaissance, APPAREIL_CONNU_JOURS après la dernière preuve complète",
)


async def find_appareil(database: Database, id: str, *, now: datetime) -> Appareil | None:
    """The device of that fingerprint; None when it is unknown, or no more."""
    document = await database[APPAREILS.name].find_one(_known(id, now))
    return None if document is None else _appareil(document)


async def devices_of(database: Database, compte: str) -> Sequence[str]:
    """The fingerprints of the devices of an account, known or no more."""
    rows = await database[APPAREILS.name].find({"compte": compte}, projection=["_id"]).to_list(None)
    return [row["_id"] for row in rows]


def _known(id: str, now: datetime) -> Document:
    return {"_id": id, "fin_le": None, "expire_le": {"$gt": now}}


def _appareil(document: Document) -> Appareil:
    passages = [Passage(lieu=row["lieu"], le=row["le"]) for row in document["passages"]]
    return Appareil(facteurs=document["facteurs"], passages=tuple(passages))


@dataclass(frozen=True, slots=True)
class Appareils:
    """The known devices within a transaction."""

    transaction: Transaction

    async def proved(self, id: str, compte: str, lieu: str, facteurs: int, *, now: datetime, duree: timedelta) -> None:
        """Note a full sign-in of an account with a device, from that place, by which it is known for so long; the
        account's oldest are forgotten.
        """
        collection, session = self.transaction[APPAREILS.name], self.transaction.session
        document = await collection.find_one(_known(id, now), session=session)
        known = Appareil(facteurs=facteurs, passages=()) if document is None else _appareil(document)
        proved = known.proved(lieu, facteurs, now=now)
        kept = {
            "compte": compte,
            "facteurs": proved.facteurs,
            "passages": [{"lieu": one.lieu, "le": one.le} for one in proved.passages],
            "expire_le": now + duree,
            "fin_le": None,
        }
        await collection.update_one({"_id": id}, {"$set": kept}, upsert=True, session=session)
        rows = collection.find({"compte": compte, "fin_le": None}, ["_id"], session=session).sort("expire_le", -1)
        older = [row["_id"] for row in await rows.to_list(None)][PAR_COMPTE:]
        await collection.update_many({"_id": {"$in": older}}, {"$set": {"fin_le": now}}, session=session)

    async def forget_all_of(self, compte: str, *, now: datetime) -> None:
        """Know none of the account's devices any more."""
        await self.transaction[APPAREILS.name].update_many(
            {"compte": compte, "fin_le": None}, {"$set": {"fin_le": now}}, session=self.transaction.session
        )
