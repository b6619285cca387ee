"""What several tests of the kit share."""

from collections.abc import AsyncIterator
from functools import cache
from typing import Protocol

import pytest
from aiokafka import AIOKafkaProducer
from prometheus_client import REGISTRY

from kit.mongo import Database
from kit.mongo.migrations import Layout
from kit.outbox.rows import OUTBOX
from kit.telemetry.metrics import configure_metrics
from kit.testing.fixtures import CreateTopics
from kit.tests.publisher import TOPIC, Publisher


@pytest.fixture
async def publisher(
    database: Database, create_topics: CreateTopics, kafka_bootstrap_servers: str, unique_prefix: str
) -> Publisher:
    await Layout(collections=[OUTBOX]).migrate(database)
    await create_topics([TOPIC])
    return Publisher(database, kafka_bootstrap_servers, unique_prefix)


@pytest.fixture
async def producer(kafka_bootstrap_servers: str, create_topics: CreateTopics) -> AsyncIterator[AIOKafkaProducer]:
    """Sends to the topic of the tests, which exists."""
    await create_topics([TOPIC])
    async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap_servers) as sending:
        yield sending


class Measured(Protocol):
    """Reads a metric as `/metrics` shows it."""

    def __call__(self, name: str, **labels: str) -> float: ...


@cache
def _measure() -> None:
    """A process has one set of metrics, configured once."""
    configure_metrics("essai")


@pytest.fixture
def measured() -> Measured:
    """The sum of a metric's values over the series that have these labels; 0 when there is none."""
    _measure()

    def read(name: str, **labels: str) -> float:
        samples = (sample for metric in REGISTRY.collect() for sample in metric.samples)
        return sum(s.value for s in samples if s.name == name and labels.items() <= s.labels.items())

    return read
