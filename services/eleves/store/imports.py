"""Imports, as they are kept. They are no event: nobody else is told."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from pymongo.errors import BulkWriteError

from kit.errors import Conflict
from kit.mongo import Collection, Database, Document, Index, Transaction
from kit.mongo.aggregates import Aggregates, Kind
from kit.mongo.files import Files, collections
from kit.versions import Version
from services.eleves.encours import Encours, weight
from services.eleves.imports import EtatImport, Fichier, ImportSiecle, Travail
from services.eleves.siecle.changements import Nature
from services.eleves.store.rapports import rapport_document, read_rapport

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
    optional={"place": "string"},
    indexes=(
        Index(keys={"session": 1, "uai": 1, "_id": -1}),
        Index(keys={"etat": 1, "depose_le": 1}),
        Index(keys={"fichiers.id": 1}),
        Index(keys={"session": 1, "travail.jusqu_a": 1}),
        # One at a time for a school: two would both make its new students.
        Index(keys={"session": 1, "uai": 1}, unique=True, where={"etat": EtatImport.EN_COURS.value}),
        # Of those who ask for deposits at once, none gets more than there are places.
        Index(keys={"place": 1}, unique=True, where={"place": {"$exists": True}}),
    ),
    purpose="suivre les envois de fichiers SIECLE et dire ce qu'ils ont changé",
    readers=_READERS,
    kept="la session",
)
BUCKET = "envois"
_DUPLICATE_KEY = 11000
_AT_ONCE = 100
"""≈ ours: deposits that are ended before imports have their turn again."""

ENVOIS = collections(
    BUCKET, purpose="les fichiers SIECLE tels qu'ils ont été envoyés", readers="le service", kept="30 jours"
)


def open_files(database: Database) -> Files:
    """Where the files that schools send are kept."""
    return Files(database, BUCKET)


def _document(held: ImportSiecle) -> Document:
    place = f"{held.session}/{held.uai}/{held.compte}/{held.place}"
    return ({} if held.place is None else {"place": place}) | {
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
        "rapport": held.rapport and rapport_document(held.rapport),
        "refus": held.refus and {"code": held.refus[0], "message": held.refus[1]},
    }


def _travail_document(travail: Travail) -> Document:
    return {
        "titulaire": travail.titulaire,
        "jusqu_a": travail.jusqu_a,
        "essais": travail.essais,
        "appliques": {nature.value: count for nature, count in travail.appliques.items()},
        "arrives": sorted(travail.arrives),
        "total": travail.total,
        "cedees": dict(travail.cedees),
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
        place=_place(document),
        depose_le=document["depose_le"],
        en_retard=document["en_retard"],
        vivier_gele=document["vivier_gele"],
        trace=document["trace"],
        travail=travail and _travail(travail),
        rapport=rapport and read_rapport(rapport),
        refus=refus and (refus["code"], refus["message"]),
    )


def _place(document: Document) -> int | None:
    place = document.get("place")
    return None if place is None else int(place.rpartition("/")[2])


def _travail(held: Document) -> Travail:
    return Travail(
        titulaire=held["titulaire"],
        jusqu_a=held["jusqu_a"],
        essais=held["essais"],
        appliques={Nature(nature): count for nature, count in held["appliques"].items()},
        arrives=frozenset(held.get("arrives", ())),
        total=held["total"],
        cedees=held["cedees"],
    )


_IMPORT = Kind(collection=IMPORTS.name, document=_document, aggregate=_import)


class Imports(Aggregates[ImportSiecle]):
    """The imports within a transaction."""

    def __init__(self, transaction: Transaction, generation: int) -> None:
        super().__init__(transaction, _IMPORT, generation)

    async def get(self, id: str) -> ImportSiecle:
        """The import of that id, which exists."""
        return (await self.find([id]))[id]

    async def encours(self, held: ImportSiecle, *, since: datetime) -> Encours:
        """What its account has waiting for its school, and the weight of what was announced since then and is kept or
        awaited for that school.
        """
        where = {"session": held.session, "uai": held.uai, "demande_le": {"$gt": since}}
        cursor = self.transaction[IMPORTS.name].find(
            where, session=self.transaction.session, projection=["compte", "etat", "place", "fichiers"]
        )
        places, octets = set(), 0
        for document in await cursor.to_list(None):
            place, awaited = _place(document), document["etat"] == EtatImport.ATTENDU
            if place is not None and document["compte"] == held.compte:
                places.add(place)
            fichiers = (Fichier(**fichier) for fichier in document["fichiers"])
            octets += weight([fichier for fichier in fichiers if awaited or fichier.contenu is not None])
        return Encours(places=frozenset(places), octets=octets)

    async def open(self, held: ImportSiecle) -> ImportSiecle:
        """Save a deposit that awaits its files.

        Raises:
            Conflict: the same account took its place at this very moment.
        """
        return await self._save_alone(held, "Vous venez de demander un autre envoi au même instant : recommencez.")

    async def next_in_line(self, *, now: datetime) -> ImportSiecle | None:
        """The oldest one that nobody works at, of a school that has no other under way."""
        collection, session = self.transaction[IMPORTS.name], self.transaction.session
        under_way = collection.find({"etat": EtatImport.EN_COURS}, session=session, projection=["session", "uai"])
        busy = [{"session": d["session"], "uai": d["uai"]} for d in await under_way.to_list(None)]
        free = _ready() | ({"$nor": busy} if busy else {})
        found = collection.find({"$or": [free, _abandoned(now)]}, session=session)
        documents = await found.sort("depose_le", 1).limit(1).to_list(1)
        return _IMPORT.read(documents[0]) if documents else None

    async def take(self, held: ImportSiecle) -> ImportSiecle:
        """Save one that a process has just taken.

        Raises:
            Conflict: another of the same school was taken at this very moment.
        """
        return await self._save_alone(held, "Un autre envoi du même établissement est en cours.")

    async def _save_alone(self, held: ImportSiecle, refusal: str) -> ImportSiecle:
        """Save what a unique index lets one only save."""
        try:
            return await self.save(held)
        except BulkWriteError as error:
            if any(problem["code"] != _DUPLICATE_KEY for problem in error.details["writeErrors"]):
                raise
            raise Conflict(refusal) from error


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


async def others_at_work(database: Database, held: ImportSiecle, *, since: datetime) -> Mapping[str, int]:
    """The other imports of its session that may be at work, or were so since then, with their versions (id to rank).

    The version of an import grows in the very transaction that changes its students. It says that it is at work until
    twenty seconds from then (`BAIL`), so that one that changes students after `since` is found even when its clock is
    slow by ten seconds, and its transaction takes the ten that it may.
    """
    at_work = database[IMPORTS.name].find({"session": held.session, "travail.jusqu_a": {"$gt": since}}, {"version": 1})
    found = {document["_id"]: document["version"] for document in await at_work.to_list(None)}
    found.pop(held.id, None)
    return found


async def list_overdue(database: Database, *, now: datetime) -> Sequence[str]:
    """The deposits that still await files though the time for them is over: some of them, where there are many."""
    over = database[IMPORTS.name].find({"etat": EtatImport.ATTENDU, "expire_le": {"$lte": now}}, projection=["_id"])
    return [document["_id"] for document in await over.to_list(_AT_ONCE)]


async def list_imports(
    database: Database, *, session: int, uai: str, first: int, after: str | None
) -> tuple[Sequence[ImportSiecle], int]:
    """The imports of a school, the last first, after the one of that id; and how many there are in all."""
    where: Document = {"session": session, "uai": uai}
    page = where if after is None else where | {"_id": {"$lt": after}}
    cursor = database[IMPORTS.name].find(page).sort("_id", -1).limit(first + 1)
    rows = [_IMPORT.read(document) for document in await cursor.to_list(first + 1)]
    return rows, await database[IMPORTS.name].count_documents(where)
