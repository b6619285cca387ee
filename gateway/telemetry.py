"""Where the gateway's spans, measures and logs go. Only its own code sets attributes: none holds what a client sent."""

import contextlib
import logging
import signal
import sys
from collections.abc import Iterator
from os import environ

import orjson
import structlog
from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.exporter.zipkin.json import ZipkinExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from structlog.typing import EventDict


def configure() -> TracerProvider:
    """Set them up by the standard `OTEL_…` variables: traces go to `otlp` (default), `zipkin` or `none`."""
    logging.basicConfig(level=logging.WARNING)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _add_trace,
            structlog.processors.JSONRenderer(serializer=lambda event, **_: orjson.dumps(event, default=str).decode()),
        ]
    )
    resource = Resource.create({"service.name": "gateway"})
    provider = TracerProvider(resource=resource)
    exporter = _exporter(environ.get("OTEL_TRACES_EXPORTER", "otlp"))
    if exporter is not None:
        provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    metrics.set_meter_provider(MeterProvider([PrometheusMetricReader()], resource=resource))
    return provider


@contextlib.contextmanager
def shut_down_last(provider: TracerProvider) -> Iterator[None]:
    """Send the spans that still wait once the block is over, also where SIGTERM ends it.

    uvicorn raises the signal again once it has closed in order: left to its default, that would end the process first.
    """
    before = signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        provider.shutdown()


def _exporter(name: str) -> SpanExporter | None:
    match name:
        case "otlp":
            return OTLPSpanExporter()
        case "zipkin":
            return ZipkinExporter()
        case "none":
            return None
        case _:
            raise SystemExit(f"setting OTEL_TRACES_EXPORTER: {name!r} is not one of otlp, zipkin, none")


def _add_trace(_logger: object, _method: str, event: EventDict) -> EventDict:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = format(context.trace_id, "032x")
    return event
