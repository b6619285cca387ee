"""Traces: one from the request to the store and through Kafka to the last projection, without personal data.

Only attributes on the list below leave the process, whoever set them: instrumentation libraries may add what they
like, and a new version of one cannot begin to leak.
"""

import contextlib
import signal
import sys
from collections.abc import Iterator, Sequence
from os import environ
from typing import override

from opentelemetry import trace
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.exporter.zipkin.json import ZipkinExporter
from opentelemetry.instrumentation.pymongo import PymongoInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Decision, ParentBased, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, TraceState
from opentelemetry.util.types import Attributes

ALLOWED = frozenset(
    {
        "db.collection.name",
        "db.mongodb.collection",
        "db.name",
        "db.operation",
        "db.system",
        "exception.type",
        "graphql.document.hash",
        "graphql.operation.type",
        "http.request.method",
        "http.response.status_code",
        "http.route",
        "messaging.batch.message_count",
        "messaging.destination.name",
        "messaging.system",
        "rpc.grpc.status_code",
        "rpc.method",
        "rpc.service",
        "rpc.system",
    }
)


class AllowListExporter(SpanExporter):
    """Passes spans on with nothing but what `ALLOWED` names: no other attribute, no message, no stack trace."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._inner.export([_cleaned(span) for span in spans])

    def shutdown(self) -> None:
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._inner.force_flush(timeout_millis)


def _cleaned(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=_bare(span.context),
        parent=_bare(span.parent) if span.parent else None,
        resource=span.resource,
        attributes=_allowed(span.attributes),
        events=[Event(event.name, _allowed(event.attributes), event.timestamp) for event in span.events],
        links=[Link(_bare(link.context), _allowed(link.attributes)) for link in span.links],
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _bare(context: SpanContext) -> SpanContext:
    """Its identifiers alone: the trace state is whatever text the first caller sent."""
    return SpanContext(context.trace_id, context.span_id, context.is_remote, context.trace_flags)


def _allowed(attributes: Attributes) -> BoundedAttributes:
    return BoundedAttributes(attributes={k: v for k, v in (attributes or {}).items() if k in ALLOWED})


class RootSampler(Sampler):
    """Starts a trace at a request, a message or a command, not at each turn of a background loop's store calls."""

    @override
    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        if kind is SpanKind.CLIENT:
            return SamplingResult(Decision.DROP)
        return ALWAYS_ON.should_sample(parent_context, trace_id, name, kind, attributes, links)

    @classmethod
    def with_parents(cls) -> Sampler:
        """This sampler for the first span of a trace, the first span's fate for the others."""
        return ParentBased(cls())

    @override
    def get_description(self) -> str:
        return "RootSampler"


def configure_tracing(service: str) -> TracerProvider:
    """Send spans where the standard `OTEL_TRACES_EXPORTER` says: `otlp` (default), `zipkin` or `none`.

    Raises:
        SystemExit: another exporter is asked for.
    """
    provider = TracerProvider(resource=Resource.create({"service.name": service}), sampler=RootSampler.with_parents())
    exporter = _exporter(environ.get("OTEL_TRACES_EXPORTER", "otlp"))
    if exporter is not None:
        provider.add_span_processor(BatchSpanProcessor(AllowListExporter(exporter)))
    trace.set_tracer_provider(provider)
    PymongoInstrumentor().instrument(tracer_provider=provider)
    return provider


@contextlib.contextmanager
def shut_down_last(provider: TracerProvider) -> Iterator[None]:
    """Send the spans that still wait once the block is over, also where SIGTERM ends it.

    A server that was told to stop closes in order, then raises the signal again for whoever waits for the process: left
    to its default, that would end the process before its last spans left it. The status is a shell's for that signal.
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
