"""What is taken away is refused at every door, soon and for good: a part of what `make bench` measures."""

from collections.abc import AsyncIterator

import pytest

from tests.bench.retraits import RETRAITS, Plateforme, open_plateforme, withdraw

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

_TIMES = 3


@pytest.fixture(scope="module")
async def plateforme(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plateforme]:
    folder = tmp_path_factory.mktemp("plateforme")
    async with open_plateforme(folder, people=_TIMES * len(RETRAITS)) as opened:
        yield opened


@pytest.mark.parametrize("what", RETRAITS)
async def test_what_is_taken_away_is_refused_by_every_door_within_five_seconds(
    plateforme: Plateforme, what: str
) -> None:
    seconds = await withdraw(plateforme, RETRAITS[what], times=_TIMES)
    assert len(seconds) == _TIMES
    assert max(seconds) <= 5, seconds
