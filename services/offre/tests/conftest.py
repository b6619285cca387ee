"""The store of the offer, and what writes to it."""

from collections.abc import AsyncIterator

import pytest

from kit.mongo import Database, Transactor
from kit.mongo.migrations import generation
from kit.testing import databases
from services.offre.store import LAYOUT, Work, transactor


@pytest.fixture
async def store(mongodb_uri: str, database: Database) -> AsyncIterator[Database]:
    async with databases.opened("offre", LAYOUT, uri=mongodb_uri, beside=database) as own:
        yield own


@pytest.fixture
async def transact(store: Database) -> Transactor[Work]:
    return transactor(store, generation=await generation(store))
