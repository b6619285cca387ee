"""What serves once serves once, over two processes of `identity` on one store: a part of what `make courses` runs."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bench.courses import COURSES, SERVENT_UNE_FOIS, Course, Piste, run, run_after_restoration
from tests.bench.served_identity import serve_identity

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.timeout(600)]

_ROUNDS, _KILLED, _RESTORED = 12, 4, 3


@pytest.fixture(scope="module")
async def piste(
    mongodb_uri: str, kafka_bootstrap_servers: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Piste]:
    folder: Path = tmp_path_factory.mktemp("courses")
    async with serve_identity(mongodb_uri, kafka_bootstrap_servers, folder, instances=2, cheap_hash=True) as served:
        yield Piste(served)


@pytest.mark.parametrize("course", COURSES, ids=lambda course: course.nom)
async def test_of_ten_at_the_same_moment_one_succeeds_at_most(piste: Piste, course: Course) -> None:
    result = await run(piste, course, rounds=_ROUNDS)
    assert (result.beyond, result.lost) == (0, 0), result
    assert result.told > 0, result


@pytest.mark.parametrize("course", COURSES, ids=lambda course: course.nom)
async def test_where_a_process_is_killed_meanwhile_one_succeeds_at_most_and_for_good(
    piste: Piste, course: Course
) -> None:
    result = await run(piste, course, rounds=_KILLED, kill_every=2)
    assert result.beyond == 0, result


@pytest.mark.parametrize("course", SERVENT_UNE_FOIS, ids=lambda course: course.nom)
async def test_nothing_from_before_a_restoration_succeeds(piste: Piste, course: Course) -> None:
    result = await run_after_restoration(piste, course, rounds=_RESTORED)
    assert (result.told, result.lost) == (0, 0), result
