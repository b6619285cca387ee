"""The shop that the gateway's tests ask, and the gateway over it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.engine import Engine
from gateway.executor.subgraphs import Subgraphs
from gateway.limits import Limits
from gateway.supergraph import Supergraph, read_supergraph
from gateway.tests.boutique import Boutique, open_boutique

SUPERGRAPH = Path(__file__).with_name("supergraph.graphql")


@pytest.fixture(scope="session")
def supergraph() -> Supergraph:
    return read_supergraph(SUPERGRAPH.read_text(encoding="utf-8"))


@pytest.fixture
async def boutique() -> AsyncIterator[Boutique]:
    async with open_boutique() as shop:
        yield shop


@pytest.fixture
async def engine(supergraph: Supergraph, boutique: Boutique) -> AsyncIterator[Engine]:
    async with Subgraphs(boutique.urls, timeout=5, max_bytes=1_000_000) as subgraphs:
        yield Engine(supergraph, subgraphs, Limits())
