"""References that are not known yet, counted for the metrics: normal for a while, a sign of trouble when they stay."""

from collections.abc import Awaitable, Callable, Mapping

from kit.mongo.measuring import measure_repeatedly
from kit.telemetry.metrics import PENDING_REFERENCES

_EVERY_SECONDS = 30.0


async def measure_pending(count: Callable[[], Awaitable[Mapping[str, int]]]) -> None:
    """Tell the metrics every half minute, for ever, what `count` finds: how many wait, by what they wait in."""

    async def measure() -> None:
        for collection, pending in (await count()).items():
            PENDING_REFERENCES.set(pending, {"collection": collection})

    await measure_repeatedly(measure, every=_EVERY_SECONDS)
