"""What `rapports` reads of the others, and what it computes from it."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from kit.consumer.marks import Recomputer
from kit.consumer.projections import keep
from kit.consumer.subscriptions import Subscription
from kit.mongo import Database
from proto.eleves.v1 import candidatures_pb2
from proto.offre.v1 import offre_pb2
from services.rapports.store.candidatures import COUNTED_TOGETHER, compute_chiffres, keep_candidatures, mark_all
from services.rapports.store.collections import CANDIDATURES, CHIFFRES, FORMATIONS, MARQUES, formation_document
from services.rapports.store.lectures import Reads
from socle.projections import habilitations
from socle.topics import topic_of

ACCUEIL = "eleves.accueil.v1"


def subscriptions(database: Database, academies: Iterable[str]) -> Sequence[Subscription[Any]]:
    """Rights, the formations that reports are about, and the candidates of the formations of each académie (slug)."""
    return [
        *habilitations.subscriptions(database),
        Subscription(
            topic="offre.formations.v1",
            kind=offre_pb2.Formation,
            handle=keep(database, FORMATIONS.name, formation_document),
            projection=FORMATIONS.name,
        ),
        *(_candidatures(database, academie) for academie in academies),
    ]


def _candidatures(database: Database, academie: str) -> Subscription[candidatures_pb2.CandidatureAccueil]:
    return Subscription(
        topic=topic_of(academie, ACCUEIL),
        kind=candidatures_pb2.CandidatureAccueil,
        handle=keep_candidatures(database, academie),
        projection=CANDIDATURES.name,
        # A formation that a candidate left while there were no rows to see it by.
        rebuilt=partial(mark_all, database),
    )


def recomputer(database: Database) -> Recomputer:
    """The loop that counts the candidates of the formations that events touched."""
    return Recomputer(database=database, collection=MARQUES.name, recompute=compute_chiffres, batch=COUNTED_TOGETHER)


async def count_pending(database: Database) -> Mapping[str, int]:
    """How many formations have candidates before the offer says what they are."""
    return {CHIFFRES.name: await Reads(database).unknown_formations()}
