"""What `pilotage` reads of the others, and what it counts from it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from kit.consumer.marks import Recomputer
from kit.consumer.subscriptions import Subscription
from kit.mongo import Database
from proto.eleves.v1 import candidatures_pb2, eleves_pb2
from proto.offre.v1 import offre_pb2
from services.pilotage.store.comptage import compute, mark_all
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
from services.pilotage.store.resultats import Resultats
from socle.projections import habilitations
from socle.topics import topic_of

_SCHOOLS_AT_ONCE = 5
_FORMATIONS_AT_ONCE = 100


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


async def count_pending(database: Database) -> Mapping[str, int]:
    """How many candidatures wait for their student, and how many wishes for a formation."""
    pending = await Resultats(database).pending()
    return {CANDIDATURES.name: pending.candidatures_en_attente, FORMATIONS.name: pending.voeux_en_attente}
