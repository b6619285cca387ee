"""What `rapports` keeps. The only module of this service with MongoDB's words."""

from collections.abc import Iterable
from dataclasses import dataclass

from kit.consumer.projections import GONE, projection
from kit.mongo import Database, Document, Index
from kit.mongo.migrations import Layout
from proto.offre.v1 import offre_pb2
from services.rapports.domain import Formation
from socle.projections import habilitations

FORMATIONS = projection(
    "formations",
    fields={
        "session": "int",
        "uai": "string",
        "academie": "string",
        "libelle": "string",
        "capacite": "int",
        "apprentissage": "bool",
    },
    indexes=(Index(keys={"session": 1, "uai": 1}),),
    purpose="savoir de quelles formations un rapport est dû",
    readers="le service",
    kept="la session et son archive",
)
LAYOUT = Layout(collections=(FORMATIONS, *habilitations.COLLECTIONS))


def formation_document(message: offre_pb2.Formation) -> Document:
    """What is kept of a formation as `offre` publishes it."""
    return {
        "session": message.session,
        "uai": message.uai,
        "academie": message.academie,
        "libelle": message.libelle,
        "capacite": message.capacite,
        "apprentissage": message.apprentissage,
    }


@dataclass(frozen=True, slots=True)
class Reads:
    """What is read outside a transaction."""

    database: Database

    async def formations(self, ids: Iterable[str]) -> dict[str, Formation]:
        """Those of `ids` that exist, by id."""
        cursor = self.database[FORMATIONS.name].find({"_id": {"$in": list(ids)}, GONE: {"$exists": False}})
        return {document["_id"]: _formation(document) for document in await cursor.to_list(None)}


def _formation(document: Document) -> Formation:
    return Formation(
        id=document["_id"],
        session=document["session"],
        uai=document["uai"],
        academie=document["academie"],
        libelle=document["libelle"],
        capacite=document["capacite"],
        apprentissage=document["apprentissage"],
    )
