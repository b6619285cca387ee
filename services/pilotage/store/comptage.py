"""Counting schools from their rows, and with them their académies and the nation."""

from collections.abc import Sequence
from functools import partial

from kit.clock import technical_clock
from kit.consumer.marks import mark, transactions
from kit.consumer.projections import GONE
from kit.mongo import Database, Document, Transaction
from services.pilotage.indicateurs import Candidature, Comptage, Eleve, count
from services.pilotage.store.lignes import CANDIDATURES, ELEVES, FORMATIONS, MARQUES, among, rows_where, school_key
from services.pilotage.store.resultats import (
    ETABLISSEMENT,
    RESULTATS,
    academie_of,
    read_comptage,
    session_of,
    stored,
    write,
)
from services.pilotage.store.sommes import sum_up
from socle.series import Serie


async def compute(transaction: Transaction, schools: Sequence[str]) -> None:
    """Count these schools, and sum their académies and the nation."""
    now, held = technical_clock(), await stored(transaction, {"_id": {"$in": list(schools)}})
    counted = await count_schools(transaction, schools)
    writes = [write(id, ETABLISSEMENT, academie_of(id), comptage, now) for id, comptage in counted.items()]
    await transaction[RESULTATS.name].bulk_write(writes, ordered=False, session=transaction.session)
    changed = [id for id in schools if _is_other(held.get(id), counted[id])]
    await sum_up(transaction, {(session_of(id), academie_of(id)) for id in changed}, now)


def _is_other(held: Document | None, counted: Comptage) -> bool:
    """Whether a result is other than it was, or what is hidden of it was never worked out."""
    return read_comptage(held) != counted or (held is not None and "masque" not in held)


async def count_schools(transaction: Transaction, schools: Sequence[str]) -> dict[str, Comptage]:
    """What is counted of each of these schools."""
    read = {id: await _read_school(transaction, id) for id in schools}
    wished = {f for _, candidatures, _ in read.values() for candidature in candidatures for f in candidature.formations}
    told = await among(transaction, FORMATIONS.name, "_id", wished, "type")
    types = {row["_id"]: row["type"] for row in told if "type" in row}
    return {id: count(eleves, candidatures, types, known) for id, (eleves, candidatures, known) in read.items()}


async def _read_school(transaction: Transaction, school: str) -> tuple[list[Eleve], list[Candidature], set[str]]:
    """The students of a school, their candidatures with those that name it, and whom of those is known anywhere."""
    of_school = {"session": session_of(school), "uai": school.partition("/")[2]}
    students = await rows_where(transaction, ELEVES.name, of_school)
    naming = await rows_where(transaction, CANDIDATURES.name, of_school)
    here, named = {row["_id"] for row in students}, {row["eleve"] for row in naming}
    others = await among(transaction, CANDIDATURES.name, "eleve", here - named)
    elsewhere = await among(transaction, ELEVES.name, "_id", named - here, "_id")
    eleves = [_eleve(row) for row in students if row["present"] or row["vivier_initial"]]
    return eleves, [_candidature(row) for row in (*naming, *others)], here | {row["_id"] for row in elsewhere}


async def mark_all(database: Database) -> None:
    """Have every school counted again that has rows or a result."""
    await transactions(database)(partial(mark, collection=MARQUES.name, keys=await all_schools(database)))


async def all_schools(database: Database) -> list[str]:
    results = await database[RESULTATS.name].find({"portee": ETABLISSEMENT}, {"_id": 1}).to_list(None)
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


def _eleve(row: Document) -> Eleve:
    return Eleve(id=row["_id"], serie=Serie(row["serie"]), present=row["present"], vivier_initial=row["vivier_initial"])


def _candidature(row: Document) -> Candidature:
    return Candidature(eleve=row["eleve"], inscrit=row["inscrit"], formations=frozenset(row["formations"]))
