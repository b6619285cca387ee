"""Which académie an establishment belongs to: a projection of what `offre` publishes."""

from collections.abc import Iterable, Mapping

from kit.consumer.projections import GONE, projection
from kit.mongo import Database, Document, Index
from proto.offre.v1 import offre_pb2
from socle.academies import academie_by_slug
from socle.principal import Lieu

ETABLISSEMENTS = projection(
    "etablissements",
    fields={"academie": "string"},
    indexes=(Index(keys={"academie": 1}),),
    purpose="savoir de quelle académie dépend un établissement, pour décider qui y gère les droits",
    readers="identity",
    kept="aussi longtemps que l'établissement est dans l'offre",
)


def etablissement_document(message: offre_pb2.Etablissement) -> Document:
    """What is kept of an establishment."""
    return {"academie": message.academie}


async def find_lieu(database: Database, uai: str) -> Lieu | None:
    """Where this establishment is; None when `offre` does not know it, or not yet."""
    return (await find_lieux(database, [uai])).get(uai)


async def find_lieux(database: Database, uais: Iterable[str]) -> dict[str, Lieu]:
    """Where these establishments are, of those that `offre` knows."""
    where = {"_id": {"$in": sorted(uais)}, GONE: {"$exists": False}}
    rows = await database[ETABLISSEMENTS.name].find(where, projection=["academie"]).to_list(None)
    return {row["_id"]: _lieu(row["_id"], row["academie"]) for row in rows}


def _lieu(uai: str, slug: str) -> Lieu:
    return Lieu(uai=uai, academie=slug, region_academique=academie_by_slug(slug).region_academique)


async def academies_of(database: Database, uais: Iterable[str]) -> frozenset[str]:
    """The académies of these establishments, of those that `offre` knows."""
    return frozenset((await academies_by_uai(database, uais)).values())


async def academies_by_uai(database: Database, uais: Iterable[str]) -> Mapping[str, str]:
    """The académie of each of these establishments, of those that `offre` knows."""
    where = {"_id": {"$in": sorted(uais)}, GONE: {"$exists": False}}
    rows = await database[ETABLISSEMENTS.name].find(where, projection=["academie"]).to_list(None)
    return {row["_id"]: row["academie"] for row in rows}


async def uais_of(database: Database, academies: Iterable[str]) -> frozenset[str]:
    """The establishments of these académies."""
    where = {"academie": {"$in": list(academies)}, GONE: {"$exists": False}}
    rows = await database[ETABLISSEMENTS.name].find(where, projection=["_id"]).to_list(None)
    return frozenset(row["_id"] for row in rows)
