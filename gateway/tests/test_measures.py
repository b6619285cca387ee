"""The gateway's metrics: how many operations and requests to subgraphs, how they ended; and no word of a client's."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from gateway.http.app import create_app
from gateway.settings import Settings
from gateway.tests.boutique import Boutique, free_port, open_boutique, serve
from gateway.tests.conftest import SUPERGRAPH

OPERATIONS = "graphql.server.request.duration"
SUBGRAPHS = "graphql.subgraph.request.duration"


@dataclass(slots=True)
class Measured:
    """A gateway, and what it has measured."""

    client: httpx.AsyncClient
    reader: InMemoryMetricReader

    def counts(self, name: str) -> dict[tuple[str, ...], int]:
        """How many of each series, by its labels in alphabetical order of their names."""
        points = [point for metric in self._metrics() if metric.name == name for point in metric.data.data_points]
        return {tuple(value for _, value in sorted(point.attributes.items())): point.count for point in points}

    def shown(self) -> str:
        return "".join(str(point) for metric in self._metrics() for point in metric.data.data_points)

    def _metrics(self) -> list[Any]:
        data = self.reader.get_metrics_data()
        return [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics] if data else []


@pytest.fixture
async def boutique() -> AsyncIterator[Boutique]:
    async with open_boutique(without=frozenset({"avis"})) as shop:
        yield shop


@pytest.fixture
async def measured(boutique: Boutique) -> AsyncIterator[Measured]:
    reader, port = InMemoryMetricReader(), free_port()
    settings = Settings(
        supergraphe=SUPERGRAPH, sous_graphes=boutique.urls, IDENTITY_URL=f"http://127.0.0.1:{free_port()}"
    )
    provider = MeterProvider([reader])
    async with (
        serve(create_app(settings, provider.get_meter("gateway")), port),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        yield Measured(client, reader)
    provider.shutdown()


async def test_operations_are_counted_by_their_type_and_how_they_ended(measured: Measured) -> None:
    for query in (
        "query Zephyrine { depots }",
        "{ depots }",
        '{ produit(id: "p1") { avis { note } } }',
        'mutation { vide(id: "Zephyrine") { reste } }',
        "{ inconnu }",
        "{ depots ",
    ):
        await measured.client.post("/graphql", json={"query": query})
    await measured.client.post("/graphql", content=b"Zephyrine")
    await measured.client.post("/graphql", json={"query": "{ depots }"}, headers={"accept": "text/html"})
    assert measured.counts(OPERATIONS) == {
        ("query", "answered"): 2,
        ("query", "partial"): 1,
        ("mutation", "answered"): 1,
        ("unknown", "refused"): 4,
    }
    assert "Zephyrine" not in measured.shown()


async def test_requests_to_subgraphs_are_counted_by_subgraph_and_how_they_ended(measured: Measured) -> None:
    query = '{ produit(id: "p1") { nom avis { note } } autre: produit(id: "panne") { nom } depots }'
    for _ in range(2):
        await measured.client.post("/graphql", json={"query": query})
    assert measured.counts(SUBGRAPHS) == {
        ("catalogue", "partial"): 2,
        ("stock", "answered"): 2,
        ("avis", "failed"): 2,
    }


async def test_what_is_not_asked_is_not_counted(measured: Measured) -> None:
    await measured.client.get("/sante/vivant")
    await measured.client.get("/metrics")
    assert measured.counts(OPERATIONS) == measured.counts(SUBGRAPHS) == {}
