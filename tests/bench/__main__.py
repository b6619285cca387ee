"""`make bench`: the bars of the platform, each against its yardstick, on the embedded stack."""

import asyncio
import os
import platform
import sys
import tempfile
from pathlib import Path

from generateur.offre import generate, write_offre
from infra.local.processes import free_ports, start_all, stop_all
from infra.local.stack import LOCAL, Ports, kafka, mongodb
from kit.logs import configure_logs
from socle.academies import academie_by_slug
from tests.bench import chain, gateway, offer, operation, siecle, suite, up
from tests.bench.measures import Bar, table

_RUNS = 5
_FORMATIONS = 14_252


def main() -> None:
    """Measure everything and print the table; the status says whether every bar was held."""
    configure_logs("bench", level="ERROR")
    with tempfile.TemporaryDirectory(dir=LOCAL) as folder:
        bars = asyncio.run(_measure(Path(folder)))
    machine = (
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}; medians of {_RUNS} runs"
    )
    sys.stdout.write(table(machine, bars) + "\n")
    if not all(bar.held for bar in bars):
        raise SystemExit(1)


async def _measure(folder: Path) -> list[Bar]:
    mongodb_port, kafka_port, controller_port = free_ports(3)
    ports = Ports(mongodb=mongodb_port, kafka=kafka_port, kafka_controller=controller_port)
    running = await start_all([mongodb(ports, folder), kafka(ports, folder)], folder)
    try:
        bars = [
            await offer.measure(ports.mongodb_uri, _offer(folder), runs=_RUNS),
            *await siecle.measure(ports.mongodb_uri, ports.kafka_bootstrap_servers, folder, runs=_RUNS),
            await siecle.measure_memory(ports.mongodb_uri, ports.kafka_bootstrap_servers, folder, runs=_RUNS),
            await gateway.measure(runs=_RUNS),
            *await chain.measure(ports.mongodb_uri, ports.kafka_bootstrap_servers, runs=_RUNS),
        ]
    finally:
        stop_all(running)
    # They have platforms of their own.
    return [
        *bars,
        await operation.measure(folder, runs=_RUNS),
        *await up.measure(folder, runs=_RUNS),
        await suite.measure(),
    ]


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
