"""References that are not known yet, in the metrics."""

import asyncio
from collections.abc import Mapping

import pytest
from pymongo.errors import ServerSelectionTimeoutError

from kit.consumer.pending import measure_pending
from kit.testing.waiting import eventually
from kit.tests.conftest import Measured


async def test_what_waits_is_shown_and_a_store_that_is_away_is_waited_for(
    measured: Measured, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("kit.consumer.pending._EVERY_SECONDS", 0.01)
    counts = iter([{"voeux": 3, "candidatures": 2}, None, {"voeux": 1}])

    async def count() -> Mapping[str, int]:
        found = next(counts, {})
        if found is None:
            raise ServerSelectionTimeoutError
        return found

    async def shown() -> bool:
        return measured("consumer_pending", collection="voeux") == 1

    async with asyncio.TaskGroup() as group:
        measuring = group.create_task(measure_pending(count))
        await eventually(shown)
        measuring.cancel()
    assert measured("consumer_pending", collection="candidatures") == 2, "nothing was said of them since"
    assert "not_measured" in capsys.readouterr().out


async def test_another_failure_ends_the_process() -> None:
    async def count() -> Mapping[str, int]:
        raise ValueError("a mistake of ours")

    with pytest.raises(ValueError, match="a mistake"):
        await measure_pending(count)
