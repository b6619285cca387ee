"""How many operations and requests to subgraphs there are, how they end and how long they take.

Every label is one of our own words: what a client wrote, the name of its operation included, is none.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from opentelemetry import metrics
from opentelemetry.metrics import Histogram, Meter

type Outcome = Literal["answered", "partial", "refused", "failed", "abandoned"]


@dataclass(slots=True)
class Observed:
    """What is known so far of something that is being measured; who goes away before the end has abandoned it."""

    outcome: Outcome = "abandoned"
    kind: str = "unknown"

    def end(self, *, errors: bool) -> None:
        """There is an answer, whole or with errors."""
        self.outcome = "partial" if errors else "answered"


class Measures:
    """The gateway's metrics, made by `meter`, or by that of the process."""

    def __init__(self, meter: Meter | None = None) -> None:
        made = meter or metrics.get_meter("gateway")
        self._operations = _duration(
            made, "graphql.server.request.duration", "Time to answer an operation, by its type"
        )
        self._subgraphs = _duration(made, "graphql.subgraph.request.duration", "Time a subgraph takes to answer")

    @contextmanager
    def operation(self) -> Iterator[Observed]:
        """Measure an operation; the block says of what type it is and how it ended."""
        observed, started = Observed(), time.perf_counter()
        try:
            yield observed
        finally:
            labels = {"graphql.operation.type": observed.kind, "outcome": observed.outcome}
            self._operations.record(time.perf_counter() - started, labels)

    @contextmanager
    def subgraph(self, name: str) -> Iterator[Observed]:
        """Measure a request to a subgraph; the block says how it ended."""
        observed, started = Observed(), time.perf_counter()
        try:
            yield observed
        finally:
            labels = {"graphql.subgraph": name, "outcome": observed.outcome}
            self._subgraphs.record(time.perf_counter() - started, labels)


def _duration(meter: Meter, name: str, description: str) -> Histogram:
    return meter.create_histogram(name, unit="s", description=f"{description}, by outcome")
