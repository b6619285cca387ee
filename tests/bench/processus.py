"""What a service needs to be measured in a process of its own: its topics, and the process."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

import httpx
from aiokafka.admin import AIOKafkaAdminClient

from kit.http import open_client
from kit.testing import topics
from kit.testing.waiting import eventually


async def create_topics(kafka: str, prefix: str, names: Iterable[str]) -> None:
    """Create these topics, each with its dead letters."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await topics.create(admin, sorted({f"{prefix}{name}{suffix}" for name in names for suffix in ("", ".dlq")}))
    finally:
        await admin.close()


@asynccontextmanager
async def serve_process(
    service: str, environment: Mapping[str, str], *, url: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The service in a process, ready at `url`; it is stopped at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"services.{service}", "servir", env=environment, stdout=asyncio.subprocess.DEVNULL
    )

    async def is_ready() -> bool:
        assert process.returncode is None, f"{service} stopped while it started"
        try:
            async with open_client() as client:
                return (await client.get(f"{url}/sante/pret")).status_code == 200
        except httpx.TransportError:
            return False

    try:
        await eventually(is_ready, within=60)
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
