"""The composition root of `eleves`."""

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
from kit.settings import Mode
from kit.vault.keys import Fingerprints
from services.eleves.consumers import count_pending, subscriptions
from services.eleves.deps import Deps, make_deps
from services.eleves.importation import Importation
from services.eleves.routes import DEPOTS, routes
from services.eleves.schema import SCHEMA, Context
from services.eleves.settings import ElevesSettings
from services.eleves.store.work import LAYOUT, transactor
from socle.principal import Principal
from socle.projections import habilitations


def create_app(settings: ElevesSettings) -> Starlette:
    """`eleves`, ready to be served."""
    database = open_database(settings.mongodb_uri, f"{settings.prefixe_bases}eleves")
    acces = habilitations.open_acces(settings, database, service="eleves")
    fingerprints = Fingerprints(database, settings.open_vault())
    generation, relay = Generation(database), Relay.of(settings, database, service="eleves")
    importation, clock = Importation(), campaign_clock(settings.campagne_date)

    async def deps() -> Deps:
        transact = transactor(database, generation=await generation(), committed=relay.wake)
        return make_deps(settings, database, transact, fingerprints, clock, files_received=importation.wake)

    async def context(request: Request) -> Context:
        principal = await acces.of_headers(request.headers)

        async def writer() -> Principal | None:
            return None if principal is None else await acces.for_writing(principal)

        return Context(
            principal=principal,
            deps=await deps(),
            session=settings.session_courante,
            url=settings.eleves_url,
            writer=writer,
        )

    async def prepare() -> None:
        await fingerprints.load(create=settings.mode is Mode.LOCAL)

    async def importing() -> None:
        await importation.run(await deps())

    reads = subscriptions(database, settings.academies_topics, committed=relay.wake)

    return Service(
        name="eleves",
        mode=settings.mode,
        database=database,
        layout=LAYOUT,
        routes=[Route("/graphql", Endpoint(SCHEMA, context), methods=["POST"]), *routes(deps, acces)],
        prepare=prepare,
        loops=[
            acces.follow_issuer,
            relay.run,
            Consumer.of(settings, reads, service="eleves").run,
            importing,
            partial(measure_pending, partial(count_pending, database)),
        ],
        needs=[acces.knows_issuer],
        closers=[acces.identity.close],
        streams=[DEPOTS],
    ).asgi()
