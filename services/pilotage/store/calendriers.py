"""The calendars that `pilotage` keeps and publishes."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from kit.mongo import Collection, Database, Document, Transaction, Transactor
from kit.mongo.aggregates import Aggregates, Kind
from kit.outbox import rows
from kit.versions import Version
from services.pilotage.domain import CalendrierSession
from socle.projections.calendrier import (
    TOPIC,
    derogations_document,
    fenetre_document,
    read_calendrier,
    to_message,
)

CALENDRIERS = Collection(
    name="calendriers",
    required={"version": "long", "fenetres": "array", "derogations": "array"},
    purpose="les dates de la campagne",
    readers="toute personne connectée ; les autres services par les événements",
    kept="la session et son archive",
)


def _document(held: CalendrierSession) -> Document:
    return {
        "fenetres": [fenetre_document(fenetre) for fenetre in held.calendrier.fenetres.values()],
        "derogations": derogations_document(held.calendrier),
    }


def _aggregate(id: str, version: Version, document: Document) -> CalendrierSession:
    return CalendrierSession(calendrier=read_calendrier(int(id), document), version=version)


_CALENDRIER = Kind(
    collection=CALENDRIERS.name,
    document=_document,
    aggregate=_aggregate,
    publish=(lambda held: (TOPIC, to_message(held.calendrier)),),
)


class Work:
    """The stores of one transaction."""

    def __init__(self, transaction: Transaction, generation: int) -> None:
        self.calendriers = Aggregates(transaction, _CALENDRIER, generation)


def transactor(
    database: Database, *, generation: int, committed: Callable[[], None] = lambda: None
) -> Transactor[Work]:
    """Runs bodies over `Work`, and says `committed` when they publish; without it the relay's next sweep sends."""
    return Transactor(
        database=database,
        work=lambda transaction: Work(transaction, generation),
        write_outbox=partial(rows.write, source="pilotage"),
        committed=committed,
    )


@dataclass(frozen=True, slots=True)
class Calendriers:
    """Calendars read outside a transaction."""

    database: Database

    async def get(self, session: int) -> CalendrierSession | None:
        document = await self.database[CALENDRIERS.name].find_one({"_id": str(session)})
        return None if document is None else _CALENDRIER.read(document)
