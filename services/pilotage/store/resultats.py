"""The results: of each school, counted whole from its rows; of each académie and the nation, summed from the schools'.

All three are written in the transaction that counts the school, so whoever reads sees sums that go with their parts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial

from pymongo import DeleteOne, ReplaceOne

from kit.clock import technical_clock
from kit.consumer.marks import mark, transactions, waiting
from kit.consumer.projections import GONE
from kit.mongo import Collection, Database, Document, Index, Transaction
from services.pilotage.indicateurs import (
    Candidature,
    Comptage,
    Ecart,
    Effectifs,
    Eleve,
    Resultat,
    Tableau,
    compare,
    count,
)
from services.pilotage.store.lignes import CANDIDATURES, ELEVES, FORMATIONS, MARQUES, among, rows_where, school_key
from socle.academies import academie_of_uai
from socle.series import Serie

NATION = "nation"
_SCHOOL, _ACADEMIE = "etablissement", "academie"
RESULTATS = Collection(
    name="resultats",
    required={
        "session": "int",
        "portee": "string",
        "academie": ["string", "null"],
        "series": "object",
        "candidatures_en_attente": "int",
        "voeux_en_attente": "int",
        "calcule_le": "date",
    },
    indexes=(Index(keys={"session": 1, "portee": 1, "academie": 1}),),
    purpose="les indicateurs d'un établissement, d'une académie et de la nation",
    readers="qui a le droit « pilotage » sur l'établissement ; secret statistique en dehors",
    kept="la session et son archive",
)
_CHUNK = 20


@dataclass(frozen=True, slots=True)
class Resultats:
    """Results read outside a transaction."""

    database: Database

    async def get(self, ids: Sequence[str]) -> list[Resultat]:
        """Those of these places (`session/uai`, `session/académie`, `session/nation`), zero where nobody is counted."""
        rows = await self.database[RESULTATS.name].find({"_id": {"$in": list(set(ids))}}).to_list(None)
        found = {row["_id"]: Resultat(comptage=_comptage(row), calcule_le=row["calcule_le"]) for row in rows}
        return [found.get(id, Resultat()) for id in ids]

    async def pending(self) -> Comptage:
        """What waits for the other side of a reference, in all sessions together."""
        rows = await self.database[RESULTATS.name].find({"portee": NATION}).to_list(None)
        return sum(map(_comptage, rows), start=Comptage())


async def compute(transaction: Transaction, schools: Sequence[str]) -> None:
    """Count these schools, and sum their académies and the nation."""
    now, held = technical_clock(), await _stored(transaction, {"_id": {"$in": list(schools)}})
    counted = await _count(transaction, schools)
    writes = [_write(id, _SCHOOL, _academie(id), comptage, now) for id, comptage in counted.items()]
    await transaction[RESULTATS.name].bulk_write(writes, ordered=False, session=transaction.session)
    changed = [id for id in schools if _comptage(held.get(id)) != counted[id]]
    await _sum(transaction, {(_session(id), _academie(id)) for id in changed}, now)


async def _sum(transaction: Transaction, places: Iterable[tuple[int, str | None]], now: datetime) -> None:
    """Sum these académies, and the nation of their sessions; a school of no académie is a part of the nation alone."""
    touched = set(places)
    for session, academie in touched:
        if academie is not None:
            parts = {"session": session, "portee": _SCHOOL, "academie": academie}
            await _replace_sum(transaction, f"{session}/{academie}", _ACADEMIE, academie, parts, now)
    for session in {session for session, _ in touched}:
        parts = {"session": session, "$or": [{"portee": _ACADEMIE}, {"portee": _SCHOOL, "academie": None}]}
        await _replace_sum(transaction, f"{session}/{NATION}", NATION, None, parts, now)


async def _replace_sum(
    transaction: Transaction, id: str, portee: str, academie: str | None, parts: Document, now: datetime
) -> None:
    rows = await _stored(transaction, parts)
    comptage = sum(map(_comptage, rows.values()), start=Comptage())
    await transaction[RESULTATS.name].bulk_write(
        [_write(id, portee, academie, comptage, now)], session=transaction.session
    )


def _write(
    id: str, portee: str, academie: str | None, comptage: Comptage, now: datetime
) -> ReplaceOne[Document] | DeleteOne:
    if not comptage:
        return DeleteOne({"_id": id})
    row = {
        "_id": id,
        "session": _session(id),
        "portee": portee,
        "academie": academie,
        "series": {serie.value: asdict(effectifs) for serie, effectifs in comptage.tableau.series.items()},
        "candidatures_en_attente": comptage.candidatures_en_attente,
        "voeux_en_attente": comptage.voeux_en_attente,
        "calcule_le": now,
    }
    return ReplaceOne({"_id": id}, row, upsert=True)


async def _count(transaction: Transaction, schools: Sequence[str]) -> dict[str, Comptage]:
    """What is counted of each of these schools."""
    read = {id: await _read_school(transaction, id) for id in schools}
    wished = {f for _, candidatures, _ in read.values() for candidature in candidatures for f in candidature.formations}
    told = await among(transaction, FORMATIONS.name, "_id", wished, "type")
    types = {row["_id"]: row["type"] for row in told if "type" in row}
    return {id: count(eleves, candidatures, types, known) for id, (eleves, candidatures, known) in read.items()}


async def _read_school(transaction: Transaction, school: str) -> tuple[list[Eleve], list[Candidature], set[str]]:
    """The students of a school, their candidatures with those that name it, and whom of those is known anywhere."""
    of_school = {"session": _session(school), "uai": school.partition("/")[2]}
    students = await rows_where(transaction, ELEVES.name, of_school)
    naming = await rows_where(transaction, CANDIDATURES.name, of_school)
    here, named = {row["_id"] for row in students}, {row["eleve"] for row in naming}
    others = await among(transaction, CANDIDATURES.name, "eleve", here - named)
    elsewhere = await among(transaction, ELEVES.name, "_id", named - here, "_id")
    eleves = [_eleve(row) for row in students if row["present"] or row["vivier_initial"]]
    return eleves, [_candidature(row) for row in (*naming, *others)], here | {row["_id"] for row in elsewhere}


def _academie(school: str) -> str | None:
    """The académie of a school, by its UAI."""
    found = academie_of_uai(school.partition("/")[2])
    return None if found is None else found.slug


async def _stored(transaction: Transaction, where: Document) -> Mapping[str, Document]:
    return {row["_id"]: row for row in await rows_where(transaction, RESULTATS.name, where)}


async def mark_all(database: Database) -> None:
    """Have every school counted again that has rows or a result."""
    keys = await _all_schools(database)
    for start in range(0, len(keys), 500):
        await transactions(database)(partial(mark, collection=MARQUES.name, keys=keys[start : start + 500]))


async def verify(database: Database) -> tuple[int, list[Ecart]]:
    """Count every school again, and sum every académie and the nation: how many schools there are, and where what is
    stored differs and nothing is under way.
    """
    keys, found = await _all_schools(database), list[Ecart]()
    for start in range(0, len(keys), _CHUNK):
        found += await transactions(database)(partial(_verify_schools, schools=keys[start : start + _CHUNK]))
    return len(keys), found + await transactions(database)(_verify_sums)


async def _verify_schools(transaction: Transaction, schools: Sequence[str]) -> list[Ecart]:
    under_way = await waiting(transaction, MARQUES.name, schools)
    held = await _stored(transaction, {"_id": {"$in": list(schools)}})
    counted = await _count(transaction, [id for id in schools if id not in under_way])
    return [ecart for id, comptage in counted.items() for ecart in compare(id, _comptage(held.get(id)), comptage)]


async def _verify_sums(transaction: Transaction) -> list[Ecart]:
    stored = await _stored(transaction, {})
    sums: dict[str, Comptage] = {id: Comptage() for id, row in stored.items() if row["portee"] != _SCHOOL}
    for row in stored.values():
        if row["portee"] == _SCHOOL:
            for place in {row["academie"] or NATION, NATION}:
                id = f"{row['session']}/{place}"
                sums[id] = sums.get(id, Comptage()) + _comptage(row)
    return [ecart for id in sorted(sums) for ecart in compare(id, _comptage(stored.get(id)), sums[id])]


async def _all_schools(database: Database) -> list[str]:
    results = await database[RESULTATS.name].find({"portee": _SCHOOL}, {"_id": 1}).to_list(None)
    keys = {row["_id"] for row in results}
    for collection in (ELEVES.name, CANDIDATURES.name):
        named = database[collection].aggregate(
            [
                {"$match": {GONE: {"$exists": False}}},
                {"$group": {"_id": {"session": "$session", "uai": "$uai"}}},
            ]
        )
        keys |= {school_key(group["_id"]["session"], group["_id"]["uai"]) for group in await named.to_list(None)}
    return sorted(keys)


def _session(id: str) -> int:
    return int(id.partition("/")[0])


def _comptage(row: Document | None) -> Comptage:
    if row is None:
        return Comptage()
    return Comptage(
        tableau=Tableau({Serie(serie): Effectifs(**figures) for serie, figures in row["series"].items()}),
        candidatures_en_attente=row["candidatures_en_attente"],
        voeux_en_attente=row["voeux_en_attente"],
    )


def _eleve(row: Document) -> Eleve:
    return Eleve(id=row["_id"], serie=Serie(row["serie"]), present=row["present"], vivier_initial=row["vivier_initial"])


def _candidature(row: Document) -> Candidature:
    return Candidature(eleve=row["eleve"], inscrit=row["inscrit"], formations=frozenset(row["formations"]))
