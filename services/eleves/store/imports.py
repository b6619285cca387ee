"""Imports, as they are kept. They are no event: nobody else is told."""

from collections.abc import Sequence
from datetime import datetime

from pymongo.errors import BulkWriteError

from kit.errors import Conflict
from kit.mongo import Collection, Database, Document, Index, Transaction
from kit.mongo.aggregates import Aggregates, Kind
from kit.mongo.files import Files, collections
from kit.versions import Version
from services.eleves.domain import TypeTache
from services.eleves.imports import EtatImport, Fichier, ImportSiecle, Travail
from services.eleves.rapport import Rapport
from services.eleves.siecle.changements import Nature
from services.eleves.siecle.compte_rendu import Avertissement, CodeAvertissement, CodeRejet, Rejet

_READERS = "qui a le droit SIECLE de l'établissement"
IMPORTS = Collection(
    name="imports",
    required={
        "version": "long",
        "session": "int",
        "uai": "string",
        "academie": "string",
        "compte": "string",
        "fichiers": "array",
        "demande_le": "date",
        "expire_le": "date",
        "etat": "string",
        "depose_le": ["date", "null"],
        "en_retard": "bool",
        "vivier_gele": "bool",
        "trace": "object",
        "travail": ["object", "null"],
        "rapport": ["object", "null"],
        "refus": ["object", "null"],
    },
    indexes=(
        Index(keys={"session": 1, "uai": 1, "_id": -1}),
        Index(keys={"etat": 1, "depose_le": 1}),
        Index(keys={"fichiers.id": 1}),
        # One at a time for a school: two would both make its new students.
        Index(keys={"session": 1, "uai": 1}, unique=True, where={"etat": EtatImport.EN_COURS.value}),
    ),
    purpose="suivre les envois de fichiers SIECLE et dire ce qu'ils ont changé",
    readers=_READERS,
    kept="la session",
)
BUCKET = "envois"
_DUPLICATE_KEY = 11000
ENVOIS = collections(
    BUCKET, purpose="les fichiers SIECLE tels qu'ils ont été envoyés", readers="le service", kept="30 jours"
)


def open_files(database: Database) -> Files:
    """Where the files that schools send are kept."""
    return Files(database, BUCKET)


def _document(held: ImportSiecle) -> Document:
    return {
        "session": held.session,
        "uai": held.uai,
        "academie": held.academie,
        "compte": held.compte,
        "fichiers": [
            {"id": f.id, "nom": f.nom, "taille": f.taille, "sha256": f.sha256, "contenu": f.contenu}
            for f in held.fichiers
        ],
        "demande_le": held.demande_le,
        "expire_le": held.expire_le,
        "etat": held.etat,
        "depose_le": held.depose_le,
        "en_retard": held.en_retard,
        "vivier_gele": held.vivier_gele,
        "trace": dict(held.trace),
        "travail": held.travail and _travail_document(held.travail),
        "rapport": held.rapport and _rapport_document(held.rapport),
        "refus": held.refus and {"code": held.refus[0], "message": held.refus[1]},
    }


def _travail_document(travail: Travail) -> Document:
    return {
        "titulaire": travail.titulaire,
        "jusqu_a": travail.jusqu_a,
        "essais": travail.essais,
        "appliques": {nature.value: count for nature, count in travail.appliques.items()},
        "total": travail.total,
        "cedees": dict(travail.cedees),
    }


_COMPTES = (
    "lignes",
    "acceptees",
    "nouveaux",
    "arrives",
    "modifies",
    "inchanges",
    "partis",
    "rejetees",
    "ecartees",
    "deja_partis",
)


def _rapport_document(rapport: Rapport) -> Document:
    return {
        **{name: getattr(rapport, name) for name in _COMPTES},
        "rejets": [[r.ligne, r.eleve, r.champ, r.code.value, r.raison] for r in rapport.rejets],
        "avertissements": [[a.ligne, a.eleve, a.champ, a.code.value, a.raison] for a in rapport.avertissements],
        "taches": {tache.value: count for tache, count in rapport.taches.items()},
    }


def _import(id: str, version: Version, document: Document) -> ImportSiecle:
    travail, rapport, refus = document["travail"], document["rapport"], document["refus"]
    return ImportSiecle(
        id=id,
        version=version,
        session=document["session"],
        uai=document["uai"],
        academie=document["academie"],
        compte=document["compte"],
        fichiers=tuple(Fichier(**fichier) for fichier in document["fichiers"]),
        demande_le=document["demande_le"],
        expire_le=document["expire_le"],
        etat=EtatImport(document["etat"]),
        depose_le=document["depose_le"],
        en_retard=document["en_retard"],
        vivier_gele=document["vivier_gele"],
        trace=document["trace"],
        travail=travail and _travail(travail),
        rapport=rapport and _rapport(rapport),
        refus=refus and (refus["code"], refus["message"]),
    )


