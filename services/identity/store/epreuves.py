"""What somebody is about to prove: the code or the gesture that is awaited, by fingerprint, and shown once."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pymongo import ReturnDocument

from kit.mongo import Collection, Database, Document, Index, Transaction
from kit.vault.sealing import Sealed
from services.identity.condensats import condensat
from services.identity.store.usage_unique import UTILISE_LE

EPREUVES = Collection(
    name="epreuves",
    required={
        "compte": ["string", "null"],
        "valeur": ["object", "null"],
        "empreinte": ["string", "null"],
        "essais": "int",
        "expire_le": "date",
        "utilise_le": ["date", "null"],
    },
    indexes=(Index(keys={"expire_le": 1}, expires_after=timedelta(0)), Index(keys={"compte": 1})),
    serves_until=UTILISE_LE,
    purpose="attendre le code ou le geste qui prouve un numéro, une application ou une clé d'accès ; "
    "le numéro et le secret proposés y sont chiffrés",
    readers="identity",
    kept="dix minutes",
)
DUREE = timedelta(minutes=10)
ESSAIS = 5


class Genre(StrEnum):
    """What is proved."""

    APPLICATION = "APPLICATION"
    MOBILE = "MOBILE"
    CLE_NOUVELLE = "CLE_NOUVELLE"
    CLE = "CLE"
    CLE_SEULE = "CLE_SEULE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Epreuve:
    """What is awaited, for one thing, in one place: a session, or a sign-in in progress.

    Args:
        lieu: the identifier of that place.
        compte: whose it is; None for whoever has said nothing yet.
        valeur: what is proposed, sealed.
        empreinte: of the code or challenge to show.
    """

    genre: Genre
    lieu: str
    compte: str | None
    valeur: Sealed | None = None
    empreinte: str | None = None

    @property
    def id(self) -> str:
        return key(self.genre, self.lieu)


def key(genre: Genre, lieu: str) -> str:
    """Under what the trial of that thing in that place is kept, and its value sealed."""
    return condensat(f"{genre}/{lieu}")


@dataclass(frozen=True, slots=True)
class Epreuves:
    """The trials; each change is one guarded update of one row."""

    database: Database

    async def open(self, epreuve: Epreuve, *, now: datetime) -> None:
        """Await this, in place of what was awaited for the same thing in the same place."""
        await self.database[EPREUVES.name].replace_one({"_id": epreuve.id}, _row(epreuve, now), upsert=True)

    async def propose(self, epreuve: Epreuve, *, now: datetime) -> Sealed:
        """Await this, unless something is awaited already there, which stays; the sealed value of what is."""
        assert epreuve.valeur is not None  # noqa: S101 - what is proposed is a value
        held = await self.find_value(epreuve.genre, epreuve.lieu, now=now)
        if held is None:
            await self.open(epreuve, now=now)
        return held or epreuve.valeur

    async def find_value(self, genre: Genre, lieu: str, *, now: datetime) -> Sealed | None:
        """The sealed value of what is awaited there; None when nothing is, or no more."""
        row: Document | None = await self.database[EPREUVES.name].find_one(_awaited(genre, lieu, now))
        return None if row is None or row["valeur"] is None else Sealed.read(row["valeur"])

    async def attempt(self, genre: Genre, lieu: str, *, now: datetime) -> str | None:
        """Count one attempt; the fingerprint to show, None when it was shown, has expired or was tried too often."""
        row: Document | None = await self.database[EPREUVES.name].find_one_and_update(
            {**_awaited(genre, lieu, now), "essais": {"$lt": ESSAIS}},
            {"$inc": {"essais": 1}},
            return_document=ReturnDocument.AFTER,
        )
        return None if row is None else row["empreinte"]


def _row(epreuve: Epreuve, now: datetime) -> Document:
    return {
        "compte": epreuve.compte,
        "valeur": epreuve.valeur and epreuve.valeur.document,
        "empreinte": epreuve.empreinte,
        "essais": 0,
        "expire_le": now + DUREE,
        "utilise_le": None,
    }


def _awaited(genre: Genre, lieu: str, now: datetime) -> Document:
    return {"_id": key(genre, lieu), "utilise_le": None, "expire_le": {"$gt": now}}


@dataclass(frozen=True, slots=True)
class EpreuvesEnCours:
    """The trials within a transaction."""

    transaction: Transaction

    async def open(self, epreuve: Epreuve, *, now: datetime) -> None:
        """Await this, in place of what was awaited for the same thing in the same place."""
        await self.transaction[EPREUVES.name].replace_one(
            {"_id": epreuve.id}, _row(epreuve, now), upsert=True, session=self.transaction.session
        )

    async def use(self, genre: Genre, lieu: str, *, now: datetime, empreinte: str | None = None) -> bool:
        """Note that it was shown; False when it is awaited no more, or `empreinte` is not what is."""
        where = _awaited(genre, lieu, now) | ({} if empreinte is None else {"empreinte": empreinte})
        result = await self.transaction[EPREUVES.name].update_one(
            where, {"$set": {"utilise_le": now}}, session=self.transaction.session
        )
        return result.modified_count == 1
