"""The whole platform on this machine: `python -m infra.local.platform`, which `make up` calls."""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra import topics
from infra.local import stack
from infra.local.installation import install
from infra.local.processes import Part, Running, StartFailed, complete
from infra.local.stack import LOCAL, Ports, read_port
from infra.local.supervisor import Step, Supervisor, quiet, run

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
            "SMTP_URL": self.ports.smtp_url,
            "OTEL_TRACES_EXPORTER": "zipkin",
            "OTEL_EXPORTER_ZIPKIN_ENDPOINT": f"http://127.0.0.1:{self.ports.zipkin}/api/v2/spans",
            **{f"{name.upper()}_PORT": str(port) for name, port in self.services.items()},
        }


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The default ports and folder, moved where a variable says so.

    Raises:
        StartFailed: a variable is not a port.
    """
    return Settings(
        folder=Path(environment.get("DOSSIER_PLATEFORME", LOCAL / "run")).resolve(),
        ports=Ports.read(environment),
        services={name: read_port(environment, f"{name.upper()}_PORT", default) for name, default in SERVICES.items()},
    )


def service(name: str, settings: Settings) -> Part:
    """A service of ours as a process."""
    port = settings.services[name]
    return Part(
        name=name,
        command=[str(_PYTHON), "-m", f"services.{name}", "servir"],
        environment=settings.environment(),
        after=("mongodb", "topics", "cles"),
        ports={f"{name.upper()}_PORT": port},
        ready=stack.http_ready(f"http://127.0.0.1:{port}/sante/pret"),
    )


def load(name: str, command: Sequence[str], settings: Settings, *, after: Sequence[str] = ()) -> Step:
    """A command of ours that is run once, as `python -m <command>`."""

    async def run_command() -> None:
        await complete(name, [str(_PYTHON), "-m", *command], settings.environment(), settings.logs)

    return Step(name=name, run=run_command, after=after)


def nodes(settings: Settings) -> list[Part | Step]:
    """The parts of the platform and the steps between their starts, each with those it waits for.

    Raises:
        StartFailed: a part of the stack is not installed.
    """
    ports, data, folder = settings.ports, settings.data, settings.demonstration

    async def create_topics() -> None:
        await topics.create(ports.kafka_bootstrap_servers, "", topics.load())

    async def create_keys() -> None:
        names = ("identity", *settings.services)
        await complete("cles", [str(_PYTHON), "-c", _CREATE_KEYS, str(settings.keys), *names], {}, settings.logs)

    async def generate() -> None:
        if not (folder / "offre.csv").exists():
            command = [str(_PYTHON), "-m", "generateur", "offre", str(folder)]
            await complete("fichiers", command, settings.environment(), settings.logs)

    offre = ("services.offre", "charger-lycees", str(folder / "lycees.csv"))
    formations = ("services.offre", "charger-formations", str(folder / "offre.csv"))
    return [
        stack.mongodb(ports, data),
        stack.kafka(ports, data),
        stack.courriels(ports),
        stack.zipkin(ports),
        Step(name="cles", run=create_keys),
        Step(name="fichiers", run=generate),
        Step(name="topics", run=create_topics, after=("kafka",)),
        *(service(name, settings) for name in settings.services),
        load("calendriers", ("services.pilotage", "charger-calendriers"), settings, after=("pilotage", "zipkin")),
        load("lycees", offre, settings, after=("offre", "fichiers", "zipkin")),
        load("formations", formations, settings, after=("lycees", *settings.services)),
    ]


_CREATE_KEYS = (
    "import sys, pathlib; from kit.auth.service_tokens import create_keys;"
    "create_keys(pathlib.Path(sys.argv[1]), tuple(sys.argv[2:]))"
)


class Platform:
    """The platform as it runs: the stack, its topics and keys, the services, the demonstration."""

    def __init__(self, settings: Settings, *, say: Callable[[str], None] = quiet) -> None:
        self.settings = settings
        self.supervisor = Supervisor(settings.logs, say=say)

    @property
    def running(self) -> list[Running]:
        return self.supervisor.running

    async def start(self) -> None:
        """Start all of it, and load the demonstration, which changes nothing when it was loaded before.

        Raises:
            StartFailed: some part cannot start; nothing is left running.
        """
        await install("kafka", "zipkin")
        await self.supervisor.start(nodes(self.settings))

    def stop(self) -> None:
        """Stop everything that was started."""
        self.supervisor.stop()


def describe(settings: Settings, seconds: float) -> str:
    """What to open, once everything runs."""
    lines = [f"The platform runs (started in {seconds:.0f} s). Ctrl-C stops it.", ""]
    lines += [
        f"  {name:<10} http://127.0.0.1:{port}/graphql (GraphQL subgraph)" for name, port in settings.services.items()
    ]
    lines += [
        f"  courriels  {settings.ports.courriels_url}/ (the mail and SMS that were sent)",
        f"  traces     http://127.0.0.1:{settings.ports.zipkin}/",
        f"  MongoDB    {settings.ports.mongodb_uri}",
        f"  Kafka      {settings.ports.kafka_bootstrap_servers}",
        f"  logs       {settings.logs}/",
    ]
    return "\n".join(lines)


async def _main() -> None:
    began = time.monotonic()
    platform = Platform(read_settings(os.environ), say=lambda line: _say(f"  {line}"))

    async def start() -> None:
        await platform.start()
        _say(describe(platform.settings, time.monotonic() - began))

    await run(platform.supervisor, start)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Run the platform until Ctrl-C; say in one message what went wrong when it cannot."""
    try:
        asyncio.run(_main())
    except StartFailed as error:
        raise SystemExit(f"make up: {error}") from None


if __name__ == "__main__":
    main()
