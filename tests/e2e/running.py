"""Running the platform as `make up` does, on ports and in a folder of the test's own."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.platform import Platform, Settings, read_settings
from infra.local.processes import ROOT, free_ports

PORTS = (
    "PORT_MONGODB",
    "PORT_KAFKA",
    "PORT_KAFKA_CONTROLEUR",
    "PORT_ZIPKIN",
    "PORT_SMTP",
    "PORT_COURRIELS",
    "PASSERELLE_PORT",
    "IDENTITY_PORT",
    "IDENTITY_GRPC_PORT",
    "OFFRE_PORT",
    "ELEVES_PORT",
    "PILOTAGE_PORT",
    "RAPPORTS_PORT",
)


@dataclass(frozen=True, slots=True)
class Up:
    """The platform as it runs."""

    folder: Path
    ports: dict[str, int]
    process: asyncio.subprocess.Process
    output: str

    @property
    def environment(self) -> dict[str, str]:
        """What moves a command to this platform."""
        return {**{name: str(port) for name, port in self.ports.items()}, "DOSSIER_PLATEFORME": str(self.folder)}

    @property
    def settings(self) -> Settings:
        """Where everything is."""
        return read_settings(self.environment)

    @property
    def logs(self) -> Path:
        """The folder of what its processes wrote."""
        return self.folder / "logs"

    async def command(self, *command: str, given: bytes = b"") -> None:
        """Run a command of ours on the platform, as `python -m <command>`; it must succeed."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", *command),
            cwd=ROOT,
            env={**os.environ, **self.settings.environment()},
            stdin=asyncio.subprocess.PIPE,
        )
        await process.communicate(given)
        assert process.returncode == 0

    def url(self, port: str) -> str:
        """Where what listens on that port answers; identity, by the name that its pages, forms and tokens go by."""
        return self.settings.identity_url if port == "IDENTITY_PORT" else f"http://127.0.0.1:{self.ports[port]}"


async def start(folder: Path, ports: dict[str, int]) -> asyncio.subprocess.Process:
    environment = {**os.environ, **{name: str(port) for name, port in ports.items()}}
    for name in ("MONGODB_URI", "KAFKA_BOOTSTRAP_SERVERS", "OTEL_TRACES_EXPORTER"):
        environment.pop(name, None)
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "infra.local.platform",
        # Spans are sent soon, not when five seconds' worth is there, so that they can be waited for.
        env={**environment, "DOSSIER_PLATEFORME": str(folder), "OTEL_BSP_SCHEDULE_DELAY": "500"},
        stdout=asyncio.subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


async def read_until(process: asyncio.subprocess.Process, text: str, *, within: float = 180.0) -> str:
    assert process.stdout is not None
    output = ""
    async with asyncio.timeout(within):
        while text not in output:
            line = await process.stdout.readline()
            assert line, f"it stopped:\n{output}"
            output += line.decode()
    return output


@contextlib.asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Up]:
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    process = await start(folder, ports)
    try:
        yield Up(folder, ports, process, await read_until(process, "Accounts"))
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 60)


@contextlib.asynccontextmanager
async def owned(folder: Path) -> AsyncIterator[Platform]:
    """A platform of the test's own, some of whose processes it may kill."""
    ports = {name: str(port) for name, port in zip(PORTS, free_ports(len(PORTS)), strict=True)}
    platform = Platform(read_settings({**ports, "DOSSIER_PLATEFORME": str(folder)}))
    try:
        await platform.start()
        yield platform
    finally:
        platform.stop()


async def run(platform: Platform, *command: str, given: bytes = b"") -> int:
    """The status of a command of ours on such a platform, which reads what is given."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *command,
        env={**os.environ, **platform.settings.environment(), "OTEL_TRACES_EXPORTER": "none"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    await process.communicate(given)
    assert process.returncode is not None
    return process.returncode


def path_to_root(trace: list[dict[str, Any]], span: dict[str, Any]) -> list[tuple[str, str]]:
    """The span and those above it, as (service, name)."""
    by_id = {one["id"]: one for one in trace}
    path = []
    current: dict[str, Any] | None = span
    while current is not None:
        path.append((current["localEndpoint"]["serviceName"], current["name"]))
        current = by_id.get(current.get("parentId", ""))
    return path
