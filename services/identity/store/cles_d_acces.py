"""Passkeys, as they are kept: public keys, by the hash of their identifier."""

from dataclasses import dataclass
from datetime import datetime

from pymongo.errors import DuplicateKeyError

from kit.mongo import Collection, Database, Document, Index, Transaction
from services.identity.domain.cles_d_acces import Cle, CleInconnue

CLES = Collection(
    name="cles_d_acces",
    required={
        "compte": "string",
        "identifiant": "binData",
        "publique": "binData",
        "compteur": ["int", "long"],
        "transports": "array",
        "modele": "string",
        "nom": "string",
        "cree_le": "date",
        "servie_le": ["date", "null"],
    },
    indexes=(Index(keys={"compte": 1}),),
    purpose="vérifier les clés d'accès de la personne : leurs clés publiques, sous le nom qu'elle leur a donné",
    readers="la personne",
    kept="jusqu'à ce que la personne la retire, et au plus aussi longtemps que le compte",
)


def _document(cle: Cle) -> Document:
    return {
        "_id": cle.id,
        "compte": cle.compte,
        "identifiant": cle.identifiant,
        "publique": cle.publique,
        "compteur": cle.compteur,
        "transports": list(cle.transports),
        "modele": cle.modele,
        "nom": cle.nom,
        "cree_le": cle.cree_le,
        "servie_le": cle.servie_le,
    }


def _cle(document: Document) -> Cle:
    return Cle(
        id=document["_id"],
        compte=document["compte"],
        identifiant=document["identifiant"],
        publique=document["publique"],
        compteur=document["compteur"],
        transports=tuple(document["transports"]),
        modele=document["modele"],
        nom=document["nom"],
        cree_le=document["cree_le"],
        servie_le=document["servie_le"],
    )


async def list_cles(database: Database, compte: str) -> list[Cle]:
    """The keys of an account, the oldest first."""
    rows = database[CLES.name].find({"compte": compte}).sort([("cree_le", 1), ("_id", 1)])
    return [_cle(row) for row in await rows.to_list(None)]


async def has_cles(database: Database, compte: str) -> bool:
    """Whether the account has a key."""
    return await database[CLES.name].find_one({"compte": compte}, ["_id"]) is not None


async def find_cle(database: Database, id: str) -> Cle | None:
    """The key that is kept under that hash."""
    row = await database[CLES.name].find_one({"_id": id})
    return None if row is None else _cle(row)


@dataclass(frozen=True, slots=True)
class Cles:
    """The passkeys within a transaction."""

    transaction: Transaction

    async def count(self, compte: str) -> int:
        where = {"compte": compte}
        return await self.transaction[CLES.name].count_documents(where, session=self.transaction.session)

    async def add(self, cle: Cle) -> bool:
        """Keep a key; False where one of that identifier is kept already, whoever's."""
        try:
            await self.transaction[CLES.name].insert_one(_document(cle), session=self.transaction.session)
        except DuplicateKeyError:
            return False
        return True

    async def rename(self, compte: str, id: str, nom: str) -> None:
        """Give a key another name.

        Raises:
            CleInconnue: the account has no such key.
        """
        result = await self.transaction[CLES.name].update_one(
            {"_id": id, "compte": compte}, {"$set": {"nom": nom}}, session=self.transaction.session
        )
        if result.matched_count == 0:
            raise CleInconnue

    async def remove(self, compte: str, id: str) -> None:
        """Forget a key.

        Raises:
            CleInconnue: the account has no such key.
        """
        where = {"_id": id, "compte": compte}
        result = await self.transaction[CLES.name].delete_one(where, session=self.transaction.session)
        if result.deleted_count == 0:
            raise CleInconnue

    async def remove_all_of(self, compte: str) -> None:
        """Forget every key of an account."""
        await self.transaction[CLES.name].delete_many({"compte": compte}, session=self.transaction.session)

    async def serve(self, cle: Cle, compteur: int, *, now: datetime) -> bool:
        """Note that a key signed, and its counter; False where it signed otherwise meanwhile, or is no more."""
        result = await self.transaction[CLES.name].update_one(
            {"_id": cle.id, "compte": cle.compte, "compteur": cle.compteur},
            {"$set": {"compteur": compteur, "servie_le": now}},
            session=self.transaction.session,
        )
        return result.matched_count == 1
