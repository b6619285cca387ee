"""Figures that nobody's work brings along, and that are read from the store for the metrics once in a while."""

import asyncio
from collections.abc import Awaitable, Callable

from kit.logs import get_logger
from kit.mongo.connection import is_away

_log = get_logger(__name__)


async def measure_repeatedly(measure: Callable[[], Awaitable[None]], *, every: float) -> None:
    """Have `measure` set its gauges every so many seconds, for ever.

    While the store is away this is said, and tried again; the figures last found stay.
    """
    while True:
        try:
            await measure()
        except Exception as error:
            if not is_away(error):
                raise
            _log.warning("not_measured", error=type(error).__name__)
        await asyncio.sleep(every)
