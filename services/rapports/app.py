"""The composition root of `rapports`."""

from functools import partial

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from kit.app.service import Service
from kit.consumer.loop import Consumer
from kit.consumer.pending import measure_pending
from kit.graphql.endpoint import Endpoint
from kit.mongo import open_database
from services.rapports.consumers import count_pending, recomputer, subscriptions
from services.rapports.schema import SCHEMA, Context, new_context
from services.rapports.settings import RapportsSettings
from services.rapports.store.collections import LAYOUT
from services.rapports.store.lectures import Reads
from socle.projections import habilitations


def create_app(settings: RapportsSettings) -> Starlette:
    """`rapports`, ready to be served."""
    database = open_database(settings.mongodb_uri, f"{settings.prefixe_bases}rapports")
    acces = habilitations.open_acces(settings, database, service="rapports")
    reads = Reads(database)

    async def context(request: Request) -> Context:
        return new_context(await acces.of_headers(request.headers), reads, settings.session_courante)

    return Service(
        name="rapports",
        mode=settings.mode,
        database=database,
        layout=LAYOUT,
        routes=[Route("/graphql", Endpoint(SCHEMA, context), methods=["POST"])],
        loops=[
            acces.follow_issuer,
            Consumer.of(settings, subscriptions(database, settings.academies_topics), service="rapports").run,
            recomputer(database).run,
            partial(measure_pending, partial(count_pending, database)),
        ],
        needs=[acces.knows_issuer],
        closers=[acces.identity.close],
    ).asgi()
