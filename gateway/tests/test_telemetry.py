"""The gateway's spans: what is asked of a subgraph that fails is told by name, and by nothing that was sent."""

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from gateway.executor.subgraphs import SubgraphFailed, Subgraphs

CANARY = "zephyrine-canari"


async def test_the_span_of_a_failed_fetch_says_that_it_failed_and_not_how(monkeypatch: pytest.MonkeyPatch) -> None:
    exported, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exported))
    monkeypatch.setattr("gateway.executor.subgraphs._tracer", provider.get_tracer("essai"))
    # Nobody answers there, and the client says so with the address.
    async with Subgraphs({"offre": f"http://{CANARY}.invalid"}, timeout=5, max_bytes=100) as subgraphs:
        with pytest.raises(SubgraphFailed):
            await subgraphs.ask("offre", "{ moi }", {"nom": CANARY}, {"authorization": CANARY})
    (span,) = exported.get_finished_spans()
    assert (span.name, span.status.status_code) == ("fetch offre", StatusCode.ERROR)
    assert CANARY not in span.to_json()
