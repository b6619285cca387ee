"""Traces, logs and metrics: one trace from end to end, and nothing in any of them that a person typed."""

import asyncio
import gc
import logging
from collections.abc import Iterator, Sequence

import orjson
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from kit.logs import configure_logs, get_logger
from kit.telemetry.tracing import ALLOWED, AllowListExporter, RootSampler

CANARY = "Zéphyrine-Canari"


@pytest.fixture
def exported() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(exported: InMemorySpanExporter) -> Iterator[trace.Tracer]:
    provider = TracerProvider(sampler=RootSampler.with_parents())
    provider.add_span_processor(SimpleSpanProcessor(AllowListExporter(exported)))
    yield provider.get_tracer("essai")
    provider.shutdown()


def everything(spans: Sequence[ReadableSpan]) -> str:
    return "".join(span.to_json() or "" for span in spans)


def test_only_listed_attributes_leave_the_process(tracer: trace.Tracer, exported: InMemorySpanExporter) -> None:
    with tracer.start_as_current_span("GET /x") as span:
        span.set_attributes({"http.route": "/x", "url.full": CANARY, "graphql.variables": CANARY})
        span.add_event("noted", {"note": CANARY})
        span.set_status(StatusCode.ERROR, CANARY)
        span.record_exception(ValueError(CANARY))
    (shown,) = exported.get_finished_spans()
    assert dict(shown.attributes or {}) == {"http.route": "/x"}
    assert shown.status.status_code is StatusCode.ERROR
    assert [event.name for event in shown.events] == ["noted", "exception"]
    assert dict(shown.events[1].attributes or {}) == {"exception.type": "ValueError"}
    assert CANARY not in everything([shown])


def test_no_listed_attribute_can_hold_what_a_client_sends() -> None:
    assert not {
        name for name in ALLOWED if any(w in name for w in ("url", "query", "statement", "message", "user"))
    } - {"messaging.batch.message_count"}


def test_store_calls_of_background_loops_start_no_trace(tracer: trace.Tracer, exported: InMemorySpanExporter) -> None:
    with tracer.start_as_current_span("find", kind=SpanKind.CLIENT):
        pass
    with (
        tracer.start_as_current_span("request", kind=SpanKind.SERVER),
        tracer.start_as_current_span("find", kind=SpanKind.CLIENT),
    ):
        pass
    names = [span.name for span in exported.get_finished_spans()]
    assert names == ["find", "request"]


def test_a_log_line_is_json_with_the_trace_and_without_the_text_of_an_exception(
    tracer: trace.Tracer, capsys: pytest.CaptureFixture[str]
) -> None:
    with tracer.start_as_current_span("request") as span:
        try:
            int(CANARY)
        except ValueError:
            get_logger("essai").exception("failed", topic="offre.formations.v1")
        expected = format(span.get_span_context().trace_id, "032x")
    line = capsys.readouterr().out
    assert CANARY not in line
    entry = orjson.loads(line)
    assert entry["trace_id"] == expected
    assert entry["exception"] == "ValueError"
    assert entry["topic"] == "offre.formations.v1"
    assert "test_telemetry.py" in entry["raised_at"][0]


def test_a_task_whose_failure_nobody_saw_is_told_without_the_text_of_its_exception(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs("essai")

    async def fails() -> None:
        raise ValueError(CANARY)

    async def forget() -> None:
        task = asyncio.create_task(fails())
        await asyncio.wait({task})
        del task
        gc.collect()

    asyncio.run(forget())
    line = capsys.readouterr().out
    assert CANARY not in line
    entry = orjson.loads(line)
    assert (entry["event"], entry["exception"]) == ("Task exception was never retrieved", "ValueError")


def test_other_libraries_log_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("essai")
    try:
        int(CANARY)
    except ValueError:
        logging.getLogger("autre").exception("failed")
    line = capsys.readouterr().out
    assert CANARY not in line
    assert orjson.loads(line)["service"] == "essai"
