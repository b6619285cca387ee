"""The audit trail, as it is kept: lines that nothing changes but their seal, the seals, and apart the addresses."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from kit.errors import Conflict
from kit.mongo import Collection, Database, Document, Index, Transaction
from kit.outbox.events import Event
from kit.versions import Version
from proto.identity.v1 import audit_pb2
from services.identity.condensats import new_secret
from services.identity.domain.audit import (
    Adresse,
    Issue,
    Lecture,
    Lieux,
    LigneAudit,
    Niveau,
    Recherche,
    engage,
    read_acte,
)
from services.identity.domain.sceaux import Sceau, seal

TOPIC = "identity.sceaux.v1"
ADRESSES_GARDEES = timedelta(days=365)
"""« addresses kept 12 months » (architecture §11)."""
LIGNES_PAR_SCEAU = 500
_PAGE_SEALS = 50

AUDIT = Collection(
    name="audit",
    required={
        "le": "date",
        "acte": "string",
        "issue": "string",
        "niveau": "int",
        "uais": "array",
        "academies": "array",
        "acteur": ["string", "null"],
        "cible": ["string", "null"],
        "motif": ["string", "null"],
        "detail": "object",
        "engagement": ["string", "null"],
        "sceau": ["int", "null"],
    },
    indexes=(
        Index(keys={"sceau": 1, "_id": 1}),
        Index(keys={"uais": 1, "_id": 1}),
        Index(keys={"academies": 1, "_id": 1}),
        Index(keys={"acteur": 1, "_id": 1}),
        Index(keys={"cible": 1, "_id": 1}),
    ),
    purpose="savoir qui a fait quoi, sur quoi, quand et avec quelle issue : identifiants opaques seulement",
    readers="l'échelon supérieur, et la personne pour ce qui la concerne",
    kept="aussi longtemps que la plateforme ; l'identifiant y survit au compte, sans nom ni adresse",
)
SCEAUX = Collection(
    name="sceaux",
    required={
        "generation": "int",
        "le": "date",
        "precedent": "string",
        "lignes": "int",
        "condensat": "string",
    },
    purpose="sceller le journal d'audit : chaque sceau tient ses lignes et le sceau d'avant",
    readers="`verifier-audit` ; leurs condensats sont publiés",
    kept="aussi longtemps que le journal",
)
ADRESSES = Collection(
    name="audit_adresses",
    required={"adresse": "string", "sel": "string", "le": "date"},
    indexes=(Index(keys={"le": 1}, expires_after=ADRESSES_GARDEES),),
    purpose="savoir d'où un acte a été fait : adresse IP",
    readers="comme le journal d'audit",
    kept="douze mois",
)


def _document(ligne: LigneAudit) -> Document:
    return {
        "_id": ligne.id,
        "le": ligne.le,
        "acte": ligne.acte,
        "issue": ligne.issue,
        "niveau": int(ligne.niveau),
        "uais": sorted(ligne.lieux.uais),
        "academies": sorted(ligne.lieux.academies),
        "acteur": ligne.acteur,
        "cible": ligne.cible,
        "motif": ligne.motif,
        "detail": dict(ligne.detail),
        "engagement": ligne.engagement,
        "sceau": None,
    }


def _ligne(document: Document) -> LigneAudit:
    return LigneAudit(
        id=document["_id"],
        le=document["le"],
        acte=read_acte(document["acte"]),
        issue=Issue(document["issue"]),
        niveau=Niveau(document["niveau"]),
        lieux=Lieux(uais=frozenset(document["uais"]), academies=frozenset(document["academies"])),
        acteur=document["acteur"],
        cible=document["cible"],
        motif=document["motif"],
        detail=document["detail"],
        engagement=document["engagement"],
    )


def _sceau(document: Document) -> Sceau:
    return Sceau(
        numero=document["_id"],
        generation=document["generation"],
        le=document["le"],
        precedent=document["precedent"],
        lignes=document["lignes"],
        condensat=document["condensat"],
    )


@dataclass(frozen=True, slots=True)
class Journal:
    """The trail within a transaction."""

    transaction: Transaction
    generation: int

    async def append(self, ligne: LigneAudit, *, adresse: str | None) -> None:
        """Add a line; `adresse` is where it came from, kept apart and for its time only."""
        session = self.transaction.session
        if adresse is not None:
            sel = new_secret()
            ligne = replace(ligne, engagement=engage(adresse, sel))
            await self.transaction[ADRESSES.name].insert_one(
                {"_id": ligne.id, "adresse": adresse, "sel": sel, "le": ligne.le}, session=session
            )
        await self.transaction[AUDIT.name].insert_one(_document(ligne), session=session)

    async def seal(self, *, now: datetime) -> Sceau | None:
        """Seal the oldest lines that are not, and publish the hash; None when all are.

        Raises:
            Conflict: another process did at this very moment.
        """
        session, lines = self.transaction.session, self.transaction[AUDIT.name]
        cursor = lines.find({"sceau": None}, session=session).sort("_id", 1).limit(LIGNES_PAR_SCEAU)
        documents = await cursor.to_list(LIGNES_PAR_SCEAU)
        if not documents:
            return None
        last = await self.transaction[SCEAUX.name].find_one({}, sort=[("_id", -1)], session=session)
        sceau = seal(
            [_ligne(document) for document in documents],
            numero=1 if last is None else last["_id"] + 1,
            precedent="" if last is None else last["condensat"],
            generation=self.generation,
            le=now,
        )
        await self._write(sceau, first=documents[0]["_id"], last=documents[-1]["_id"])
        self.transaction.publish(_event(sceau))
        return sceau

    async def _write(self, sceau: Sceau, *, first: str, last: str) -> None:
        session = self.transaction.session
        await self.transaction[SCEAUX.name].insert_one(
            {
                "_id": sceau.numero,
                "generation": sceau.generation,
                "le": sceau.le,
                "precedent": sceau.precedent,
                "lignes": sceau.lignes,
                "condensat": sceau.condensat,
            },
            session=session,
        )
        sealed = await self.transaction[AUDIT.name].update_many(
            {"sceau": None, "_id": {"$gte": first, "$lte": last}}, {"$set": {"sceau": sceau.numero}}, session=session
        )
        if sealed.modified_count != sceau.lignes:
            raise Conflict("Le journal d'audit vient d'être scellé par un autre processus.")


def _event(sceau: Sceau) -> Event:
    stamp = Timestamp()
    stamp.FromDatetime(sceau.le)
    message = audit_pb2.Sceau(
        numero=sceau.numero,
        generation=sceau.generation,
        scelle_le=stamp,
        lignes=sceau.lignes,
        condensat=bytes.fromhex(sceau.condensat),
    )
    return Event(topic=TOPIC, key=sceau.jour, version=Version(sceau.generation, sceau.numero), message=message)


@dataclass(frozen=True, slots=True)
class Scellees:
    """The lines that say they are under a seal, None for one that cannot be read as such; and their addresses."""

    sceau: Sceau
    lignes: Sequence[LigneAudit | None]
    adresses: Mapping[str, Adresse]


async def read_seals(database: Database) -> AsyncIterator[Scellees]:
    """The seals in order, each with its lines."""
    after: Document = {}
    while page := await database[SCEAUX.name].find(after).sort("_id", 1).to_list(_PAGE_SEALS):
        sceaux = [_sceau(document) for document in page]
        under = {
            numero: [_ligne_if_it_is_one(line) for line in lines]
            for numero, lines in (await _lines_under(database, sceaux)).items()
        }
        ids = [ligne.id for lignes in under.values() for ligne in lignes if ligne is not None]
        kept = await _kept_addresses(database, ids)
        for sceau in sceaux:
            yield Scellees(sceau, under[sceau.numero], kept)
        after = {"_id": {"$gt": sceaux[-1].numero}}


async def _lines_under(database: Database, sceaux: Sequence[Sceau]) -> Mapping[int, list[Document]]:
    """The lines under each of these seals: in one read, unless there are more or fewer than there should be."""
    lines, count = database[AUDIT.name], sum(sceau.lignes for sceau in sceaux)
    numbers = {"$gte": sceaux[0].numero, "$lte": sceaux[-1].numero}
    found = await lines.find({"sceau": numbers}).sort([("sceau", 1), ("_id", 1)]).to_list(count + 1)
    under: dict[int, list[Document]] = {sceau.numero: [] for sceau in sceaux}
    if len(found) == count and all(line["sceau"] in under for line in found):
        for line in found:
            under[line["sceau"]].append(line)
        return under
    # One more than a seal may have: however many a forger adds, they are not all read.
    return {
        sceau.numero: await lines.find({"sceau": sceau.numero}).sort("_id", 1).to_list(sceau.lignes + 1)
        for sceau in sceaux
    }


def _ligne_if_it_is_one(document: Document) -> LigneAudit | None:
    try:
        ligne = _ligne(document)
        ligne.digest()
    except (AttributeError, KeyError, TypeError, ValueError):
        # A forger is not held to what a line may say.
        return None
    return ligne


async def _kept_addresses(database: Database, ids: list[str]) -> Mapping[str, Adresse]:
    """The addresses of these lines that are still kept, with their salts."""
    if not ids:
        return {}
    rows = await database[ADRESSES.name].find({"_id": {"$in": ids}}).to_list(len(ids))
    return {row["_id"]: Adresse(str(row.get("adresse")), str(row.get("sel"))) for row in rows}


async def count_astray(database: Database, *, last: int) -> int:
    """How many lines say to be under a seal that is none, `last` being the last that was read."""
    sealed = {"sceau": {"$gte": 1, "$lte": last}}
    count = 0
    async for row in database[AUDIT.name].find({"$nor": [{"sceau": None}, sealed]}, ["sceau"]):
        # Since then others may have been made, each with its lines.
        count += await database[SCEAUX.name].find_one({"_id": row["sceau"]}, ["_id"]) is None
    return count


async def count_unsealed(database: Database, *, before: datetime) -> int:
    """How many lines of before that moment have no seal."""
    return await database[AUDIT.name].count_documents({"sceau": None, "le": {"$lt": before}})


def _readable(lecture: Lecture) -> Document:
    if lecture.tout:
        return {}
    return {
        "$or": [
            {"acteur": lecture.compte},
            {"cible": lecture.compte},
            {"uais": {"$in": sorted(lecture.uais)}, "niveau": {"$lt": int(Niveau.ETABLISSEMENT)}},
            {"academies": {"$in": sorted(lecture.academies)}, "niveau": {"$lt": int(Niveau.ACADEMIE)}},
        ]
    }


def _wanted(recherche: Recherche) -> list[Document]:
    where: list[Document] = []
    if recherche.uai is not None:
        where.append({"uais": recherche.uai})
    if recherche.compte is not None:
        where.append({"$or": [{"acteur": recherche.compte}, {"cible": recherche.compte}]})
    if recherche.acte is not None:
        where.append({"acte": recherche.acte})
    if recherche.issue is not None:
        where.append({"issue": recherche.issue})
    if recherche.depuis is not None:
        where.append({"le": {"$gte": recherche.depuis}})
    if recherche.jusqu_au is not None:
        where.append({"le": {"$lt": recherche.jusqu_au}})
    return where


async def search(
    database: Database, recherche: Recherche, lecture: Lecture, *, first: int, before: str | None = None
) -> list[LigneAudit]:
    """The newest lines that are looked for and may be read, before the line of id `before`; `first` at most."""
    where = [_readable(lecture), *_wanted(recherche)]
    if before is not None:
        where.append({"_id": {"$lt": before}})
    cursor = database[AUDIT.name].find({"$and": where}).sort("_id", -1).limit(first)
    return [_ligne(document) for document in await cursor.to_list(first)]


async def count(database: Database, recherche: Recherche, lecture: Lecture, *, most: int | None = None) -> int:
    """How many lines are looked for and may be read; counted up to `most`, where it is said."""
    where = {"$and": [_readable(lecture), *_wanted(recherche)]}
    if most is None:
        return await database[AUDIT.name].count_documents(where)
    return await database[AUDIT.name].count_documents(where, limit=most)


async def addresses_of(database: Database, ids: list[str]) -> Mapping[str, str]:
    """From where these lines came, for those whose address is still kept."""
    cursor = database[ADRESSES.name].find({"_id": {"$in": ids}}, projection=["adresse"])
    return {document["_id"]: document["adresse"] for document in await cursor.to_list(len(ids))}
