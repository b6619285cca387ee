"""The composition root of `pilotage`."""

from functools import partial

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from kit.app.service import Service
from kit.clock import campaign_clock
from kit.consumer.loop import Consumer
from kit.consumer.pending import measure_pending
from kit.graphql.endpoint import Endpoint
from kit.mongo import open_database
from kit.mongo.migrations import Generation
from kit.outbox.relay import Relay
from services.pilotage.consumers import count_pending, formation_resolver, school_counter, subscriptions
from services.pilotage.schema.context import Context, Stores
from services.pilotage.schema.subgraph import SCHEMA
from services.pilotage.settings import PilotageSettings
from services.pilotage.store.calendriers import Calendriers, transactor
from services.pilotage.store.layout import LAYOUT
from services.pilotage.store.resultats import Resultats
from socle.principal import Principal
from socle.projections import habilitations


def create_app(settings: PilotageSettings) -> Starlette:
    """`pilotage`, ready to be served."""
    database = open_database(settings.mongodb_uri, f"{settings.prefixe_bases}pilotage")
    acces = habilitations.open_acces(settings, database, service="pilotage")
    stores, clock = Stores(Calendriers(database), Resultats(database)), campaign_clock(settings.campagne_date)
    generation, relay = Generation(database), Relay.of(settings, database, service="pilotage")

    async def context(request: Request) -> Context:
        principal = await acces.of_headers(request.headers)

        async def writer() -> Principal | None:
            return None if principal is None else await acces.for_writing(principal)

        transact = transactor(database, generation=await generation(), committed=relay.wake)
        return Context(principal, stores, transact, settings.session_courante, clock, writer)

    return Service(
        name="pilotage",
        mode=settings.mode,
        database=database,
        layout=LAYOUT,
        routes=[Route("/graphql", Endpoint(SCHEMA, context), methods=["POST"])],
        loops=[
            acces.follow_issuer,
            relay.run,
            Consumer.of(settings, subscriptions(database, settings.academies_topics), service="pilotage").run,
            school_counter(database).run,
            formation_resolver(database).run,
            partial(measure_pending, partial(count_pending, database)),
        ],
        needs=[acces.knows_issuer],
        closers=[acces.identity.close],
    ).asgi()
