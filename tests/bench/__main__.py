"""`make bench`: the bars of the platform, each against its yardstick, on the embedded stack."""

import asyncio
import os
import platform
import re
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import psutil

from generateur.offre import generate, write_offre
from infra.local.processes import free_ports, start_all, stop_all
from infra.local.stack import LOCAL, Ports, kafka, mongodb
from kit.logs import configure_logs
from socle.academies import academie_by_slug
from tests.bench import chain, gateway, identite, offer, operation, retraits, siecle, suite, up
from tests.bench.measures import Bar, heading

_RUNS = 5
_FORMATIONS = 14_252


def main() -> None:
    """Measure everything and print the table, each line as soon as it is known; the status says whether every bar was
    held.
    """
    configure_logs("bench", level="ERROR")
    sys.stdout.write(heading(_machine()) + "\n")
    with tempfile.TemporaryDirectory(dir=LOCAL) as folder:
        held = asyncio.run(_print_all(Path(folder)))
    if not held:
        raise SystemExit(1)


def _machine() -> str:
    model = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    memory = psutil.virtual_memory().total / 1024**3
    return (
        f"{os.cpu_count()} cores ({model[1] if model else platform.machine()}), {memory:.0f} GiB, Python "
        f"{platform.python_version()}; medians of {_RUNS} runs, where the line does not say otherwise"
    )


async def _print_all(folder: Path) -> bool:
    held = True
    async for bar in _measure(folder):
        sys.stdout.write(bar.line() + "\n")
        sys.stdout.flush()
        held = held and bar.held
    return held


async def _measure(folder: Path) -> AsyncIterator[Bar]:
    mongodb_port, kafka_port, controller_port = free_ports(3)
    ports = Ports(mongodb=mongodb_port, kafka=kafka_port, kafka_controller=controller_port)
    running = await start_all([mongodb(ports, folder), kafka(ports, folder)], folder)
    try:
        yield await offer.measure(ports.mongodb_uri, _offer(folder), runs=_RUNS)
        for bar in await siecle.measure(ports.mongodb_uri, ports.kafka_bootstrap_servers, folder, runs=_RUNS):
            yield bar
        yield await siecle.measure_memory(ports.mongodb_uri, ports.kafka_bootstrap_servers, folder, runs=_RUNS)
        yield await gateway.measure(runs=_RUNS)
        async for bar in identite.measure(ports.mongodb_uri, ports.kafka_bootstrap_servers, folder, runs=_RUNS):
            yield bar
        for bar in await chain.measure(ports.mongodb_uri, ports.kafka_bootstrap_servers, runs=_RUNS):
            yield bar
    finally:
        stop_all(running)
    # They have platforms of their own.
    yield await operation.measure(folder, runs=_RUNS)
    async for bar in retraits.measure(folder):
        yield bar
    for bar in await up.measure(folder, runs=_RUNS):
        yield bar
    yield await suite.measure()


def _offer(folder: Path) -> Path:
    """The national offer where it is at hand, else a fictitious one of its size."""
    real = os.environ.get("DONNEES_REELLES")
    if real:
        return Path(real) / "offre/parcoursup_formations_2025.csv"
    made = generate(academie_by_slug("creteil"), lycees=700, superieurs=300, formations=_FORMATIONS, seed=1)
    write_offre(made, folder / "offre.csv")
    return folder / "offre.csv"


if __name__ == "__main__":
    main()
