"""The small rows that the indicators are counted from: students, their candidatures, the types of formations.

A row, its guard and the marks of what it changes are written in one transaction, so no change is ever left uncounted.
A school is `session/uai`: its figures come from its students, the candidatures of these, and those that name it.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched

from google.protobuf.message import Message
from pymongo import ReplaceOne

from kit.consumer.marks import mark, marks, transactions
from kit.consumer.messages import Batch, Received
from kit.consumer.projections import GONE, RANK, projection
from kit.consumer.subscriptions import Handler, Outcome
from kit.mongo import Database, Document, Index, Transaction
from proto.eleves.v1 import candidatures_pb2, eleves_pb2
from proto.offre.v1 import offre_pb2
from socle.series import Serie

ELEVES = projection(
    "eleves",
    fields={
        "session": "int",
        "uai": "string",
        "serie": "string",
        "present": "bool",
        "vivier_initial": "bool",
    },
    indexes=(Index(keys={"session": 1, "uai": 1}),),
    purpose="compter les élèves de terminale ; une ligne par élève et session, sans nom",
    readers="le service",
    kept="la session et son archive",
)
CANDIDATURES = projection(
    "candidatures",
    fields={"session": "int", "uai": "string", "eleve": "string", "inscrit": "bool", "formations": "array"},
    indexes=(Index(keys={"eleve": 1}), Index(keys={"session": 1, "uai": 1}), Index(keys={"formations": 1})),
    purpose="compter les inscrits et leurs vœux ; une ligne par candidat et session, sans nom",
    readers="le service",
    kept="la session et son archive",
)
FORMATIONS = projection(
    "formations",
    fields={"type": "string"},
    purpose="savoir quels vœux sont en L1 ou PASS",
    readers="le service",
    kept="la session et son archive",
)
MARQUES = marks("marques", purpose="les établissements dont les indicateurs sont à calculer de nouveau")
MARQUES_FORMATIONS = marks("marques_formations", purpose="les formations dont le type vient d'être connu ou changé")

_SCHOOL = ("session", "uai")
_AMONG = 100

type Change = tuple[Document | None, Document]
"""A row before, None if there was none, and after."""


def school_key(session: int, uai: str) -> str:
    """The key of a school in marks and results."""
    return f"{session}/{uai}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows[M: Message]:
    """How one kind of row is kept.

    Args:
        fields: what is kept of a message.
        marks: the collection of the marks that its changes make.
        touched: the keys to mark.
    """

    collection: str
    fields: Callable[[M], Document]
    marks: str
    touched: Callable[[Transaction, Sequence[Change]], Awaitable[set[str]]]


def keep[M: Message](database: Database, rows: Rows[M]) -> Handler[M]:
    """A handler that keeps the rows equal to the last state of each key, whichever topic says it."""
    transact = transactions(database)

    async def handle(batch: Batch[M]) -> Outcome:
        events = {event.key: event for event in sorted(batch, key=lambda event: event.version)}
        return Outcome(await transact(lambda transaction: _keep(transaction, rows, events)))

    return handle


async def _keep[M: Message](transaction: Transaction, rows: Rows[M], events: Mapping[str, Received[M]]) -> int:
    held = {row["_id"]: row for row in await among(transaction, rows.collection, "_id", events)}
    newer = [(held.get(id), _row(rows, event)) for id, event in events.items() if _is_newer(event, held.get(id))]
    if newer:
        writes = [ReplaceOne({"_id": row["_id"]}, row, upsert=True) for _, row in newer]
        await transaction[rows.collection].bulk_write(writes, ordered=False, session=transaction.session)
        await mark(transaction, rows.marks, await rows.touched(transaction, newer))
    return len(newer)


def _is_newer[M: Message](event: Received[M], held: Document | None) -> bool:
    return held is None or held[RANK] < event.version.rank


def _row[M: Message](rows: Rows[M], event: Received[M]) -> Document:
    fields = {GONE: True} if event.message is None else rows.fields(event.message)
    return {"_id": event.key, RANK: event.version.rank, **fields}


def _eleve(message: eleves_pb2.Eleve) -> Document:
    counted = message.present or message.vivier_initial
    return {
        "session": message.session,
        "uai": message.uai,
        # A série that this release does not know holds the topic: counted nowhere, its students would be missed.
        "serie": Serie(message.serie).value if counted else message.serie,
        "present": message.present,
        "vivier_initial": message.vivier_initial,
    }


def _candidature(message: candidatures_pb2.Candidature) -> Document:
    return {
        "session": message.session,
        "uai": message.uai,
        "eleve": message.eleve,
        "inscrit": bool(message.inscrit_le),
        # Whatever became of them since: « ayant formulé » (document du lycée, II.1).
        "formations": sorted({voeu.formation for voeu in message.voeux}),
    }


async def _moved(transaction: Transaction, changes: Sequence[Change]) -> set[str]:
    """The schools of students, before and after, and those where their candidatures waited for them."""
    arrived = [after["_id"] for before, after in changes if (before or {}).get("uai") != after.get("uai")]
    waiting = await among(transaction, CANDIDATURES.name, "eleve", arrived, *_SCHOOL)
    return _schools([*(row for change in changes for row in change), *waiting])


async def _applied(transaction: Transaction, changes: Sequence[Change]) -> set[str]:
    """The schools of candidatures, before and after."""
    rows = [row for change in changes for row in change if row is not None and GONE not in row]
    return await _schools_of_candidatures(transaction, rows)


async def _schools_of_candidatures(transaction: Transaction, rows: Sequence[Document]) -> set[str]:
    """Those that candidatures name, and those of their students, who may have moved since they were said."""
    students = await among(transaction, ELEVES.name, "_id", {row["eleve"] for row in rows}, *_SCHOOL, GONE)
    return _schools([*rows, *students])


async def _retyped(_transaction: Transaction, changes: Sequence[Change]) -> set[str]:
    """The formations of which the offer now says another type, or says one at last."""
    return {after["_id"] for before, after in changes if (before or {}).get("type") != after.get("type")}


def _schools(rows: Iterable[Document | None]) -> set[str]:
    return {school_key(row["session"], row["uai"]) for row in rows if row is not None and GONE not in row}


async def rows_where(transaction: Transaction, collection: str, where: Document, *only: str) -> list[Document]:
    """The rows that match: whole, or their `only` fields."""
    found = transaction[collection].find(where, dict.fromkeys(only, 1) or None, session=transaction.session)
    rows: list[Document] = await found.to_list(None)
    return rows


async def among(
    transaction: Transaction, collection: str, field: str, values: Iterable[str], *only: str
) -> list[Document]:
    """The rows whose field is one of `values`.

    Some hundred at a time: the embedded store takes a time that grows with the square of their number (500: 0.35 s).
    """
    rows: list[Document] = []
    for some in batched(sorted(values), _AMONG, strict=False):
        rows += await rows_where(transaction, collection, {field: {"$in": list(some)}}, *only)
    return rows


async def mark_schools_of(transaction: Transaction, formations: Sequence[str]) -> None:
    """Have the schools counted again whose candidates wish for these formations.

    In a transaction that begins after the one that wrote the type, so that it sees every candidature that was counted
    without it: in the same one, a school that was being counted meanwhile could be missed.
    """
    wishing = {"formations": {"$in": list(formations)}}
    rows = await rows_where(transaction, CANDIDATURES.name, wishing, *_SCHOOL, "eleve")
    await mark(transaction, MARQUES.name, await _schools_of_candidatures(transaction, rows))


ELEVES_ROWS: Rows[eleves_pb2.Eleve] = Rows(collection=ELEVES.name, fields=_eleve, marks=MARQUES.name, touched=_moved)
CANDIDATURES_ROWS: Rows[candidatures_pb2.Candidature] = Rows(
    collection=CANDIDATURES.name, fields=_candidature, marks=MARQUES.name, touched=_applied
)
FORMATIONS_ROWS: Rows[offre_pb2.Formation] = Rows(
    collection=FORMATIONS.name,
    fields=lambda message: {"type": message.type},
    marks=MARQUES_FORMATIONS.name,
    touched=_retyped,
)
