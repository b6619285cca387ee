"""Keys made by identity, as they are kept: sealed under the master key."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pymongo.errors import DuplicateKeyError

from kit.mongo import Collection, Database, Index
from services.identity.coffre import Scelle
from services.identity.store.facteurs import read_scelle, scelle_document

CLES = Collection(
    name="cles",
    required={"usage": "string", "rang": "int", "scelle": "object", "creee_le": "date"},
    indexes=(Index(keys={"usage": 1, "rang": 1}, unique=True),),
    purpose="signer les jetons et calculer les empreintes ; chiffrées sous CLE_MAITRE",
    readers="identity",
    kept="aussi longtemps que ce qu'elles ont signé",
)


class Usage(StrEnum):
    """What a key is for."""

    SIGNATURE = "SIGNATURE"
    EMPREINTES = "EMPREINTES"


@dataclass(frozen=True, slots=True, kw_only=True)
class CleScellee:
    """A key of one use; of those of the same use, the one of the highest rank is current."""

    id: str
    usage: Usage
    rang: int
    scelle: Scelle
    creee_le: datetime


async def read_cles(database: Database) -> list[CleScellee]:
    """Every key, the oldest of each use first."""
    documents = await database[CLES.name].find({}).sort([("usage", 1), ("rang", 1)]).to_list(None)
    return [
        CleScellee(
            id=document["_id"],
            usage=Usage(document["usage"]),
            rang=document["rang"],
            scelle=read_scelle(document["scelle"]),
            creee_le=document["creee_le"],
        )
        for document in documents
    ]


async def add_cle(database: Database, cle: CleScellee) -> bool:
    """Keep a key; False when one of that use and rank is there already, made by another process."""
    try:
        await database[CLES.name].insert_one(
            {
                "_id": cle.id,
                "usage": cle.usage,
                "rang": cle.rang,
                "scelle": scelle_document(cle.scelle),
                "creee_le": cle.creee_le,
            }
        )
    except DuplicateKeyError:
        return False
    return True
