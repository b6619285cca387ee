"""The whole platform on this machine: `python -m infra.local.platform`, which `make up` calls."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra import topics
from infra.local import stack
from infra.local.processes import Part, Running, StartFailed, check_ports, launch, stop_all, wait_ready, watch
from infra.local.stack import LOCAL, Ports

_PYTHON = LOCAL / "venv/bin/python"

SERVICES = {"offre": 4002, "pilotage": 4004, "rapports": 4005}
"""The services, with the ports of their HTTP."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where everything listens, and the folder that holds its data, logs and keys."""

    folder: Path
    ports: Ports
    services: Mapping[str, int]

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def keys(self) -> Path:
        return self.folder / "cles"

    @property
    def demonstration(self) -> Path:
        return self.folder / "demonstration"

    def environment(self) -> dict[str, str]:
        """What the platform's processes need to know of each other."""
        return {
            "MODE": "local",
            "MONGODB_URI": self.ports.mongodb_uri,
            "KAFKA_BOOTSTRAP_SERVERS": self.ports.kafka_bootstrap_servers,
            "IDENTITY_URL": "http://127.0.0.1:4001",
            "CLES_SERVICES": str(self.keys),
            "OTEL_TRACES_EXPORTER": "zipkin",
            "OTEL_EXPORTER_ZIPKIN_ENDPOINT": f"http://127.0.0.1:{self.ports.zipkin}/api/v2/spans",
            **{f"{name.upper()}_PORT": str(port) for name, port in self.services.items()},
        }


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The default ports and folder, moved where a variable says so.

    Raises:
        StartFailed: a variable is not a port.
    """

    def port(name: str, default: int) -> int:
        value = environment.get(name, str(default))
        if not value.isdecimal() or not 1 <= int(value) <= 65535:
            raise StartFailed(f"setting {name}: {value!r} is not a port")
        return int(value)

    standard = Ports()
    return Settings(
        folder=Path(environment.get("DOSSIER_PLATEFORME", LOCAL / "run")),
        ports=Ports(
            mongodb=port("PORT_MONGODB", standard.mongodb),
            kafka=port("PORT_KAFKA", standard.kafka),
            kafka_controller=port("PORT_KAFKA_CONTROLEUR", standard.kafka_controller),
            zipkin=port("PORT_ZIPKIN", standard.zipkin),
        ),
        services={name: port(f"{name.upper()}_PORT", default) for name, default in SERVICES.items()},
    )


def service(name: str, settings: Settings) -> Part:
    """A service of ours as a process."""
    port = settings.services[name]
    return Part(
        name=name,
        command=[str(_PYTHON), "-m", f"services.{name}", "servir"],
        environment=settings.environment(),
        ports={f"{name.upper()}_PORT": port},
        ready=stack.http_ready(f"http://127.0.0.1:{port}/sante/pret"),
    )


class Platform:
    """What was started, in order; it is stopped in the other."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.running: list[Running] = []

    async def start(self) -> None:
        """Start the stack, create topics and keys, start the services, load the demonstration.

        Raises:
            StartFailed: some part cannot start; nothing is left running.
        """
        ports, data = self.settings.ports, self.settings.data
        base = [stack.mongodb(ports, data), stack.kafka(ports, data)]
        viewer = stack.zipkin(ports)
        services = [service(name, self.settings) for name in self.settings.services]
        check_ports([*base, viewer, *services])
        self._create_keys()
        self._launch(base)
        self._launch([viewer])
        await self._ready(base)
        await topics.create(ports.kafka_bootstrap_servers, "", topics.load())
        self._launch(services)
        await self._ready([*services, viewer])
        self._load_demonstration()

    def _launch(self, parts: Sequence[Part]) -> None:
        self.running.extend(launch(part, self.settings.logs) for part in parts)

    async def _ready(self, parts: Sequence[Part]) -> None:
        await asyncio.gather(*(wait_ready(one) for one in self.running if one.part in parts))

    def _create_keys(self) -> None:
        program = (
            "import sys, pathlib; from kit.auth.service_tokens import create_keys;"
            "create_keys(pathlib.Path(sys.argv[1]), tuple(sys.argv[2:]))"
        )
        self._run([str(_PYTHON), "-c", program, str(self.settings.keys), "identity", *self.settings.services])

    def _load_demonstration(self) -> None:
        """The fictitious académie; loaded again it changes nothing."""
        if not (self.settings.demonstration / "offre.csv").exists():
            self._run([str(_PYTHON), "-m", "generateur", "offre", str(self.settings.demonstration)])
        self._run([str(_PYTHON), "-m", "services.pilotage", "charger-calendriers"])
        for command, file in (("charger-lycees", "lycees.csv"), ("charger-formations", "offre.csv")):
            self._run([str(_PYTHON), "-m", "services.offre", command, str(self.settings.demonstration / file)])

    def _run(self, command: Sequence[str]) -> None:
        environment = {**os.environ, **self.settings.environment()}
        done = subprocess.run(command, env=environment, capture_output=True, check=False)  # noqa: S603
        if done.returncode != 0:
            raise StartFailed(f"{' '.join(command[1:4])} failed:\n{done.stderr.decode(errors='replace')}")

    def stop(self) -> None:
        """Stop everything that was started."""
        stop_all(self.running)


def describe(settings: Settings, seconds: float) -> str:
    """What to open, once everything runs."""
    lines = [f"The platform runs (started in {seconds:.0f} s). Ctrl-C stops it.", ""]
    lines += [
        f"  {name:<10} http://127.0.0.1:{port}/graphql (GraphQL subgraph)" for name, port in settings.services.items()
    ]
    lines += [
        f"  traces     http://127.0.0.1:{settings.ports.zipkin}/",
        f"  MongoDB    {settings.ports.mongodb_uri}",
        f"  Kafka      {settings.ports.kafka_bootstrap_servers}",
        f"  logs       {settings.logs}/",
    ]
    return "\n".join(lines) + "\n"


async def _main() -> None:
    started = time.monotonic()
    platform = Platform(read_settings(os.environ))
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    running = asyncio.create_task(_run(platform, started))
    stop = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({running, stop}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
    finally:
        running.cancel()
        stop.cancel()
        platform.stop()


async def _run(platform: Platform, started: float) -> None:
    await platform.start()
    sys.stdout.write(describe(platform.settings, time.monotonic() - started))
    sys.stdout.flush()
    await watch(platform.running)


def main() -> None:
    """Run the platform until Ctrl-C; say in one message what went wrong when it cannot."""
    try:
        asyncio.run(_main())
    except StartFailed as error:
        raise SystemExit(f"make up: {error}") from None


if __name__ == "__main__":
    main()
