"""The composition root of `identity`."""

import grpc
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.routing import Route

from kit.app.service import Service
from kit.auth import service_tokens
from kit.auth.access_tokens import AccessToken
from kit.consumer.loop import Consumer
from kit.graphql.endpoint import Endpoint
from kit.mongo import open_database
from kit.outbox.relay import Relay
from kit.rpc import server as rpc
from kit.rpc.tls import server_credentials
from kit.settings import Mode
from services.identity import telechargements, televersements
from services.identity.battements import Battements
from services.identity.consumers import subscriptions
from services.identity.courrier import Courrier
from services.identity.deps import make_deps
from services.identity.invitateur import Invitateur
from services.identity.oidc import routes as oidc
from services.identity.oidc.clients import load_clients
from services.identity.oidc.deconnexions import Avertisseur
from services.identity.oidc.serveur import Serveur
from services.identity.origine import Origine
from services.identity.pages import routes as pages
from services.identity.rpc import CALLERS, IdentityServicer
from services.identity.scelleur import Scelleur
from services.identity.schema.depots import DEPOTS
from services.identity.schema.graphe import SCHEMA
from services.identity.schema.types import Context
from services.identity.settings import IdentitySettings
from services.identity.store.work import LAYOUT
from services.identity.usecases.cles import open_keys
from services.identity.usecases.lectures import principal_of
from services.identity.veilleur import Veilleur
from socle.principal import Principal


def create_app(settings: IdentitySettings) -> Starlette:
    """`identity`, ready to be served."""
    local, tls = settings.mode is Mode.LOCAL, server_credentials(settings)
    clients = load_clients(settings.identity_clients, demonstration=local, cles=settings.cles_services)
    database = open_database(settings.mongodb_uri, f"{settings.prefixe_bases}identity")
    relay = Relay.of(settings, database, service="identity")
    vault = settings.open_vault()
    courrier = Courrier.of(settings, database, vault)
    deps = make_deps(settings, database, vault, committed=relay.wake, mail_written=courrier.wake)
    gateway = service_tokens.vouched_by(settings.cles_services, callee="identity", callers=service_tokens.GATEWAY)
    invitateur = Invitateur(deps=deps)
    rendu = pages.open_rendu(clients, secure=settings.secure)
    serveur = Serveur(deps, clients, issuer=settings.identity_url, voucher=gateway)
    rpc_servers: list[grpc.aio.Server] = []

    async def of_token(token: AccessToken | None) -> Principal | None:
        return None if token is None else await principal_of(deps, token)

    async def caller(request: Request) -> Principal | None:
        return await of_token(await serveur.verify_request(request))

    async def context(request: Request) -> Context:
        authorization, service_token = request.headers.get("authorization"), request.headers.get(service_tokens.HEADER)
        return Context(await of_token(await serveur.verifier.verify_header(authorization, service_token)), deps)

    async def prepare() -> None:
        await open_keys(deps, local=local)
        rpc_servers.append(
            await rpc.start(
                service="identity",
                address=f"{settings.grpc_host}:{settings.identity_grpc_port}",
                keys=settings.cles_services,
                callers=CALLERS,
                register=IdentityServicer(deps).register,
                tls=tls,
            )
        )

    async def close() -> None:
        for server in rpc_servers:
            await server.stop(grace=1)
        deps.hasher.close()

    return Service(
        name="identity",
        mode=settings.mode,
        database=database,
        layout=LAYOUT,
        routes=[
            *oidc.routes(serveur, clients),
            *pages.routes(serveur, rendu, secure=settings.secure),
            *telechargements.routes(deps, caller, oidc.cross_origin(clients)),
            *televersements.routes(deps, caller, oidc.cross_origin(clients), received=invitateur.wake),
            Route("/graphql", Endpoint(SCHEMA, context), methods=["POST"]),
        ],
        explain=pages.explain(rendu),
        prepare=prepare,
        loops=[
            relay.run,
            courrier.run,
            Battements.of(settings, database, deps.trousseau).run,
            Scelleur(deps=deps).run,
            Veilleur(deps=deps).run,
            invitateur.run,
            deps.trousseau.follow,
            Avertisseur.of(deps, clients, issuer=settings.identity_url).run,
            Consumer.of(settings, subscriptions(database), service="identity").run,
        ],
        closers=[close],
        streams=[DEPOTS],
        middleware=[Middleware(Origine)],
    ).asgi()
