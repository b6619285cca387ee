"""The composition root of `pilotage`."""

from collections.abc import Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from kit.app.service import Service
from kit.clock import campaign_clock
from kit.consumer.loop import Consumer
from kit.consumer.subscriptions import Subscription
from kit.graphql.endpoint import Endpoint
from kit.mongo import Database, open_database
from kit.mongo.migrations import Generation
from kit.outbox.relay import Relay
from services.pilotage.schema import SCHEMA, Context
from services.pilotage.settings import PilotageSettings
from services.pilotage.store import LAYOUT, Reads, transactor
from socle.principal import Principal
from socle.projections import habilitations


def subscriptions(database: Database) -> Sequence[Subscription[Any]]:
    """What `pilotage` reads of the others: rights."""
    return habilitations.subscriptions(database)


def create_app(settings: PilotageSettings) -> Starlette:
    """`pilotage`, ready to be served."""
    database = open_database(settings.mongodb_uri, f"{settings.prefixe_bases}pilotage")
    acces = habilitations.open_acces(settings, database, service="pilotage")
    reads, clock = Reads(database), campaign_clock(settings.campagne_date)
    generation, relay = Generation(database), Relay.of(settings, database, service="pilotage")

    async def context(request: Request) -> Context:
        principal = await acces.of_header(request.headers.get("authorization"))

        async def writer() -> Principal | None:
            return None if principal is None else await acces.for_writing(principal)

        transact = transactor(database, generation=await generation(), committed=relay.wake)
        return Context(principal, reads, transact, settings.session_courante, clock, writer)

    return Service(
        name="pilotage",
        mode=settings.mode,
        database=database,
        layout=LAYOUT,
        routes=[Route("/graphql", Endpoint(SCHEMA, context), methods=["POST"])],
        loops=[relay.run, Consumer.of(settings, subscriptions(database), service="pilotage").run],
        closers=[acces.identity.close],
    ).asgi()
