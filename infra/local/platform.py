"""The whole platform on this machine: `python -m infra.local.platform`, which `make up` calls."""

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra import topics
from infra.local import demonstration, stack
from infra.local.demonstration import MOT_DE_PASSE, comptes
from infra.local.installation import install
from infra.local.processes import ROOT, Part, Running, StartFailed, complete, read_port
from infra.local.stack import LOCAL, Ports
from infra.local.supervisor import Step, Supervisor, quiet, run

_PYTHON = LOCAL / "venv/bin/python"
_SERVED_AFTER = ("mongodb", "topics", "cles")

SERVICES = {"identity": 4001, "offre": 4002, "eleves": 4003, "pilotage": 4004, "rapports": 4005}
"""The services, with the ports of their HTTP."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where everything listens, the folder of its data, logs and keys, and the académies with topics of their own."""

    folder: Path
    ports: Ports
    services: Mapping[str, int]
    gateway: int
    identity_grpc: int
    academies: Sequence[str]

    @property
    def identity_url(self) -> str:
        # By name: of a number browsers make no passkey.
        return f"http://localhost:{self.services['identity']}"

    @property
    def gateway_url(self) -> str:
        return f"http://127.0.0.1:{self.gateway}/graphql"

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
            "IDENTITY_URL": self.identity_url,
            "IDENTITY_GRPC": f"127.0.0.1:{self.identity_grpc}",
            "IDENTITY_GRPC_PORT": str(self.identity_grpc),
            "PASSERELLE_PORT": str(self.gateway),
            "PASSERELLE_ADRESSE": self.gateway_url,
            "PASSERELLE_CLE": str(self.keys / "gateway.pem"),
            "PASSERELLE_SUPERGRAPHE": str(ROOT / "graphe/supergraph.graphql"),
            "PASSERELLE_SOUS_GRAPHES": ",".join(
                f"{name}=http://127.0.0.1:{port}/graphql" for name, port in self.services.items()
            ),
            "CLES_SERVICES": str(self.keys),
            "SMTP_URL": self.ports.smtp_url,
            "SMS_URL": f"{self.ports.courriels_url}/sms",
            "ELEVES_URL": f"http://127.0.0.1:{self.services['eleves']}",
            "ACADEMIES_TOPICS": ",".join(self.academies),
            "OTEL_TRACES_EXPORTER": "zipkin",
            "OTEL_EXPORTER_ZIPKIN_ENDPOINT": f"http://127.0.0.1:{self.ports.zipkin}/api/v2/spans",
            **{f"{name.upper()}_PORT": str(port) for name, port in self.services.items()},
        }


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The default ports and folder, moved where a variable says so.

    Raises:
        StartFailed: a variable is not a port, or an académie of the demonstration is not open.
    """
    academies = topics.read_academies(environment, otherwise=demonstration.ACADEMIES)
    if closed := [academie for academie in demonstration.ACADEMIES if academie not in academies]:
        raise StartFailed(f"setting ACADEMIES_TOPICS: the demonstration has students in {', '.join(closed)}: add it.")
    return Settings(
        folder=Path(environment.get("DOSSIER_PLATEFORME", LOCAL / "run")).resolve(),
        ports=Ports.read(environment),
        services={name: read_port(environment, f"{name.upper()}_PORT", default) for name, default in SERVICES.items()},
        gateway=read_port(environment, "PASSERELLE_PORT", 4000),
        identity_grpc=read_port(environment, "IDENTITY_GRPC_PORT", 5001),
        academies=academies,
    )


def service(name: str, settings: Settings) -> Part:
    """A service of ours as a process."""
    port = settings.services[name]
    grpc = {"IDENTITY_GRPC_PORT": settings.identity_grpc} if name == "identity" else {}
    return Part(
        name=name,
        command=[str(_PYTHON), "-m", f"services.{name}", "servir"],
        environment=settings.environment(),
        after=_SERVED_AFTER,
        ports={f"{name.upper()}_PORT": port, **grpc},
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
    ports, data = settings.ports, settings.data

    async def create_topics() -> None:
        try:
            declared = topics.load(academies=settings.academies)
            await topics.create(ports.kafka_bootstrap_servers, "", declared)
        except topics.TopicsRefused as error:
            raise StartFailed(str(error)) from None

    async def create_keys() -> None:
        command = [str(_PYTHON), "-c", _CREATE_KEYS, str(settings.keys), *settings.services, "gateway"]
        await complete("cles", command, {}, settings.logs)

    return [
        stack.mongodb(ports, data),
        stack.kafka(ports, data),
        stack.courriels(ports),
        stack.zipkin(ports),
        Step(name="cles", run=create_keys),
        Step(name="topics", run=create_topics, after=("kafka",)),
        *(service(name, settings) for name in settings.services),
        gateway(settings),
        *([] if demonstration.is_loaded(settings.demonstration, data) else _loads(settings)),
    ]


def _loads(settings: Settings) -> list[Step]:
    """The steps that load the demonstration. Done again, as after a crash among them, they change nothing."""
    folder = settings.demonstration

    async def generateur(*command: str) -> None:
        await complete("fichiers", [str(_PYTHON), "-m", "generateur", *command], settings.environment(), settings.logs)

    async def generate() -> None:
        if not demonstration.is_written(folder):
            await generateur(*demonstration.offre(folder))
        ici, *_ = demonstration.lycees(folder)
        for uai, terminales in demonstration.lycees(folder).items():
            where = demonstration.a_deposer(folder) if uai == ici else demonstration.charges(folder) / uai
            if not where.exists():
                await generateur("siecle", str(where), "--uai", uai, "--terminales", str(terminales))

    async def play_candidates() -> None:
        command = [str(_PYTHON), "-m", "generateur", "jouer-candidats", *demonstration.candidats(folder)]
        await complete("candidats", command, settings.environment(), settings.logs)

    async def load_accounts() -> None:
        accounts = folder / "comptes.json"
        accounts.write_text(json.dumps([compte.ligne for compte in comptes(folder)]), encoding="utf-8")
        command = [str(_PYTHON), "-m", "services.identity", "charger-comptes"]
        await complete("comptes", command, settings.environment(), settings.logs, given=accounts)

    offre = ("services.offre", "charger-lycees", str(folder / "lycees.csv"))
    formations = ("services.offre", "charger-formations", str(folder / "offre.csv"))

    async def mark() -> None:
        demonstration.mark_loaded(folder, settings.data)

    return [
        Step(name="fichiers", run=generate),
        load("calendriers", ("services.pilotage", "charger-calendriers"), settings, after=("pilotage", "zipkin")),
        load("lycees", offre, settings, after=("offre", "fichiers", "zipkin")),
        load("formations", formations, settings, after=("lycees", *settings.services)),
        Step(name="comptes", run=load_accounts, after=("identity", "fichiers")),
        # The calendar of 2025 is over: the first académie of the demonstration may still send its files, and steer by
        # them; the other one has no window of its own.
        load("fenetres", (*_DEROGER, "REMONTEE_SIECLE", "--ouverture", "2024-11-13"), settings, after=("calendriers",)),
        load(
            "eleves-demonstration",
            ("services.eleves", "importer", str(demonstration.charges(folder))),
            settings,
            after=("eleves", "fenetres", "fichiers"),
        ),
        # After the students: taking both in at once, the imports and the candidates' files wait for each other.
        Step(name="candidats", run=play_candidates, after=("topics", "eleves-demonstration")),
        Step(name="demonstration", run=mark, after=("formations", "comptes", "candidats")),
    ]


_DEROGER = ("services.pilotage", "deroger", "2025", demonstration.ACADEMIES[0])
_CREATE_KEYS = (
    "import sys, pathlib; from kit.auth.service_tokens import create_keys;"
    "create_keys(pathlib.Path(sys.argv[1]), tuple(sys.argv[2:]))"
)


def gateway(settings: Settings) -> Part:
    """The gateway as a process."""
    return Part(
        name="gateway",
        command=[str(_PYTHON), "-m", "gateway"],
        environment=settings.environment(),
        # It is ready once it has identity's keys: its time does not run while identity cannot have started.
        after=_SERVED_AFTER,
        ports={"PASSERELLE_PORT": settings.gateway},
        ready=stack.http_ready(f"http://127.0.0.1:{settings.gateway}/sante/pret"),
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
    """What to open and whom to sign in as, once everything runs."""
    ports = settings.ports
    lines = [
        f"The platform runs (started in {seconds:.0f} s). Ctrl-C stops it.",
        "",
        f"  GraphQL    {settings.gateway_url}",
        f"  sign-in    {settings.identity_url}/connexion (OpenID Connect: /.well-known/openid-configuration)",
        f"  mail, SMS  {ports.courriels_url}/",
        f"  traces     http://127.0.0.1:{ports.zipkin}/",
        f"  MongoDB    {ports.mongodb_uri}",
        f"  Kafka      {ports.kafka_bootstrap_servers}",
        f"  logs       {settings.logs}/",
        "",
        f"Accounts of the demonstration, password {MOT_DE_PASSE}:",
        *(f"  {c.nom_court:<15} {c.courriel:<42} {c.description}" for c in comptes(settings.demonstration)),
        "",
        "To sign one in with a browser: mailed codes come to the page of mails, and `make code COMPTE=<name>` prints",
        "that of its authenticator. `make jeton COMPTE=<name>` does it all, and prints the access token.",
        "",
        'To come as a new head of school: `academie` invites it (README, "Be a new head of school"); its letters come',
        "to the page of mails, and the link in the first one is where it begins.",
    ]
    return "\n".join(lines) + "\n"


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
