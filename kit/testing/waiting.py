"""Waiting for what happens elsewhere: a condition and a deadline, never a fixed pause."""

import asyncio
import time
from collections.abc import Awaitable, Callable

POLL_SECONDS = 0.02


async def eventually[T](
    condition: Callable[[], Awaitable[T]], *, within: float = 10.0, every: float = POLL_SECONDS
) -> T:
    """The first truthy value of `condition`, asked again every so many seconds.

    Raises:
        AssertionError: it was still false after `within` seconds.
    """
    deadline = time.monotonic() + within
    while True:
        value = await condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"still {value!r} after {within} s"  # noqa: S101
        await asyncio.sleep(every)