def _travail(held: Document) -> Travail:
    return Travail(
        titulaire=held["titulaire"],
        jusqu_a=held["jusqu_a"],
        essais=held["essais"],
        appliques={Nature(nature): count for nature, count in held["appliques"].items()},
        total=held["total"],
        cedees=held["cedees"],
    )


def _rapport(held: Document) -> Rapport:
    return Rapport(
        **{name: held[name] for name in _COMPTES},
        rejets=tuple(
            Rejet(ligne=ligne, eleve=eleve, champ=champ, code=CodeRejet(code), raison=raison)
            for ligne, eleve, champ, code, raison in held["rejets"]
        ),
        avertissements=tuple(
            Avertissement(ligne=ligne, eleve=eleve, champ=champ, code=CodeAvertissement(code), raison=raison)
            for ligne, eleve, champ, code, raison in held["avertissements"]
        ),
        taches={TypeTache(tache): count for tache, count in held["taches"].items()},
    )


_IMPORT = Kind(collection=IMPORTS.name, document=_document, aggregate=_import)


class Imports(Aggregates[ImportSiecle]):
    """The imports within a transaction."""

    def __init__(self, transaction: Transaction, generation: int) -> None:
        super().__init__(transaction, _IMPORT, generation)

    async def get(self, id: str) -> ImportSiecle:
        """The import of that id, which exists."""
        return (await self.find([id]))[id]

    async def next_in_line(self, *, now: datetime) -> ImportSiecle | None:
        """The oldest one that nobody works at, of a school that has no other under way."""
        collection, session = self.transaction[IMPORTS.name], self.transaction.session
        under_way = collection.find({"etat": EtatImport.EN_COURS}, session=session, projection=["session", "uai"])
        busy = [{"session": d["session"], "uai": d["uai"]} for d in await under_way.to_list(None)]
        free = _ready() | ({"$nor": busy} if busy else {})
        found = collection.find({"$or": [free, _abandoned(now)]}, session=session, projection=["_id"])
        documents = await found.sort("depose_le", 1).limit(1).to_list(1)
        return await self.get(documents[0]["_id"]) if documents else None

    async def take(self, held: ImportSiecle) -> ImportSiecle:
        """Save one that a process has just taken.

        Raises:
            Conflict: another of the same school was taken at this very moment.
        """
        try:
            return await self.save(held)
        except BulkWriteError as error:
            if any(problem["code"] != _DUPLICATE_KEY for problem in error.details["writeErrors"]):
                raise
            raise Conflict("Un autre envoi du même établissement est en cours.") from error


def _ready() -> Document:
    return {"etat": EtatImport.RECU}


def _abandoned(now: datetime) -> Document:
    return {"etat": EtatImport.EN_COURS, "travail.jusqu_a": {"$lte": now}}


async def find_import(database: Database, id: str) -> ImportSiecle | None:
    """The import of that id."""
    document = await database[IMPORTS.name].find_one({"_id": id})
    return None if document is None else _IMPORT.read(document)


async def find_import_of(database: Database, fichier: str) -> ImportSiecle | None:
    """The import that a file belongs to."""
    document = await database[IMPORTS.name].find_one({"fichiers.id": fichier})
    return None if document is None else _IMPORT.read(document)


async def anyone_waits(database: Database, *, now: datetime) -> bool:
    """Whether some import waits for a process."""
    waiting = {"$or": [_ready(), _abandoned(now)]}
    return await database[IMPORTS.name].find_one(waiting, projection=["_id"]) is not None


async def list_imports(
    database: Database, *, session: int, uai: str, first: int, after: str | None
) -> tuple[Sequence[ImportSiecle], int]:
    """The imports of a school, the last first, after the one of that id; and how many there are in all."""
    where: Document = {"session": session, "uai": uai}
    page = where if after is None else where | {"_id": {"$lt": after}}
    cursor = database[IMPORTS.name].find(page).sort("_id", -1).limit(first + 1)
    rows = [_IMPORT.read(document) for document in await cursor.to_list(first + 1)]
    return rows, await database[IMPORTS.name].count_documents(where)
