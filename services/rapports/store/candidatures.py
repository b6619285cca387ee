"""The candidates of each formation, and the figures that are counted of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from itertools import batched
from typing import Any

from pymongo import DeleteOne, ReplaceOne

from kit.clock import technical_clock
from kit.consumer.marks import mark, transactions, waiting
from kit.consumer.messages import Batch, Received
from kit.consumer.projections import GONE, RANK
from kit.consumer.subscriptions import Handler, Outcome
from kit.mongo import Database, Document, Transaction
from proto.eleves.v1 import candidatures_pb2
from services.rapports.domain import Candidatures, Ecart, Voeu, compare, count, touched
from services.rapports.store.collections import CANDIDATURES, CHIFFRES, MARQUES, read_comptage

COUNTED_TOGETHER = 10
"""Formations in a transaction: the largest have some ten thousand candidates."""


def keep_candidatures(database: Database, academie: str) -> Handler[candidatures_pb2.CandidatureAccueil]:
    """A handler that keeps the candidates of an académie's formations, and marks each formation that one touches.

    A row, its guard and its marks are written together: no formation that a candidate comes to or leaves is forgotten.
    """
    transact = transactions(database)

    async def handle(batch: Batch[candidatures_pb2.CandidatureAccueil]) -> Outcome:
        # The last version of a key counts, whatever the order in which they came.
        events = {f"{academie}/{event.key}": event for event in sorted(batch, key=lambda event: event.version)}
        return Outcome(await transact(lambda transaction: _keep(transaction, events)))

    return handle


async def _keep(transaction: Transaction, events: Mapping[str, Received[candidatures_pb2.CandidatureAccueil]]) -> int:
    rows = transaction[CANDIDATURES.name].find({"_id": {"$in": list(events)}}, session=transaction.session)
    held = {row["_id"]: row for row in await rows.to_list(None)}
    newer = {id: _row(id, event) for id, event in events.items() if _is_newer(event, held.get(id))}
    if newer:
        writes = [ReplaceOne({"_id": id}, row, upsert=True) for id, row in newer.items()]
        await transaction[CANDIDATURES.name].bulk_write(writes, ordered=False, session=transaction.session)
        changed = [touched(_voeux(held.get(id)), _voeux(row)) for id, row in newer.items()]
        await mark(transaction, MARQUES.name, set().union(*changed))
    return len(newer)


def _is_newer(event: Received[Any], held: Document | None) -> bool:
    return held is None or held[RANK] < event.version.rank


def _row(id: str, event: Received[candidatures_pb2.CandidatureAccueil]) -> Document:
    if event.message is None:
        return {"_id": id, RANK: event.version.rank, GONE: True}
    # A candidate has one wish for a formation, and is counted there once.
    voeux = {
        voeu.formation: {"formation": voeu.formation, "etat": voeu.etat, "propose": bool(voeu.proposition_le)}
        for voeu in event.message.voeux
    }
    return {"_id": id, RANK: event.version.rank, "voeux": list(voeux.values())}


def _voeux(row: Document | None) -> frozenset[Voeu]:
    return frozenset(_voeu(voeu) for voeu in (row or {}).get("voeux", ()))


async def compute_chiffres(transaction: Transaction, formations: Sequence[str]) -> None:
    """Count the candidates of these formations, and store their figures."""
    counted, now = await _count(transaction, formations), technical_clock()
    writes = [
        ReplaceOne({"_id": id}, {"_id": id, **asdict(counted[id]), "calcule_le": now}, upsert=True)
        if id in counted
        else DeleteOne({"_id": id})
        for id in formations
    ]
    await transaction[CHIFFRES.name].bulk_write(writes, ordered=False, session=transaction.session)


async def _count(transaction: Transaction, formations: Sequence[str]) -> dict[str, Candidatures]:
    """The wishes are counted by how they stand, there: what comes here does not grow with the candidates."""
    theirs = {"$match": {"voeux.formation": {"$in": list(formations)}}}
    groups = transaction[CANDIDATURES.name].aggregate(
        [theirs, {"$unwind": "$voeux"}, theirs, {"$group": {"_id": "$voeux", "number": {"$sum": 1}}}],
        session=transaction.session,
    )
    return count([(_voeu(group["_id"]), group["number"]) for group in await groups.to_list(None)])


async def mark_all(database: Database) -> None:
    """Have every formation counted again that has figures or candidates."""
    stored = await database[CHIFFRES.name].distinct("_id")
    wished = await database[CANDIDATURES.name].distinct("voeux.formation")
    await transactions(database)(partial(mark, collection=MARQUES.name, keys=[*stored, *wished]))


async def verify(database: Database) -> tuple[int, list[Ecart]]:
    """Count every candidate again: how many formations there are, and where what is stored differs.

    What differs at first sight is looked at again in one instant, and left alone while it is about to be counted.
    """
    alike: Counter[Voeu] = Counter()
    async for row in database[CANDIDATURES.name].find({}):
        alike.update(_voeux(row))
    counted = count(alike.items())
    stored = {row["_id"]: read_comptage(row).candidatures async for row in database[CHIFFRES.name].find({})}
    formations = sorted({*counted, *stored})
    suspects = [id for id in formations if compare(id, stored.get(id), counted.get(id))]
    found: list[Ecart] = []
    for some in batched(suspects, COUNTED_TOGETHER, strict=False):
        found += await transactions(database)(partial(_verify, formations=some))
    return len(formations), found


async def _verify(transaction: Transaction, formations: Sequence[str]) -> list[Ecart]:
    under_way = await waiting(transaction, MARQUES.name, formations)
    rows = transaction[CHIFFRES.name].find({"_id": {"$in": list(formations)}}, session=transaction.session)
    stored = {row["_id"]: read_comptage(row).candidatures for row in await rows.to_list(None)}
    counted = await _count(transaction, formations)
    settled = [id for id in formations if id not in under_way]
    return [ecart for id in settled for ecart in compare(id, stored.get(id), counted.get(id))]


def _voeu(document: Document) -> Voeu:
    return Voeu(document["formation"], document["etat"], document["propose"])
