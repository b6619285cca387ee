"""The life of a service: wait for its store, bring it up to date, run its loops, answer, stop in order."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from kit.app.limits import BodyLimit
from kit.logs import get_logger
from kit.mongo.collections import Database
from kit.mongo.connection import wait_for
from kit.mongo.migrations import Layout
from kit.settings import Mode
from kit.telemetry.requests import RequestTelemetry

type Loop = Callable[[], Awaitable[None]]

_log = get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class Service:
    """A service as it runs.

    Args:
        prepare: awaited once the store is up to date, before the first loop.
        loops: run for as long as the service does; one that ends by itself ends the process, for its supervisor to
            start it again.
        needs: what must be true, besides a store that is up to date, for requests to be sent here.
        closers: awaited last, in order.
        streams: where the paths begin of routes that bound the bodies they read by themselves (uploads).
        explain: what is answered where no route is, or none that takes the method; a line of plain text without it.
    """

    name: str
    mode: Mode
    database: Database
    layout: Layout
    routes: Sequence[BaseRoute]
    prepare: Loop | None = None
    loops: Sequence[Loop] = ()
    needs: Sequence[Callable[[], bool]] = ()
    closers: Sequence[Loop] = ()
    middleware: Sequence[Middleware] = ()
    streams: Sequence[str] = ()
    explain: Callable[[Request, Exception], Response] | None = None
    _ready: bool = field(default=False, init=False)

    def asgi(self) -> Starlette:
        """The application. It answers at once: `/sante/pret` says 503 until all that it needs is there."""
        return Starlette(
            routes=[
                *self.routes,
                Route("/sante/vivant", self._alive),
                Route("/sante/pret", self._readiness),
                Route("/metrics", _metrics),
            ],
            middleware=[Middleware(RequestTelemetry), *self.middleware, Middleware(BodyLimit, elsewhere=self.streams)],
            exception_handlers={HTTPException: self.explain} if self.explain is not None else {},
            lifespan=self._lifespan,
        )

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        running = asyncio.create_task(self._run())
        running.add_done_callback(_stop_process_on_failure)
        try:
            yield
        finally:
            running.cancel()
            # Its failure, if it failed, was said when it did.
            await asyncio.wait({running})
            for close in self.closers:
                await close()
            self.database.client.close()

    async def _run(self) -> None:
        await wait_for(self.database)
        if self.mode is Mode.LOCAL:
            await self.layout.migrate(self.database)
        elif await self.layout.pending(self.database):
            raise RuntimeError(f"migrations are pending: run `python -m services.{self.name} migrer`")
        if self.prepare is not None:
            await self.prepare()
        self._ready = True
        _log.info("ready")
        async with asyncio.TaskGroup() as group:
            for loop in self.loops:
                group.create_task(_endless(loop))

    async def _alive(self, _request: Request) -> Response:
        return JSONResponse({"service": self.name})

    async def _readiness(self, _request: Request) -> Response:
        ready = self._ready and all(met() for met in self.needs)
        return JSONResponse({"service": self.name, "pret": ready}, status_code=200 if ready else 503)


async def _endless(loop: Loop) -> None:
    await loop()
    raise RuntimeError("a loop ended by itself")


def _stop_process_on_failure(task: asyncio.Task[None]) -> None:
    if task.cancelled():
        return
    error = task.exception()
    if error is not None:
        _log.error("service_failed", reason=str(error) if isinstance(error, RuntimeError) else None, exc_info=error)
        os.kill(os.getpid(), signal.SIGTERM)


async def _metrics(_request: Request) -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
