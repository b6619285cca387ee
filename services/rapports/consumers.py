"""What `rapports` reads of the others."""

from collections.abc import Sequence
from typing import Any

from kit.consumer.projections import keep
from kit.consumer.subscriptions import Subscription
from kit.mongo import Database
from proto.offre.v1 import offre_pb2
from services.rapports.store import FORMATIONS, formation_document
from socle.projections import habilitations


def subscriptions(database: Database) -> Sequence[Subscription[Any]]:
    """Rights, and the formations that reports are about."""
    return [
        *habilitations.subscriptions(database),
        Subscription(
            topic="offre.formations.v1",
            kind=offre_pb2.Formation,
            handle=keep(database, FORMATIONS.name, formation_document),
            projection=FORMATIONS.name,
        ),
    ]
