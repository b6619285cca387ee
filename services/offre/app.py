"""The composition root of `offre`."""

from collections.abc import Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from kit.app.service import Service
from kit.consumer.loop import Consumer
from kit.consumer.subscriptions import Subscription
from kit.graphql.endpoint import Endpoint
from kit.mongo import Database, open_database
from kit.outbox.relay import Relay
from services.offre.schema import SCHEMA, Context, new_context
from services.offre.settings import OffreSettings
from services.offre.store import LAYOUT, Reads
from socle.projections import habilitations


def subscriptions(database: Database) -> Sequence[Subscription[Any]]:
    """What `offre` reads of the others: rights."""
    return habilitations.subscriptions(database)


def create_app(settings: OffreSettings) -> Starlette:
    """`offre`, ready to be served."""
    database = open_database(settings.mongodb_uri, f"{settings.prefixe_bases}offre")
    acces = habilitations.open_acces(settings, database, service="offre")
    reads = Reads(database)

    async def context(request: Request) -> Context:
        principal = await acces.of_headers(request.headers)
        return new_context(principal, reads, settings.session_courante)

    return Service(
        name="offre",
        mode=settings.mode,
        database=database,
        layout=LAYOUT,
        routes=[Route("/graphql", Endpoint(SCHEMA, context), methods=["POST"])],
        loops=[
            acces.follow_issuer,
            Relay.of(settings, database, service="offre").run,
            Consumer.of(settings, subscriptions(database), service="offre").run,
        ],
        needs=[acces.knows_issuer],
        closers=[acces.identity.close],
    ).asgi()
