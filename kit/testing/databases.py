"""Databases of tests, under the names that services give theirs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kit.mongo import Database, open_database
from kit.mongo.migrations import Layout


@asynccontextmanager
async def opened(service: str, layout: Layout, *, uri: str, beside: Database) -> AsyncIterator[Database]:
    """The database of a service, brought up to date: beside the test's own, and dropped after it."""
    own = open_database(uri, f"{beside.name}_{service}")
    await layout.migrate(own)
    yield own
    await beside.client.drop_database(own.name)
    own.client.close()
