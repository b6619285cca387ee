"""How many tries are allowed, and how long a lock lasts (domaine.md §3)."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from kit.mongo import Database
from services.identity.domain.tentatives import MOTS_DE_PASSE
from services.identity.store.tentatives import TENTATIVES, Tentatives
from services.identity.store.work import LAYOUT

pytestmark = pytest.mark.stack

NOW = datetime(2025, 1, 6, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def tentatives(database: Database) -> Tentatives:
    await LAYOUT.migrate(database)
    # The store would forget rows of the past while the test reads them.
    await database[TENTATIVES.name].drop_index("expire_le_1")
    return Tentatives(database)


async def take(tentatives: Tentatives, count: int, *, now: datetime, key: str = "a") -> list[datetime | None]:
    return [await tentatives.take(key, MOTS_DE_PASSE, now=now) for _ in range(count)]


async def test_ten_tries_are_allowed_and_the_eleventh_waits_ten_minutes(tentatives: Tentatives) -> None:
    taken = await take(tentatives, 12, now=NOW)
    assert taken == [None] * 10 + [NOW + 10 * MINUTE] * 2
    assert await tentatives.take("b", MOTS_DE_PASSE, now=NOW) is None, "another key counts apart"
    assert await take(tentatives, 1, now=NOW + 9 * MINUTE) == [NOW + 10 * MINUTE]
    assert await take(tentatives, 1, now=NOW + 10 * MINUTE) == [None]


async def test_tries_of_more_than_ten_minutes_ago_do_not_count(tentatives: Tentatives) -> None:
    for minute in range(0, 60, 2):
        assert await take(tentatives, 1, now=NOW + minute * MINUTE) == [None]


@pytest.mark.exigence("ASVS 6.3.1", "CNIL-2022-100 restriction")
async def test_each_lock_is_longer_than_the_one_before_up_to_a_day(tentatives: Tentatives) -> None:
    now, lengths = NOW, []
    for _ in range(9):
        await take(tentatives, 10, now=now)
        (until,) = await take(tentatives, 1, now=now)
        assert until is not None
        lengths.append((until - now) // MINUTE)
        now = until
    assert lengths == [10, 20, 40, 80, 160, 320, 640, 1440, 1440]


async def test_a_success_forgives(tentatives: Tentatives) -> None:
    await take(tentatives, 10, now=NOW)
    await tentatives.forgive("a")
    assert await take(tentatives, 10, now=NOW) == [None] * 10


async def test_a_burst_is_counted_as_much_as_a_sequence(tentatives: Tentatives) -> None:
    taken = await asyncio.gather(
        *(tentatives.take("a", MOTS_DE_PASSE, now=NOW + timedelta(milliseconds=rank % 7)) for rank in range(40))
    )
    assert taken.count(None) == 10
    row = await tentatives.database[TENTATIVES.name].find_one({"_id": "a"})
    assert row is not None
    assert row["blocages"] == 1, "one burst locks once"
