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

from infra.local.connexion import Personne, sign_in
from infra.local.demonstration import MOT_DE_PASSE, comptes, lycees, totp
from infra.local.processes import ROOT, free_ports
from tests.bench.measures import Bar
from tests.e2e.depots import Frontend
from tests.e2e.running import PORTS, read_until

_OURS = ("MAKE", "DOSSIER_PLATEFORME", "MONGODB_URI", "KAFKA_BOOTSTRAP_SERVERS", "OTEL_", "VIRTUAL_ENV")
_START_SECONDS = 600.0


async def measure(folder: Path, *, runs: int) -> list[Bar]:
    """Seconds from the command to a head of school's first answered query, sign-in included: of the last commit in a
    fresh clone, then a second time.

    Downloads are apart: uv, npm and Maven keep what they brought once, here or elsewhere.
    """
    first, again = [], []
    for run in range(runs):
        clone = folder / f"clone-{run}"
        await _complete("git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone))
        first.append(await _seconds(clone))
        again.append(await _seconds(clone))
        await asyncio.to_thread(shutil.rmtree, clone)
    return [
        Bar(what="make up in a fresh clone, downloads apart", values=first, unit=" s", bar=180, yardstick="none"),
        Bar(what="make up, cached and loaded", values=again, unit=" s", bar=25, yardstick="none"),
    ]


async def _seconds(clone: Path) -> float:
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    started = time.perf_counter()
    async with _up(clone, ports):
        folder = clone / ".local/run/demonstration"
        (compte,) = [compte for compte in comptes(folder) if compte.nom_court == "chef"]
        personne = Personne(courriel=compte.courriel, mot_de_passe=MOT_DE_PASSE, totp=totp("chef"))
        jetons = await sign_in(_url(ports["IDENTITY_PORT"]), _url(ports["PORT_COURRIELS"]), personne)
        chef = Frontend(_url(ports["PASSERELLE_PORT"]), jetons.access_token)
        uai = next(iter(lycees(folder)))
        answer = await chef.ask("query($uai: ID!) { etablissement(uai: $uai) { uai } }", uai=uai)
        assert answer == {"data": {"etablissement": {"uai": uai}}}, answer
        return time.perf_counter() - started


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


@asynccontextmanager
async def _up(clone: Path, ports: dict[str, int]) -> AsyncIterator[None]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    process = await asyncio.create_subprocess_exec(
        "make",
        "up",
        cwd=clone,
        env={**environment, **{name: str(port) for name, port in ports.items()}},
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


async def _complete(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(*command)
    assert await process.wait() == 0, command
