"""Spans and RED metrics of requests: route and status, never the URL, the query string or a header.

Written here rather than taken from the ASGI instrumentation, which records the URL and the client's address and
leaves it to the exporter to take them out again.
"""

import time

from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind, StatusCode
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kit.telemetry.metrics import REQUESTS

_tracer = trace.get_tracer(__name__)
_QUIET = ("/sante/", "/metrics")


class RequestTelemetry:
    """ASGI middleware: one SERVER span and one measure for each request, continuing the caller's trace."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(_QUIET):
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500
        carrier = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in scope["headers"]
            # Its identifiers alone: `tracestate` is whatever text the caller sent, and would go on into events.
            if name == b"traceparent"
        }

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with _tracer.start_as_current_span(
            scope["method"], context=propagate.extract(carrier), kind=SpanKind.SERVER
        ) as span:
            try:
                await self._app(scope, receive, observed)
            finally:
                route = _route(scope)
                span.update_name(f"{scope['method']} {route}")
                span.set_attributes(
                    {
                        "http.request.method": scope["method"],
                        "http.route": route,
                        "http.response.status_code": status,
                    }
                )
                if status >= 500:
                    span.set_status(StatusCode.ERROR)
                REQUESTS.record(
                    time.perf_counter() - started, {"http.route": route, "http.response.status_code": status}
                )


def _route(scope: Scope) -> str:
    """The route's template, as our code wrote it; what matched none is not named."""
    route = scope.get("route")
    path = getattr(route, "path", None)
    return path if isinstance(path, str) else "-"
