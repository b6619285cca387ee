"""The embedded parts as processes on this machine: MongoDB, Kafka, the trace viewer, the catcher (architecture §9)."""

import asyncio
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from infra.local import jvm
from infra.local.processes import ROOT, Part, StartFailed, free_ports, read_port

LOCAL = ROOT / ".local"

_HERE = Path(__file__).parent
_SETTINGS = {
    "mongodb": "PORT_MONGODB",
    "kafka": "PORT_KAFKA",
    "kafka_controller": "PORT_KAFKA_CONTROLEUR",
    "zipkin": "PORT_ZIPKIN",
    "smtp": "PORT_SMTP",
    "courriels": "PORT_COURRIELS",
}
_CLUSTER = "c2l0ZS1kZS1nZXN0aW9uMQ"
# Our own loopback addresses, whatever proxy the environment names.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where the parts listen, on the loopback address."""

    mongodb: int = 27017
    kafka: int = 9092
    kafka_controller: int = 9093
    zipkin: int = 9411
    smtp: int = 1025
    courriels: int = 8025

    @classmethod
    def free(cls) -> Self:
        """Ports that nobody uses."""
        names = [field.name for field in fields(cls)]
        return cls(**dict(zip(names, free_ports(len(names)), strict=True)))

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """The usual ports, moved where a variable says so.

        Raises:
            StartFailed: a variable is not a port; it is named.
        """
        return cls(**{name: read_port(environment, _SETTINGS[name], default) for name, default in _usual().items()})

    @property
    def mongodb_uri(self) -> str:
        return f"mongodb://127.0.0.1:{self.mongodb}/?directConnection=true"

    @property
    def kafka_bootstrap_servers(self) -> str:
        return f"127.0.0.1:{self.kafka}"

    @property
    def smtp_url(self) -> str:
        return f"smtp://127.0.0.1:{self.smtp}"

    @property
    def courriels_url(self) -> str:
        """The page of the mail and SMS catcher."""
        return f"http://127.0.0.1:{self.courriels}"


def _usual() -> dict[str, int]:
    return {field.name: int(field.default) for field in fields(Ports) if isinstance(field.default, int)}


def mongodb(ports: Ports, data: Path) -> Part:
    """MongoDB's protocol over WiredTiger; every acknowledged write is on disk (`--sync-on-commit`).

    The faster server takes the same arguments: SECANTUSD is the path of a `secantusd-rs`.
    """
    program = Path(os.environ.get("SECANTUSD", LOCAL / "venv/bin/secantusd-py"))
    folder = data / "mongodb"
    # Named, so that no file of the same kind elsewhere on the machine is read instead.
    configuration = data / "mongodb.toml"

    def prepare() -> None:
        if not program.exists():
            raise StartFailed(f"{program} is missing: `make install` brings it, or set SECANTUSD to another.")
        folder.mkdir(parents=True, exist_ok=True)
        configuration.touch()

    async def ready() -> bool:
        return accepts(ports.mongodb) and await _takes_transactions(ports.mongodb_uri)

    arguments = (f"--port={ports.mongodb}", f"--storage-path={folder}", f"--config={configuration}")
    return Part(
        name="mongodb",
        command=[str(program), *arguments, "--sync-on-commit", "--log-level=WARNING"],
        before=prepare,
        ports={_SETTINGS["mongodb"]: ports.mongodb},
        ready=ready,
    )


async def _takes_transactions(uri: str) -> bool:
    """Whether the server is the primary of its set and runs a transaction; it leaves no trace there."""
    async with AsyncMongoClient[dict[str, object]](uri, serverSelectionTimeoutMS=500) as client:
        try:
            hello = await client.admin.command("hello")
            if not (hello.get("isWritablePrimary") and hello.get("setName")):
                return False
            async with (
                client.start_session() as session,
                await session.start_transaction(read_concern=ReadConcern("snapshot")),
            ):
                await client["essai"]["essai"].find_one({}, session=session)
        except PyMongoError:
            return False
    return True


