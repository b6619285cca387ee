"""The gateway's spans: what is asked of a subgraph that fails is told by name, and by nothing that was sent."""

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from gateway.executor.subgraphs import SubgraphFailed, Subgraphs

CANARY = "zephyrine-canari"
NOBODY = 1
"""A port on which nobody may listen but root's own services, and none does."""


async def test_the_span_of_a_failed_fetch_says_that_it_failed_and_not_how(monkeypatch: pytest.MonkeyPatch) -> None:
    exported, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exported))
    monkeypatch.setattr("gateway.executor.subgraphs._tracer", provider.get_tracer("essai"))
    async with Subgraphs({"offre": f"http://127.0.0.1:{NOBODY}/"}, timeout=5, max_bytes=100) as subgraphs:
        with pytest.raises(SubgraphFailed):
            await subgraphs.ask("offre", "{ moi }", {"nom": CANARY}, {"authorization": CANARY})
    (span,) = exported.get_finished_spans()
    assert (span.name, span.status.status_code) == ("fetch offre", StatusCode.ERROR)
    assert span.events == ()
    assert CANARY not in span.to_json()
