"""Counting everything again, to hold it against what is stored."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import batched

from kit.consumer.marks import transactions, waiting
from kit.mongo import Database, Document, Transaction
from services.pilotage.indicateurs import Comptage, Ecart, Masque, compare, compare_masques
from services.pilotage.secret.publication import publish_academie
from services.pilotage.store.comptage import all_schools, count_schools
from services.pilotage.store.lignes import MARQUES
from services.pilotage.store.resultats import ACADEMIE, ETABLISSEMENT, NATION, read_comptage, read_masque, stored
from services.pilotage.store.sommes import publish, total

_CHUNK = 20


async def verify(database: Database) -> tuple[int, list[Ecart]]:
    """Count every school again, sum every académie and the nation, and work out what is hidden: how many schools there
    are, and where what is stored differs and nothing is under way.
    """
    keys, found = await all_schools(database), list[Ecart]()
    for some in batched(keys, _CHUNK, strict=False):
        found += await transactions(database)(partial(_verify_schools, schools=some))
    found += await transactions(database)(_verify_sums)
    # What is hidden is that of the figures: where these are wrong it will be worked out again with them.
    return len(keys), found or await transactions(database)(_verify_masques)


async def _verify_schools(transaction: Transaction, schools: Sequence[str]) -> list[Ecart]:
    under_way = await waiting(transaction, MARQUES.name, schools)
    held = await stored(transaction, {"_id": {"$in": list(schools)}})
    counted = await count_schools(transaction, [id for id in schools if id not in under_way])
    return [ecart for id, comptage in counted.items() for ecart in compare(id, read_comptage(held.get(id)), comptage)]


async def _verify_sums(transaction: Transaction) -> list[Ecart]:
    rows = await stored(transaction, {})
    sums: dict[str, Comptage] = {id: Comptage() for id, row in rows.items() if row["portee"] != ETABLISSEMENT}
    for row in rows.values():
        if row["portee"] == ETABLISSEMENT:
            for place in {row["academie"] or NATION, NATION}:
                id = f"{row['session']}/{place}"
                sums[id] = sums.get(id, Comptage()) + read_comptage(row)
    return [ecart for id in sorted(sums) for ecart in compare(id, read_comptage(rows.get(id)), sums[id])]


async def _verify_masques(transaction: Transaction) -> list[Ecart]:
    rows = await stored(transaction, {})
    return [
        ecart
        for session in sorted({row["session"] for row in rows.values()})
        for id, masque in _masques({id: row for id, row in rows.items() if row["session"] == session})
        for ecart in compare_masques(id, read_masque(rows[id]), masque)
    ]


def _masques(rows: Mapping[str, Document]) -> Iterator[tuple[str, Masque]]:
    """What is to be hidden of all the results of a session."""
    schools = {id: row for id, row in rows.items() if row["portee"] == ETABLISSEMENT}
    for row in rows.values():
        if row["portee"] == ACADEMIE:
            parts = {id: school for id, school in schools.items() if school["academie"] == row["academie"]}
            tables = {id: read_comptage(school).tableau for id, school in parts.items()}
            yield from publish_academie(tables, total(parts).tableau)[0].items()
    apart = {id: row for id, row in schools.items() if row["academie"] is None}
    published = publish({id: row for id, row in rows.items() if row["portee"] == ACADEMIE} | apart)
    yield from published.parties.items()
    yield from ((id, published.tout) for id, row in rows.items() if row["portee"] == NATION)
