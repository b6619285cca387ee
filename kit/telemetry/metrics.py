"""The metrics every service has. Labels come from our own code, never from what a caller sends."""

from os import environ

from opentelemetry import metrics
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

_meter = metrics.get_meter("kit")

REQUESTS = _meter.create_histogram(
    "http.server.request.duration", unit="s", description="Time to answer, by route and status"
)
OUTBOX_AGE = _meter.create_gauge("outbox.age", unit="s", description="Age of the oldest event in the outbox")
EVENTS_SENT = _meter.create_counter("outbox.events.sent", description="Events published")
EVENTS_HANDLED = _meter.create_counter(
    "consumer.events", description="Events handled, by topic and outcome (applied, older, dead)"
)
CONSUMER_LAG = _meter.create_gauge("consumer.lag", description="Events not yet handled, by topic and partition")
PENDING_REFERENCES = _meter.create_gauge(
    "consumer.pending", description="Rows that wait for the other side of a reference, by collection"
)


def configure_metrics(service: str) -> None:
    """Collect the metrics for `/metrics` (Prometheus); with OTEL_METRICS_EXPORTER=otlp, send them as well.

    Raises:
        SystemExit: another exporter is asked for.
    """
    readers: list[MetricReader] = [PrometheusMetricReader()]
    match environ.get("OTEL_METRICS_EXPORTER", "none"):
        case "otlp":
            readers.append(PeriodicExportingMetricReader(OTLPMetricExporter()))
        case "none":
            pass
        case other:
            raise SystemExit(f"setting OTEL_METRICS_EXPORTER: {other!r} is not one of otlp, none")
    metrics.set_meter_provider(MeterProvider(readers, resource=Resource.create({"service.name": service})))
