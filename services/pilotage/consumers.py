"""What `pilotage` reads of the others, and what it counts from it."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from kit.consumer.marks import Recomputer
from kit.consumer.subscriptions import Subscription
from kit.logs import get_logger
from kit.mongo import Database
from kit.mongo.connection import is_away
from kit.telemetry.metrics import PENDING_REFERENCES
from proto.eleves.v1 import candidatures_pb2, eleves_pb2
from proto.offre.v1 import offre_pb2
from services.pilotage.store.lignes import (
    CANDIDATURES,
    CANDIDATURES_ROWS,
    ELEVES,
    ELEVES_ROWS,
    FORMATIONS,
    FORMATIONS_ROWS,
    MARQUES,
    MARQUES_FORMATIONS,
    keep,
    mark_schools_of,
)
from services.pilotage.store.resultats import Resultats, compute, mark_all
from socle.projections import habilitations
from socle.topics import topic_of

_SCHOOLS_AT_ONCE = 5
_FORMATIONS_AT_ONCE = 100
_MEASURE_SECONDS = 30.0

_log = get_logger(__name__)


def subscriptions(database: Database, academies: Iterable[str]) -> Sequence[Subscription[Any]]:
    """Rights, the types of formations, and the students of each académie (slug) with their candidatures.

    The topics of all académies keep the same rows: a student who moved is told by two, and the newer state counts.
    """
    recount = partial(mark_all, database)
    return [
        *habilitations.subscriptions(database),
        Subscription(
            topic="offre.formations.v1",
            kind=offre_pb2.Formation,
            handle=keep(database, FORMATIONS_ROWS),
            projection=FORMATIONS.name,
            rebuilt=recount,
        ),
        *(
            subscription
            for academie in academies
            for subscription in (
                Subscription(
                    topic=topic_of(academie, "eleves.eleves.v1"),
                    kind=eleves_pb2.Eleve,
                    handle=keep(database, ELEVES_ROWS),
                    projection=ELEVES.name,
                    rebuilt=recount,
                ),
                Subscription(
                    topic=topic_of(academie, "eleves.candidatures.v1"),
                    kind=candidatures_pb2.Candidature,
                    handle=keep(database, CANDIDATURES_ROWS),
                    projection=CANDIDATURES.name,
                    rebuilt=recount,
                ),
            )
        ),
    ]


def school_counter(database: Database) -> Recomputer:
    """The loop that counts the schools that events touched."""
    return Recomputer(database=database, collection=MARQUES.name, recompute=compute, batch=_SCHOOLS_AT_ONCE)


def formation_resolver(database: Database) -> Recomputer:
    """The loop that finds the schools to count again when the type of a formation is known at last, or changes."""
    return Recomputer(
        database=database,
        collection=MARQUES_FORMATIONS.name,
        recompute=mark_schools_of,
        debounce=timedelta(0),
        batch=_FORMATIONS_AT_ONCE,
    )


async def measure_pending(database: Database) -> None:
    """Tell the metrics, for ever, how many candidatures wait for their student, and how many wishes for a formation."""
    while True:
        try:
            pending = await Resultats(database).pending()
            PENDING_REFERENCES.set(pending.candidatures_en_attente, {"collection": CANDIDATURES.name})
            PENDING_REFERENCES.set(pending.voeux_en_attente, {"collection": FORMATIONS.name})
        except Exception as error:
            if not is_away(error):
                raise
            _log.warning("pending_not_measured", error=type(error).__name__)
        await asyncio.sleep(_MEASURE_SECONDS)
