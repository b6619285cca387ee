"""`make up` as a newcomer has it: in a fresh clone, and again once everything is there."""

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from infra.local.connexion import sign_in
from infra.local.demonstration import lycees
from infra.local.jeton import find_personne
from infra.local.platform import read_settings
from infra.local.processes import ROOT, free_ports
from tests.bench.measures import Bar
from tests.e2e.depots import Frontend
from tests.e2e.running import PORTS, read_until

_OURS = ("MAKE", "DOSSIER_PLATEFORME", "MONGODB_URI", "KAFKA_BOOTSTRAP_SERVERS", "OTEL_", "PYTHONP", "VIRTUAL_ENV")
_START_SECONDS = 600.0
_INSTALL = (
    ("make", "--silent", "install"),
    (".local/venv/bin/python", "-m", "infra.local.installation", "kafka", "zipkin"),
)


async def measure(folder: Path, *, runs: int) -> list[Bar]:
    """Seconds from the command to a head of school's first answered query, sign-in included: of the last commit in a
    fresh clone, then a second time.

    Downloads are apart, and once: what pip, uv and Maven bring is kept in caches of this measure's own, which the
    clones then find filled.
    """
    caches = _caches(folder)
    filling, filled = [await _installation(folder, caches) for _ in range(2)]
    first, again = [], []
    for _ in range(runs):
        async with _clone(folder) as clone:
            first.append(await _seconds(clone, caches))
            again.append(await _seconds(clone, caches))
    return [
        Bar(
            what="downloads before the first make up, once",
            values=[filling - filled],
            unit=" s",
            bar=None,
            yardstick="the same installation, from the caches that it filled",
        ),
        Bar(what="make up in a fresh clone, downloads apart", values=first, unit=" s", bar=180, yardstick="none"),
        Bar(what="make up, cached and loaded", values=again, unit=" s", bar=25, yardstick="none"),
    ]


@asynccontextmanager
async def _clone(folder: Path) -> AsyncIterator[Path]:
    clone = folder / "clone"
    await _complete("git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone))
    yield clone
    await asyncio.to_thread(shutil.rmtree, clone)


async def _installation(folder: Path, caches: dict[str, str]) -> float:
    """Seconds that the installation of all that `make up` needs takes in a fresh clone."""
    async with _clone(folder) as clone:
        started = time.perf_counter()
        for command in _INSTALL:
            await _complete(*command, cwd=clone, env=environment() | caches)
        return time.perf_counter() - started


def _caches(folder: Path) -> dict[str, str]:
    """Where the installers keep what they download, as each of them is told."""
    return {
        "PIP_CACHE_DIR": str(folder / "caches/pip"),
        "UV_CACHE_DIR": str(folder / "caches/uv"),
        "MAVEN_OPTS": f"-Dmaven.repo.local={folder / 'caches/maven'}",
    }


def environment() -> dict[str, str]:
    """What a newcomer's shell has: nothing of this checkout, which could hide what a clone does not install."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    path = (part for part in kept["PATH"].split(os.pathsep) if not Path(part).is_relative_to(ROOT))
    return kept | {"PATH": os.pathsep.join(path)}


async def _seconds(clone: Path, caches: dict[str, str]) -> float:
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    started = time.perf_counter()
    async with _up(clone, {**caches, **{name: str(port) for name, port in ports.items()}}):
        folder = clone / ".local/run/demonstration"
        personne = find_personne(folder, "chef")
        jetons = await sign_in(_issuer(ports), _url(ports["PORT_COURRIELS"]), personne)
        chef = Frontend(_url(ports["PASSERELLE_PORT"]), jetons.access_token)
        uai = next(iter(lycees(folder)))
        answer = await chef.ask("query($uai: ID!) { etablissement(uai: $uai) { uai } }", uai=uai)
        assert answer == {"data": {"etablissement": {"uai": uai}}}, answer
        return time.perf_counter() - started


def _issuer(ports: dict[str, int]) -> str:
    return read_settings({"IDENTITY_PORT": str(ports["IDENTITY_PORT"])}).identity_url


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


@asynccontextmanager
async def _up(clone: Path, settings: dict[str, str]) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        "make",
        "up",
        cwd=clone,
        env=environment() | settings,
        stdout=asyncio.subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        await read_until(process, "Accounts", within=_START_SECONDS)
        yield
    finally:
        if process.returncode is None:
            # As Ctrl-C does: to make and to what it runs.
            os.killpg(process.pid, signal.SIGINT)
        await asyncio.wait_for(process.wait(), 60)


async def _complete(*command: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    process = await asyncio.create_subprocess_exec(*command, cwd=cwd, env=env)
    assert await process.wait() == 0, command
