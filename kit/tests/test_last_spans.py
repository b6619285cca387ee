"""A process that is told to stop: its last spans leave it, and it ends as whoever sent the signal expects."""

import asyncio
import os
import signal
import sys

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kit.http import open_client
from kit.testing.serving import free_port, serve
from kit.testing.waiting import eventually

SERVER = """
import sys
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from kit.telemetry.requests import RequestTelemetry
from kit.telemetry.tracing import configure_tracing, shut_down_last

app = Starlette(
    routes=[Route("/essai", lambda request: PlainTextResponse("ok"))], middleware=[Middleware(RequestTelemetry)]
)
with shut_down_last(configure_tracing("essai")):
    uvicorn.run(app, port=int(sys.argv[1]), log_config=None)
"""


@pytest.mark.stack
async def test_the_spans_of_the_last_requests_are_sent_by_a_process_that_is_told_to_stop() -> None:
    received: list[str] = []

    async def collect(request: Request) -> Response:
        received.extend(span["name"] for span in await request.json())
        return Response(status_code=202)

    collector = Starlette(routes=[Route("/api/v2/spans", collect, methods=["POST"])])
    port = free_port()
    async with serve(collector) as collecting, open_client(base_url=f"http://127.0.0.1:{port}") as client:
        # Nothing would be sent within the test, were it not for the end.
        environment = os.environ | {
            "OTEL_TRACES_EXPORTER": "zipkin",
            "OTEL_EXPORTER_ZIPKIN_ENDPOINT": f"{collecting.url}/api/v2/spans",
            "OTEL_BSP_SCHEDULE_DELAY": "600000",
        }
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", SERVER, str(port), env=environment)

        async def answers() -> bool:
            try:
                return (await client.get("/essai")).is_success
            except httpx.TransportError:
                return False

        await eventually(answers, within=30)
        assert received == []
        process.terminate()
        async with asyncio.timeout(20):
            assert await process.wait() == 128 + signal.SIGTERM
    assert "GET /essai" in received
