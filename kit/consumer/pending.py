"""References that are not known yet, counted for the metrics: normal for a while, a sign of trouble when they stay."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from kit.logs import get_logger
from kit.mongo.connection import is_away
from kit.telemetry.metrics import PENDING_REFERENCES

_EVERY_SECONDS = 30.0

_log = get_logger(__name__)


async def measure_pending(count: Callable[[], Awaitable[Mapping[str, int]]]) -> None:
    """Tell the metrics every half minute, for ever, what `count` finds: how many wait, by what they wait in.

    While the store is away this is said, and tried again; the figures last found stay.
    """
    while True:
        try:
            for collection, pending in (await count()).items():
                PENDING_REFERENCES.set(pending, {"collection": collection})
        except Exception as error:
            if not is_away(error):
                raise
            _log.warning("pending_not_measured", error=type(error).__name__)
        await asyncio.sleep(_EVERY_SECONDS)
