"""Leases: one holder at a time."""

import asyncio
from datetime import timedelta

import pytest

from kit.mongo import Database, ensure, leases
from kit.mongo.leases import LEASES

pytestmark = pytest.mark.stack

LONG, OVER = timedelta(seconds=60), timedelta(seconds=-1)


@pytest.fixture
async def store(database: Database) -> Database:
    await ensure(database, [LEASES])
    return database


async def renew(store: Database, holder: str) -> bool:
    async with await store.client.start_session() as session, session.start_transaction():
        return await leases.renew(store, "essai", holder, LONG, session)


async def test_a_lease_is_held_by_one_until_it_expires(store: Database) -> None:
    assert await leases.acquire(store, "essai", "a", LONG)
    assert not await leases.acquire(store, "essai", "b", LONG)
    assert await leases.acquire(store, "autre", "b", LONG)
    # Renewing it is also how it comes to its end here; what is over by the time it is given is not held.
    assert not await leases.acquire(store, "essai", "a", OVER)
    assert await leases.acquire(store, "essai", "b", LONG)
    assert not await leases.acquire(store, "essai", "a", LONG)


async def test_a_lease_that_is_given_up_is_free_at_once_but_only_its_holder_can(store: Database) -> None:
    await leases.acquire(store, "essai", "a", LONG)
    await leases.release(store, "essai", "b")
    assert not await leases.acquire(store, "essai", "b", LONG)
    await leases.release(store, "essai", "a")
    assert await leases.acquire(store, "essai", "b", LONG)


async def test_of_many_that_ask_at_the_same_moment_one_gets_it(store: Database) -> None:
    got = await asyncio.gather(*(leases.acquire(store, "essai", f"p{i}", LONG) for i in range(10)))
    assert sum(got) == 1


async def test_a_lease_is_renewed_in_a_transaction_by_its_holder_only(store: Database) -> None:
    await leases.acquire(store, "essai", "a", OVER)
    assert await renew(store, "a")
    assert not await leases.acquire(store, "essai", "b", LONG)
    assert not await renew(store, "b")
