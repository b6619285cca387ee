"""Exports of the audit trail that were asked for, as they are kept: fetched once, within ten minutes."""

from dataclasses import dataclass
from datetime import datetime

from kit.mongo import Collection, Database, Document, Index, Transaction
from services.identity.domain.audit import Acte, Issue, Recherche
from services.identity.domain.exports import Export, Format
from services.identity.store.usage_unique import EXPIRATION, UTILISE_LE, use

EXPORTS = Collection(
    name="exports",
    required={
        "compte": "string",
        "format": "string",
        "recherche": "object",
        "demande_le": "date",
        "expire_le": "date",
        "utilise_le": ["date", "null"],
    },
    indexes=(EXPIRATION, Index(keys={"compte": 1})),
    serves_until=UTILISE_LE,
    purpose="exports du journal demandés, et ce qu'ils cherchent ; le fichier lui-même n'est pas gardé",
    readers="identity",
    kept="un jour après leurs dix minutes de validité",
)


def _recherche(document: Document) -> Recherche:
    acte, issue = document.get("acte"), document.get("issue")
    return Recherche(
        uai=document.get("uai"),
        compte=document.get("compte"),
        acte=None if acte is None else Acte(acte),
        issue=None if issue is None else Issue(issue),
        depuis=document.get("depuis"),
        jusqu_au=document.get("jusqu_au"),
    )


def _recherche_document(recherche: Recherche) -> Document:
    said = {
        "uai": recherche.uai,
        "compte": recherche.compte,
        "acte": recherche.acte,
        "issue": recherche.issue,
        "depuis": recherche.depuis,
        "jusqu_au": recherche.jusqu_au,
    }
    return {name: value for name, value in said.items() if value is not None}


def _waiting(now: datetime) -> Document:
    return {"utilise_le": None, "expire_le": {"$gt": now}}


async def find_export(database: Database, id: str, *, compte: str, now: datetime) -> Export | None:
    """The export that this account asked for; None when it was fetched, has expired, or is another's."""
    row = await database[EXPORTS.name].find_one({"_id": id, "compte": compte, **_waiting(now)})
    if row is None:
        return None
    return Export(
        id=row["_id"],
        compte=row["compte"],
        format=Format(row["format"]),
        recherche=_recherche(row["recherche"]),
        demande_le=row["demande_le"],
        expire_le=row["expire_le"],
    )


@dataclass(frozen=True, slots=True)
class Exports:
    """The exports within a transaction."""

    transaction: Transaction

    async def open(self, export: Export) -> None:
        """Keep an export until it is fetched."""
        await self.transaction[EXPORTS.name].insert_one(
            {
                "_id": export.id,
                "compte": export.compte,
                "format": export.format,
                "recherche": _recherche_document(export.recherche),
                "demande_le": export.demande_le,
                "expire_le": export.expire_le,
                "utilise_le": None,
            },
            session=self.transaction.session,
        )

    async def count_waiting(self, compte: str, *, now: datetime) -> int:
        """How many an account has not fetched yet."""
        return await self.transaction[EXPORTS.name].count_documents(
            {"compte": compte, **_waiting(now)}, session=self.transaction.session
        )

    async def use(self, id: str, *, now: datetime) -> bool:
        """Fetch it; False when it is no longer, or was fetched before."""
        return await use(self.transaction, EXPORTS, id, now=now) is not None
