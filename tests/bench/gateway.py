"""CPU of the gateway for one operation over three subgraphs, against forwarding the same three requests bare.

As it is shipped: tokens checked, a span for the operation and for each request of it sent to a viewer.
"""

import asyncio
import os
import statistics
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import orjson
import psutil
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.tests.boutique import free_port, open_boutique
from gateway.tests.conftest import SUPERGRAPH
from kit.testing.issuer import Issuer
from kit.testing.serving import serve
from tests.bench.measures import Bar

_REQUESTS = 400
_WARM_UP = 50
_OPERATION = "query Liste($n: Int!) { produits(premiers: $n) { id nom poids reste port avis { id note texte } } }"
# What the gateway asks of the subgraphs for it, written out.
_ENTITIES = "query($r: [_Any!]!) { _entities(representations: $r) { ... on Produit %s } }"


async def measure(*, runs: int) -> Bar:
    """CPU of the gateway's process for a request, in milliseconds and as a multiple of the bare forwarder's."""
    issuer = Issuer(free_port())
    async with open_boutique() as shop, serve(issuer.app(), port=issuer.port), serve(_viewer()) as viewer:
        urls = ",".join(f"{name}={url}" for name, url in shop.urls.items())
        environment = {
            "PASSERELLE_SUPERGRAPHE": str(SUPERGRAPH),
            "PASSERELLE_SOUS_GRAPHES": urls,
            "IDENTITY_URL": issuer.url,
            "OTEL_TRACES_EXPORTER": "zipkin",
            "OTEL_EXPORTER_ZIPKIN_ENDPOINT": f"{viewer.url}/api/v2/spans",
        }
        async with (
            _process(["-m", "gateway"], "PASSERELLE_PORT", environment) as gateway,
            _process(["-m", "tests.bench.gateway"], "PORT", {"SOUS_GRAPHES": urls}) as bare,
        ):
            taken = [(await _cpu(*gateway, issuer), await _cpu(*bare, issuer)) for _ in range(runs)]
    ours, theirs = (1_000 * statistics.median(seconds) for seconds in zip(*taken, strict=True))
    return Bar(
        what=f"gateway, CPU of an operation over three subgraphs: {ours:.2f} ms a request",
        values=[gateway_seconds / bare_seconds for gateway_seconds, bare_seconds in taken],
        unit="×",
        bar=None,
        yardstick=f"the same requests, sent and joined by a bare Starlette application: {theirs:.2f} ms a request",
    )


@asynccontextmanager
async def _process(
    arguments: list[str], port_name: str, environment: dict[str, str]
) -> AsyncIterator[tuple[psutil.Process, str]]:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, env={**os.environ, **environment, port_name: str(port)}
    )
    url = f"http://127.0.0.1:{port}"
    try:
        async with asyncio.timeout(30):
            while not await _answers(url):  # noqa: ASYNC110 - another process sets no event of ours
                await asyncio.sleep(0.05)
        yield psutil.Process(process.pid), url
    finally:
        process.terminate()
        await process.wait()


async def _answers(url: str) -> bool:
    try:
        async with aiohttp.ClientSession() as session, session.get(f"{url}/sante/pret") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def _cpu(process: psutil.Process, url: str, issuer: Issuer) -> float:
    """Seconds of CPU for a request of somebody signed in, warm."""
    body = orjson.dumps({"query": _OPERATION, "variables": {"n": 3}})
    headers = {"content-type": "application/json", **issuer.authorization()}
    async with aiohttp.ClientSession(headers=headers) as session:
        for number in range(_WARM_UP + _REQUESTS):
            if number == _WARM_UP:
                before = process.cpu_times()
            async with session.post(f"{url}/graphql", data=body) as answer:
                raw = await answer.read()
                assert answer.status == 200, raw
                content = orjson.loads(raw)
                assert len(content["data"]["produits"]) == 3, content
    after = process.cpu_times()
    return (after.user + after.system - before.user - before.system) / _REQUESTS


def _viewer() -> Starlette:
    """Takes the spans, in this process: what it costs to send them is the gateway's, what to keep them is not."""

    async def take(request: Request) -> Response:
        await request.body()
        # Spans come every five seconds, when a connection that was kept might just be closing.
        return Response(status_code=202, headers={"connection": "close"})

    return Starlette(routes=[Route("/api/v2/spans", take, methods=["POST"])])


def _bare() -> Starlette:
    """The yardstick: no parsing, no planning, no shaping; the three requests known beforehand."""
    urls = dict(pair.split("=", 1) for pair in os.environ["SOUS_GRAPHES"].split(","))
    sessions: list[aiohttp.ClientSession] = []

    async def ask(name: str, query: str, variables: dict[str, object]) -> dict[str, list[dict[str, object]]]:
        body = orjson.dumps({"query": query, "variables": variables})
        async with sessions[0].post(urls[name], data=body, headers={"content-type": "application/json"}) as answer:
            data: dict[str, list[dict[str, object]]] = orjson.loads(await answer.read())["data"]
            return data

    async def graphql(request: Request) -> Response:
        if not sessions:
            sessions.append(aiohttp.ClientSession())
        asked = orjson.loads(await request.body())
        query = "query($n: Int!) { produits(premiers: $n) { id nom poids __typename } }"
        found = (await ask("catalogue", query, asked["variables"]))["produits"]
        keys = [{"__typename": "Produit", "id": one["id"]} for one in found]
        weighed = [{**key, "poids": one["poids"]} for key, one in zip(keys, found, strict=True)]
        stock, avis = await asyncio.gather(
            ask("stock", _ENTITIES % "{ reste port }", {"r": weighed}),
            ask("avis", _ENTITIES % "{ avis { id note texte } }", {"r": keys}),
        )
        for one, more, most in zip(found, stock["_entities"], avis["_entities"], strict=True):
            one.update(more | most)
        return Response(orjson.dumps({"data": {"produits": found}}), media_type="application/json")

    async def ready(_request: Request) -> Response:
        return Response("ok")

    return Starlette(routes=[Route("/graphql", graphql, methods=["POST"]), Route("/sante/pret", ready)])


if __name__ == "__main__":
    uvicorn.run(_bare(), port=int(os.environ["PORT"]), log_level="warning", access_log=False)
