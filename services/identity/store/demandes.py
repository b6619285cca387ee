"""Authorization requests that clients pushed (RFC 9126), as they are kept: by hash, sealed, used once."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from kit.mongo import Collection, Database, Index, Transaction
from kit.vault.sealing import Sealed
from services.identity.store.usage_unique import UTILISE_LE, use

DEMANDES = Collection(
    name="demandes",
    required={
        "client": "string",
        "parametres": "object",
        "expire_le": "date",
        "ouverte_le": ["date", "null"],
        "utilise_le": ["date", "null"],
    },
    indexes=(Index(keys={"expire_le": 1}, expires_after=timedelta(0)),),
    serves_until=UTILISE_LE,
    purpose="demandes de connexion déposées par les applications, chiffrées : l'adresse suggérée n'y est pas en clair",
    readers="identity",
    kept="une minute, ou le temps d'une connexion",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demande:
    """A pushed request: its parameters are sealed.

    Args:
        condensat: the hash of its reference.
        ouverte_le: when a browser first brought it.
    """

    condensat: str
    client: str
    parametres: Sealed
    expire_le: datetime
    ouverte_le: datetime | None = None


async def push(database: Database, demande: Demande) -> None:
    """Keep a request."""
    await database[DEMANDES.name].insert_one(
        {
            "_id": demande.condensat,
            "client": demande.client,
            "parametres": demande.parametres.document,
            "expire_le": demande.expire_le,
            "ouverte_le": None,
            "utilise_le": None,
        }
    )


async def find(database: Database, condensat: str, *, now: datetime) -> Demande | None:
    """The request of that hash, None when it is no more or was used."""
    document = await database[DEMANDES.name].find_one({"_id": condensat, "utilise_le": None, "expire_le": {"$gt": now}})
    if document is None:
        return None
    return Demande(
        condensat=condensat,
        client=document["client"],
        parametres=Sealed.read(document["parametres"]),
        expire_le=document["expire_le"],
        ouverte_le=document["ouverte_le"],
    )


async def open_once(database: Database, condensat: str, *, now: datetime, until: datetime) -> None:
    """Note that a browser brought it: it lives until then, and no longer however often it is brought again."""
    await database[DEMANDES.name].update_one(
        {"_id": condensat, "utilise_le": None, "ouverte_le": None, "expire_le": {"$gt": now}},
        {"$set": {"ouverte_le": now, "expire_le": until}},
    )


@dataclass(frozen=True, slots=True)
class Demandes:
    """The pushed requests within a transaction."""

    transaction: Transaction

    async def use(self, condensat: str, *, now: datetime) -> bool:
        """Use the request; False when it is no longer, or was used before."""
        return await use(self.transaction, DEMANDES, condensat, now=now) is not None
