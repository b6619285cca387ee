"""What a service needs to be measured in a process of its own: its topics, and the process."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

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
    instance = Instance(service, environment, url)
    try:
        await instance.start()
        yield instance.process
    finally:
        await instance.stop()


@dataclass(slots=True)
class Instance:
    """A process of a service, which can be killed and started again."""

    service: str
    environment: Mapping[str, str]
    url: str
    killed: bool = False
    _process: asyncio.subprocess.Process | None = None

    @property
    def process(self) -> asyncio.subprocess.Process:
        """The process as it runs."""
        assert self._process is not None, "it was started"
        return self._process

    async def start(self) -> None:
        """Start it; on return it is ready."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", f"services.{self.service}", "servir"),
            env=self.environment,
            stdout=asyncio.subprocess.DEVNULL,
        )
        await eventually(self._is_ready, within=60)

    async def _is_ready(self) -> bool:
        assert self.process.returncode is None, f"{self.service} stopped while it started"
        try:
            async with open_client() as client:
                return (await client.get(f"{self.url}/sante/pret")).status_code == 200
        except httpx.TransportError:
            return False

    async def kill(self) -> None:
        """`kill -9`: it has no time to tidy up."""
        self.killed = True
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> None:
        """Let it stop."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()
