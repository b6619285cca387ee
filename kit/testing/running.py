"""Running a service's loops for the time of a test."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from kit.app.service import Loop


@contextlib.asynccontextmanager
async def running(*loops: Loop) -> AsyncIterator[None]:
    """Run `loops` until the block ends, then stop them."""

    async def run(loop: Loop) -> None:
        await loop()

    tasks = [asyncio.create_task(run(loop)) for loop in loops]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
