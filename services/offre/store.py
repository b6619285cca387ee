"""Where the offer is kept. The only module of this service with MongoDB's words."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from kit.mongo import Collection, Database, Document, Index, Transaction, Transactor
from kit.mongo.aggregates import Aggregates, Kind
from kit.mongo.migrations import Layout
from kit.outbox import rows
from kit.versions import Version
from proto.offre.v1 import offre_pb2
from services.offre.domain import Accueil, Etablissement, Formation, Origine, Position, Secteur
from socle.formations import TypeFormation
from socle.projections import habilitations

_PURPOSE = "l'offre de formation, publiée"
_READERS = "toute personne connectée ; les autres services par les événements"
_KEPT = "la session et son archive"

ETABLISSEMENTS = Collection(
    name="etablissements",
    required={"version": "long", "origine": ["object", "null"], "accueil": ["object", "null"]},
    purpose=_PURPOSE,
    readers=_READERS,
    kept=_KEPT,
)
FORMATIONS = Collection(
    name="formations",
    required={
        "version": "long",
        "session": "int",
        "code": "string",
        "uai": "string",
        "academie": "string",
        "libelle": "string",
        "type": "string",
        "selective": "bool",
        "capacite": "int",
        "position": ["object", "null"],
        "apprentissage": "bool",
    },
    indexes=(Index(keys={"session": 1, "uai": 1, "libelle": 1, "_id": 1}),),
    purpose=_PURPOSE,
    readers=_READERS,
    kept=_KEPT,
)
LAYOUT = Layout(collections=(rows.OUTBOX, ETABLISSEMENTS, FORMATIONS, *habilitations.COLLECTIONS))


def _etablissement_document(etablissement: Etablissement) -> Document:
    origine, accueil = etablissement.origine, etablissement.accueil
    return {
        "origine": origine
        and {
            "nom": origine.nom,
            "academie": origine.academie,
            "commune": origine.commune,
            "secteur": origine.secteur,
        },
        "accueil": accueil and {"nom": accueil.nom, "academie": accueil.academie, "secteur": accueil.secteur},
    }


def _etablissement(uai: str, version: Version, document: Document) -> Etablissement:
    origine, accueil = document["origine"], document["accueil"]
    return Etablissement(
        uai=uai,
        version=version,
        origine=origine
        and Origine(
            nom=origine["nom"],
            academie=origine["academie"],
            commune=origine["commune"],
            secteur=_secteur(origine["secteur"]),
        ),
        accueil=accueil
        and Accueil(nom=accueil["nom"], academie=accueil["academie"], secteur=_secteur(accueil["secteur"])),
    )


def _secteur(value: str | None) -> Secteur | None:
    return None if value is None else Secteur(value)


def _publish_etablissement(etablissement: Etablissement) -> tuple[str, offre_pb2.Etablissement]:
    return "offre.etablissements.v1", offre_pb2.Etablissement(
        uai=etablissement.uai,
        nom=etablissement.nom,
        academie=etablissement.academie,
        commune=etablissement.origine.commune or "" if etablissement.origine else "",
        secteur=etablissement.secteur or "",
        origine=etablissement.origine is not None,
        accueil=etablissement.accueil is not None,
    )


def _formation_document(formation: Formation) -> Document:
    position = formation.position
    return {
        "session": formation.session,
        "code": formation.code,
        "uai": formation.uai,
        "academie": formation.academie,
        "libelle": formation.libelle,
        "type": formation.type,
        "selective": formation.selective,
        "capacite": formation.capacite,
        "position": position and {"latitude": position.latitude, "longitude": position.longitude},
        "apprentissage": formation.apprentissage,
    }


def _formation(_id: str, version: Version, document: Document) -> Formation:
    position = document["position"]
    return Formation(
        session=document["session"],
        code=document["code"],
        uai=document["uai"],
        academie=document["academie"],
        libelle=document["libelle"],
        type=TypeFormation(document["type"]),
        selective=document["selective"],
        capacite=document["capacite"],
        position=position and Position(position["latitude"], position["longitude"]),
        apprentissage=document["apprentissage"],
        version=version,
    )


def _publish_formation(formation: Formation) -> tuple[str, offre_pb2.Formation]:
    return "offre.formations.v1", offre_pb2.Formation(
        id=formation.id,
        session=formation.session,
        code=formation.code,
        uai=formation.uai,
        academie=formation.academie,
        libelle=formation.libelle,
        type=formation.type,
        selective=formation.selective,
        capacite=formation.capacite,
        apprentissage=formation.apprentissage,
    )


_ETABLISSEMENT = Kind(
    collection=ETABLISSEMENTS.name,
    document=_etablissement_document,
    aggregate=_etablissement,
    publish=(_publish_etablissement,),
)
_FORMATION = Kind(
    collection=FORMATIONS.name,
    document=_formation_document,
    aggregate=_formation,
    publish=(_publish_formation,),
)


class Work:
    """The stores of one transaction."""

    def __init__(self, transaction: Transaction, generation: int) -> None:
        self.etablissements = Aggregates(transaction, _ETABLISSEMENT, generation)
        self.formations = Aggregates(transaction, _FORMATION, generation)


def transactor(
    database: Database, *, generation: int, committed: Callable[[], None] = lambda: None
) -> Transactor[Work]:
    """Runs bodies over `Work`, and says `committed` when they publish; without it the relay's next sweep sends."""
    return Transactor(
        database=database,
        work=lambda transaction: Work(transaction, generation),
        write_outbox=partial(rows.write, source="offre"),
        committed=committed,
    )


@dataclass(frozen=True, slots=True)
class Page[T]:
    """Rows of a list, one more than asked for when there are more, and how many there are in all."""

    rows: Sequence[T]
    total: int


@dataclass(frozen=True, slots=True)
class Reads:
    """What is read outside a transaction."""

    database: Database

    async def etablissements(self, uais: Iterable[str]) -> dict[str, Etablissement]:
        cursor = self.database[ETABLISSEMENTS.name].find({"_id": {"$in": list(uais)}})
        return {d["_id"]: _ETABLISSEMENT.read(d) for d in await cursor.to_list(None)}

    async def formations(self, ids: Iterable[str]) -> dict[str, Formation]:
        cursor = self.database[FORMATIONS.name].find({"_id": {"$in": list(ids)}})
        return {d["_id"]: _FORMATION.read(d) for d in await cursor.to_list(None)}

    async def formations_of(
        self, uai: str, session: int, *, first: int, after: tuple[str, str] | None
    ) -> Page[Formation]:
        """The formations of an establishment by label, after the row (label, id)."""
        collection = self.database[FORMATIONS.name]
        of = {"session": session, "uai": uai}
        where: Document = dict(of)
        if after is not None:
            libelle, formation = after
            where["$or"] = [{"libelle": {"$gt": libelle}}, {"libelle": libelle, "_id": {"$gt": formation}}]
        cursor = collection.find(where).sort([("libelle", 1), ("_id", 1)]).limit(first + 1)
        found = [_FORMATION.read(d) for d in await cursor.to_list(first + 1)]
        return Page(found, await collection.count_documents(of))
