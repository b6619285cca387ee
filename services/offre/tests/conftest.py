"""The store of the offer, and what writes to it."""

from collections.abc import AsyncIterator

import pytest

from kit.mongo import Database, Transactor, open_database
from kit.mongo.migrations import generation
from services.offre.store import LAYOUT, Work, transactor


@pytest.fixture
async def store(mongodb_uri: str, unique_prefix: str, database: Database) -> AsyncIterator[Database]:
    """The database under the name the service gives it."""
    name = f"{unique_prefix.rstrip('.')}_offre"
    opened = open_database(mongodb_uri, name)
    await LAYOUT.migrate(opened)
    yield opened
    await database.client.drop_database(name)
    opened.client.close()


@pytest.fixture
async def transact(store: Database) -> Transactor[Work]:
    return transactor(store, generation=await generation(store))
