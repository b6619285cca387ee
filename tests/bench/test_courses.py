"""What serves once serves once, over two processes of `identity` on one store: a part of what `make courses` runs."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bench.courses.departs import COURSES, RESTAUREES, Course
from tests.bench.courses.deroulement import run, run_after_restoration
from tests.bench.courses.piste import Piste, open_piste

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.timeout(600)]

_ROUNDS, _KILLED, _RESTORED = 12, 4, 3


@pytest.fixture(scope="module")
async def piste(
    mongodb_uri: str, kafka_bootstrap_servers: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Piste]:
    folder: Path = tmp_path_factory.mktemp("courses")
    async with open_piste(mongodb_uri, kafka_bootstrap_servers, folder) as opened:
        yield opened


@pytest.fixture
async def restored(mongodb_uri: str, kafka_bootstrap_servers: str, tmp_path: Path) -> AsyncIterator[Piste]:
    """Over a store of its own: what was never restored."""
    async with open_piste(mongodb_uri, kafka_bootstrap_servers, tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("course", COURSES, ids=lambda course: course.nom)
async def test_of_ten_at_the_same_moment_one_succeeds_at_most(piste: Piste, course: Course) -> None:
    result = await run(piste, course, rounds=_ROUNDS)
    assert (result.beyond, result.lost) == (0, 0), result
    assert result.effects > 0, result


@pytest.mark.parametrize("course", COURSES, ids=lambda course: course.nom)
async def test_where_a_process_is_killed_meanwhile_one_succeeds_at_most_and_for_good(
    piste: Piste, course: Course
) -> None:
    result = await run(piste, course, rounds=_KILLED, kill_every=2)
    assert result.beyond == 0, result


@pytest.mark.parametrize("course", RESTAUREES, ids=lambda course: course.nom)
async def test_what_served_before_a_restoration_serves_no_more_though_the_backup_knows_of_no_use(
    restored: Piste, course: Course
) -> None:
    before, after = await run_after_restoration(restored, course, rounds=_RESTORED)
    assert before.told > 0, before
    assert (after.told, after.effects, after.lost) == (0, 0, 0), after
