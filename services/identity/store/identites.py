"""Identities of employers, as they are kept: whose account each is linked to; and what was asked of an employer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pymongo.errors import DuplicateKeyError

from kit.mongo import Collection, Database, Document, Index, Transaction
from services.identity.domain.employeurs import But, Fraicheur
from services.identity.store.usage_unique import EXPIRATION, UTILISE_LE, use

IDENTITES = Collection(
    name="identites",
    required={"compte": "string", "employeur": "string", "liee_le": "date"},
    indexes=(Index(keys={"compte": 1, "employeur": 1}, unique=True),),
    purpose="ouvrir un compte par l'identité que l'employeur donne (elle-même n'y est pas : son empreinte)",
    readers="identity",
    kept="jusqu'à ce que la personne la délie, et au plus aussi longtemps que le compte",
)
DEMANDES_EMPLOYEUR = Collection(
    name="demandes_employeur",
    required={
        "employeur": "string",
        "navigateur": "string",
        "but": "string",
        "demande": "string",
        "acr": "int",
        "depuis": "date",
        "nouvelle": "bool",
        "cree_le": "date",
        "expire_le": "date",
        "utilise_le": ["date", "null"],
    },
    optional={"compte": "string"},
    indexes=(EXPIRATION, Index(keys={"compte": 1}, where={"compte": {"$exists": True}})),
    serves_until=UTILISE_LE,
    purpose="reconnaître le retour d'un employeur, pour le navigateur qui en est parti et une seule fois",
    readers="identity",
    kept="un jour après les dix minutes de leur validité",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandeEmployeur:
    """What was asked of an employer.

    Args:
        condensat: the hash of its `state`.
        navigateur: the hash of the cookie of the browser that asked.
        demande: the query of the request that the sign-in is for; `acr` is how many factors it asks for.
        compte: the account to link.
    """

    condensat: str
    employeur: str
    navigateur: str
    but: But
    demande: str
    acr: int
    fraicheur: Fraicheur
    cree_le: datetime
    expire_le: datetime
    compte: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentiteLiee:
    """An identity of an employer that an account is linked to, by its fingerprint."""

    empreinte: str
    compte: str
    employeur: str
    liee_le: datetime


def _identite(document: Document) -> IdentiteLiee:
    return IdentiteLiee(
        empreinte=document["_id"],
        compte=document["compte"],
        employeur=document["employeur"],
        liee_le=document["liee_le"],
    )


def _demande(document: Document) -> DemandeEmployeur:
    return DemandeEmployeur(
        condensat=document["_id"],
        employeur=document["employeur"],
        navigateur=document["navigateur"],
        but=But(document["but"]),
        demande=document["demande"],
        acr=document["acr"],
        fraicheur=Fraicheur(depuis=document["depuis"], nouvelle=document["nouvelle"]),
        cree_le=document["cree_le"],
        expire_le=document["expire_le"],
        compte=document.get("compte"),
    )


async def find_identite(database: Database, empreinte: str) -> IdentiteLiee | None:
    """The link of that identity."""
    document = await database[IDENTITES.name].find_one({"_id": empreinte})
    return None if document is None else _identite(document)


async def identites_of(database: Database, compte: str) -> Sequence[IdentiteLiee]:
    """The identities that an account is linked to."""
    return [_identite(document) for document in await database[IDENTITES.name].find({"compte": compte}).to_list(None)]


@dataclass(frozen=True, slots=True)
class Identites:
    """The identities within a transaction, and what was asked of employers."""

    transaction: Transaction

    async def ask(self, demande: DemandeEmployeur) -> None:
        """Keep what is asked, to know its answer by."""
        row = {
            "_id": demande.condensat,
            "employeur": demande.employeur,
            "navigateur": demande.navigateur,
            "but": demande.but,
            "demande": demande.demande,
            "acr": demande.acr,
            "depuis": demande.fraicheur.depuis,
            "nouvelle": demande.fraicheur.nouvelle,
            "cree_le": demande.cree_le,
            "expire_le": demande.expire_le,
            "utilise_le": None,
        }
        owned = {} if demande.compte is None else {"compte": demande.compte}
        await self.transaction[DEMANDES_EMPLOYEUR.name].insert_one(row | owned, session=self.transaction.session)

    async def answered(self, condensat: str, *, now: datetime) -> DemandeEmployeur | None:
        """Use what was asked; None when nothing was, when that has expired, or was answered before."""
        row = await use(self.transaction, DEMANDES_EMPLOYEUR, condensat, now=now)
        return None if row is None else _demande(row)

    async def link(self, identite: IdentiteLiee) -> bool:
        """Link an identity; False when it is linked already, or the account has another of the same employer."""
        row = {"compte": identite.compte, "employeur": identite.employeur, "liee_le": identite.liee_le}
        collection, session = self.transaction[IDENTITES.name], self.transaction.session
        theirs = {"compte": identite.compte, "employeur": identite.employeur}
        if await collection.find_one({"$or": [{"_id": identite.empreinte}, theirs]}, session=session) is not None:
            return False
        try:
            await collection.insert_one({"_id": identite.empreinte} | row, session=session)
        except DuplicateKeyError:
            return False
        return True

    async def unlink(self, compte: str, employeur: str) -> bool:
        """Unlink what the account is linked to at an employer; False when that is nothing."""
        result = await self.transaction[IDENTITES.name].delete_one(
            {"compte": compte, "employeur": employeur}, session=self.transaction.session
        )
        return result.deleted_count == 1

    async def unlink_all_of(self, compte: str) -> None:
        """Unlink what the account is linked to, at every employer."""
        await self.transaction[IDENTITES.name].delete_many({"compte": compte}, session=self.transaction.session)
