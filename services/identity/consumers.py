"""What `identity` reads of the others."""

from collections.abc import Sequence
from typing import Any

from kit.consumer.projections import keep
from kit.consumer.subscriptions import Subscription
from kit.mongo import Database
from proto.offre.v1 import offre_pb2
from services.identity.store.etablissements import ETABLISSEMENTS, etablissement_document
from socle.projections import calendrier


def subscriptions(database: Database) -> Sequence[Subscription[Any]]:
    """The establishments: whose académie manages which rights; and the calendar: when passwords are renewed."""
    return [
        *calendrier.subscriptions(database),
        Subscription(
            topic="offre.etablissements.v1",
            kind=offre_pb2.Etablissement,
            handle=keep(database, ETABLISSEMENTS.name, etablissement_document),
            projection=ETABLISSEMENTS.name,
        ),
    ]
