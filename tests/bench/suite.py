"""All the tests that a contributor runs before each commit, as `make test` runs them."""

import asyncio
import time

from infra.local.processes import ROOT
from tests.bench.measures import Bar


async def measure() -> Bar:
    """Minutes that `make test` takes here, once: everything it needs is installed, as this runs from it."""
    started = time.perf_counter()
    process = await asyncio.create_subprocess_exec("make", "--silent", "test", cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()[-2_000:]
    return Bar(
        what="`make test`, stack included, once",
        values=[(time.perf_counter() - started) / 60],
        unit=" min",
        bar=10,
        yardstick="none",
    )
