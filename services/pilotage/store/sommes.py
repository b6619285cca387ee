"""Summing académies and the nation from their parts, and working out what is hidden of all of them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from pymongo import DeleteOne, UpdateOne

from kit.mongo import Document, Transaction
from services.pilotage.indicateurs import Comptage
from services.pilotage.secret.publication import Publication, publish_academie, publish_nation
from services.pilotage.store.resultats import (
    ACADEMIE,
    ETABLISSEMENT,
    NATION,
    RESULTATS,
    read_comptage,
    read_ouverture,
    stored,
    write,
    write_masques,
)


async def sum_up(transaction: Transaction, places: Iterable[tuple[int, str | None]], now: datetime) -> None:
    """Sum these académies, and the nation of their sessions; a school of no académie is a part of the nation alone."""
    touched = set(places)
    for session, academie in touched:
        if academie is not None:
            await _sum_academie(transaction, session, academie, now)
    for session in {session for session, _ in touched}:
        await _sum_nation(transaction, session, now)


async def _sum_academie(transaction: Transaction, session: int, academie: str, now: datetime) -> None:
    schools = await stored(transaction, {"session": session, "portee": ETABLISSEMENT, "academie": academie})
    comptage = total(schools)
    masques, ouverture = publish_academie(
        {id: read_comptage(row).tableau for id, row in schools.items()}, comptage.tableau
    )
    summed = write(f"{session}/{academie}", ACADEMIE, academie, comptage, now, ouverture=ouverture)
    await _write(transaction, [summed, *write_masques(schools, masques)])


async def _sum_nation(transaction: Transaction, session: int, now: datetime) -> None:
    parts = {"session": session, "$or": [{"portee": ACADEMIE}, {"portee": ETABLISSEMENT, "academie": None}]}
    rows = await stored(transaction, parts)
    published = publish(rows)
    summed = write(f"{session}/{NATION}", NATION, None, total(rows), now, masque=published.tout)
    await _write(transaction, [summed, *write_masques(rows, published.parties)])


def publish(parts: Mapping[str, Document]) -> Publication:
    """What is hidden of the parts of the nation, by their rows, and of the nation."""
    tables = {id: read_comptage(row).tableau for id, row in parts.items()}
    academies = {id: (tables[id], read_ouverture(row)) for id, row in parts.items() if row["portee"] == ACADEMIE}
    schools = {id: tableau for id, tableau in tables.items() if id not in academies}
    return publish_nation(academies, schools, total(parts).tableau)


def total(rows: Mapping[str, Document]) -> Comptage:
    """The sum of these rows."""
    return sum(map(read_comptage, rows.values()), start=Comptage())


async def _write(transaction: Transaction, writes: Sequence[UpdateOne | DeleteOne]) -> None:
    await transaction[RESULTATS.name].bulk_write(list(writes), ordered=False, session=transaction.session)
