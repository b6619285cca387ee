"""Fixtures over the real store and the real broker: each test has its own database and its own topics."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

import pytest
import structlog
from aiokafka.admin import AIOKafkaAdminClient
from ulid import ULID

from kit.logs import configure_logs
from kit.mongo import Database, open_database
from kit.testing.issuer import Issuer
from kit.testing.serving import free_port, serve
from kit.testing.topics import create

type CreateTopics = Callable[[Iterable[str]], Awaitable[None]]


@pytest.fixture(autouse=True)
def logs() -> None:
    """Logs as they are in production, written to whatever standard output is now."""
    configure_logs("test")
    structlog.configure(cache_logger_on_first_use=False)


@pytest.fixture
def unique_prefix() -> str:
    """Isolates this test's topics, groups and databases from every other's."""
    return f"t{str(ULID()).lower()}."


@pytest.fixture(scope="session")
def mongodb_uri() -> str:
    return os.environ["MONGODB_URI"]


@pytest.fixture(scope="session")
def kafka_bootstrap_servers() -> str:
    return os.environ["KAFKA_BOOTSTRAP_SERVERS"]


@pytest.fixture
async def database(mongodb_uri: str, unique_prefix: str) -> AsyncIterator[Database]:
    """An empty database, dropped after the test."""
    opened = open_database(mongodb_uri, unique_prefix.rstrip("."))
    yield opened
    await opened.client.drop_database(opened.name)
    opened.client.close()


@pytest.fixture
async def create_topics(kafka_bootstrap_servers: str, unique_prefix: str) -> AsyncIterator[CreateTopics]:
    """Creates topics, with their dead letters, under the test's prefix; they are deleted after it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap_servers)
    await admin.start()
    created: list[str] = []

    async def create_with_dead_letters(names: Iterable[str]) -> None:
        topics = [f"{unique_prefix}{name}{suffix}" for name in names for suffix in ("", ".dlq")]
        created.extend(topics)
        await create(admin, topics)

    yield create_with_dead_letters
    if created:
        await admin.delete_topics(created)
    await admin.close()


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    """An issuer of access tokens whose keys can be fetched."""
    issuing = Issuer(free_port())
    async with serve(issuing.app(), port=issuing.port):
        yield issuing