def kafka(ports: Ports, data: Path) -> Part:
    """One KRaft node that is broker and controller; topics are created by us, never by a client's mistake.

    Raises:
        StartFailed: it is not installed, or there is no Java.
    """
    folder = data / "kafka"
    properties = folder / "server.properties"
    logging = f"-Dlog4j2.configurationFile={_HERE / 'kafka.log4j2.properties'}"
    format_disk = ["format", "--standalone", "-t", _CLUSTER, "-c", str(properties)]

    def prepare() -> None:
        folder.mkdir(parents=True, exist_ok=True)
        properties.write_text(_kafka_properties(ports, folder), encoding="utf-8")
        if not (folder / "log/meta.properties").exists():
            _run([*jvm.command("kafka", "kafka.tools.StorageTool", logging), *format_disk])

    async def ready() -> bool:
        return accepts(ports.kafka) and await _has_broker(ports.kafka_bootstrap_servers)

    return Part(
        name="kafka",
        command=[*jvm.command("kafka", "kafka.Kafka", "-Xms64m", "-Xmx512m", logging), str(properties)],
        before=prepare,
        ports={_SETTINGS["kafka"]: ports.kafka, _SETTINGS["kafka_controller"]: ports.kafka_controller},
        ready=ready,
    )


def _kafka_properties(ports: Ports, folder: Path) -> str:
    own = {
        "controller.quorum.bootstrap.servers": f"127.0.0.1:{ports.kafka_controller}",
        "listeners": f"PLAINTEXT://127.0.0.1:{ports.kafka},CONTROLLER://127.0.0.1:{ports.kafka_controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{ports.kafka}",
        "log.dirs": folder / "log",
    }
    common = (_HERE / "kafka.properties").read_text(encoding="utf-8")
    return common + "".join(f"{name}={value}\n" for name, value in own.items())


async def _has_broker(bootstrap_servers: str) -> bool:
    """Whether the node answers, and its controller has let it in as a broker."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    try:
        await admin.start()
        return bool((await admin.describe_cluster())["brokers"])
    except (KafkaError, OSError):
        return False
    finally:
        await admin.close()


def zipkin(ports: Ports) -> Part:
    """The trace viewer, with its page; traces stay in memory.

    Raises:
        StartFailed: it is not installed, or there is no Java.
    """
    return Part(
        name="zipkin",
        command=jvm.command("zipkin", "zipkin.server.ZipkinServer", "-Xmx256m"),
        environment={
            # Its own setting, QUERY_PORT, would have it listen to the whole network.
            "ARMERIA_PORTS_0_ADDRESS": "127.0.0.1",
            "ARMERIA_PORTS_0_PORT": str(ports.zipkin),
            "ARMERIA_PORTS_0_PROTOCOLS": "http",
            "MEM_MAX_SPANS": "100000",
        },
        ports={_SETTINGS["zipkin"]: ports.zipkin},
        ready=http_ready(f"http://127.0.0.1:{ports.zipkin}/health"),
    )


def courriels(ports: Ports) -> Part:
    """The mail and SMS catcher, with its page; messages stay in memory."""
    settings = {_SETTINGS["smtp"]: ports.smtp, _SETTINGS["courriels"]: ports.courriels}
    return Part(
        name="courriels",
        command=[sys.executable, "-m", "infra.local.courriels"],
        environment={name: str(port) for name, port in settings.items()},
        ports=settings,
        ready=http_ready(f"{ports.courriels_url}/messages"),
    )


def accepts(port: int) -> bool:
    """Whether something listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def http_ready(url: str) -> Callable[[], Awaitable[bool]]:
    """Whether `url` answers 200."""

    async def ready() -> bool:
        return await asyncio.to_thread(_answers, url)

    return ready


def _answers(url: str) -> bool:
    try:
        with _DIRECT.open(url, timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own commands
    if done.returncode != 0:
        raise StartFailed(f"{' '.join(command[-6:])} failed:\n{(done.stdout + done.stderr).strip()}")
