"""The commands every service has: `servir`, `migrer`, `schema`, `reconstruire`; a service adds its own."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import click
import uvicorn
from opentelemetry import trace
from starlette.applications import Starlette

from kit import settings as kit_settings
from kit.app.start import require_startable, spare_the_collector
from kit.consumer import rebuild
from kit.consumer.subscriptions import Subscription
from kit.errors import PUBLIC_ERRORS
from kit.graphql.endpoint import Schema
from kit.logs import configure_logs, get_logger
from kit.mongo.collections import Database
from kit.mongo.connection import open_database, wait_for
from kit.mongo.migrations import Layout
from kit.settings import ServiceSettings
from kit.telemetry.metrics import configure_metrics
from kit.telemetry.tracing import configure_tracing, shut_down_last

_KEEP_ALIVE_SECONDS = 75
"""Longer than the gateway and the proxies keep an idle connection: a request sent on one that is just being closed here
would be lost, and its service be said to be away."""

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands[S: ServiceSettings]:
    """What the common commands need to know of a service.

    Args:
        http_port: reads it from the settings.
        app: the composition root.
        subscriptions: what the service reads of Kafka, over its database.
    """

    name: str
    settings: type[S]
    http_port: Callable[[S], int]
    app: Callable[[S], Starlette]
    layout: Layout
    schema: Schema
    subscriptions: Callable[[Database], Sequence[Subscription[Any]]]

    def group(self) -> click.Group:
        """A click group of the four commands."""
        group = click.Group(self.name, help=f"Commands of the service `{self.name}`.")

        @group.command("servir", help="Serve GraphQL, gRPC and events until told to stop.")
        def serve() -> None:
            settings = self.load()
            require_startable(settings, self.name)
            tracing = configure_tracing(self.name)
            configure_metrics(self.name)
            with shut_down_last(tracing):
                app = self.app(settings)
                spare_the_collector()
                uvicorn.run(
                    app,
                    host=settings.http_host,
                    port=self.http_port(settings),
                    log_config=None,
                    access_log=False,
                    proxy_headers=bool(settings.proxys_de_confiance),
                    forwarded_allow_ips=list(settings.proxys_de_confiance),
                    server_header=False,
                    timeout_graceful_shutdown=5,
                    timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                )

        @group.command("migrer", help="Bring the store up to date (collections, indexes, migrations).")
        def migrate() -> None:
            self.run(self.layout.migrate)

        @group.command("schema", help="Print the subgraph's schema.")
        def schema() -> None:
            click.echo(self.schema.as_str())

        @group.command("reconstruire", help="Make a projection again from its topics, while the service runs.")
        @click.argument("projection")
        def rebuild_projection(projection: str) -> None:
            count = self.run(lambda database: self._rebuild(database, projection))
            click.echo(f"{projection}: {count} events read")

        return group

    def load(self) -> S:
        """The settings, with logs configured by them."""
        settings = kit_settings.load(self.settings)
        configure_logs(self.name, level=settings.log_level)
        return settings

    def open_database(self, settings: S) -> Database:
        return open_database(settings.mongodb_uri, f"{settings.prefixe_bases}{self.name}")

    def run[T](self, command: Callable[[Database], Awaitable[T]]) -> T:
        """Run `command` over the service's database, in a trace; a refusal is said on standard error, with status 1."""
        settings = self.load()
        tracing = configure_tracing(self.name)

        async def body() -> T:
            database = self.open_database(settings)
            try:
                await wait_for(database)
                with trace.get_tracer(__name__).start_as_current_span(f"{self.name} command"):
                    return await command(database)
            finally:
                database.client.close()

        try:
            return run(body())
        finally:
            tracing.shutdown()

    async def _rebuild(self, database: Database, projection: str) -> int:
        settings = kit_settings.load(self.settings)
        await self.layout.ensure(database)
        count = 0
        for subscription in rebuild.find(list(self.subscriptions(database)), projection):
            count += await rebuild.replay(
                subscription,
                bootstrap_servers=settings.kafka_bootstrap_servers,
                prefix=settings.prefixe_topics,
            )
        return count


def run[T](body: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine; what goes wrong is said on standard error, with status 1.

    A refusal is said as it is; of anything else the kind, and in the log where it was raised: its text may quote a
    document or what a person typed.
    """
    try:
        return asyncio.run(body)
    except PUBLIC_ERRORS as error:
        sys.stderr.write(f"{error.message}\n")
        raise SystemExit(1) from None
    except click.ClickException:
        raise
    except Exception as error:  # noqa: BLE001 - said by its kind, and where it was raised
        _log.exception("command_failed")
        sys.stderr.write(f"Erreur interne ({type(error).__name__}) : le journal ci-dessus dit où.\n")
        raise SystemExit(1) from None
