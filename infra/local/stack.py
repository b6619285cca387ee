"""The embedded parts: MongoDB, Kafka and the trace viewer, as processes on this machine (architecture §9)."""

import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from infra.local.processes import Part, StartFailed

ROOT = Path(__file__).resolve().parents[2]
LOCAL = ROOT / ".local"

# Quick to start rather than quick to run: these serve one developer.
_JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where the parts listen, on the loopback address."""

    mongodb: int = 27017
    kafka: int = 9092
    kafka_controller: int = 9093
    zipkin: int = 9411

    @property
    def mongodb_uri(self) -> str:
        return f"mongodb://127.0.0.1:{self.mongodb}/?directConnection=true"

    @property
    def kafka_bootstrap_servers(self) -> str:
        return f"127.0.0.1:{self.kafka}"


def mongodb(ports: Ports, data: Path) -> Part:
    """MongoDB's protocol over WiredTiger; every acknowledged write is on disk (`--sync-on-commit`)."""

    async def ready() -> bool:
        client: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(ports.mongodb_uri, serverSelectionTimeoutMS=200)
        try:
            hello = await client.admin.command("hello")
        except PyMongoError:
            return False
        finally:
            await client.close()
        return bool(hello.get("isWritablePrimary"))

    program = LOCAL / "venv/bin/secantusd-py"
    return Part(
        name="mongodb",
        command=[
            str(program),
            f"--port={ports.mongodb}",
            f"--storage-path={data / 'mongodb'}",
            "--sync-on-commit",
            "--log-level=WARNING",
        ],
        before=lambda: (data / "mongodb").mkdir(parents=True, exist_ok=True),
        ports={"PORT_MONGODB": ports.mongodb},
        ready=ready,
    )


def kafka(ports: Ports, data: Path) -> Part:
    """One KRaft node that is broker and controller; topics are created by us, never by a client's mistake."""
    folder = data / "kafka"
    properties = folder / "server.properties"
    classpath = str(LOCAL / "java/kafka/*")

    def prepare() -> None:
        require_java()
        folder.mkdir(parents=True, exist_ok=True)
        properties.write_text(_kafka_properties(ports, folder), encoding="utf-8")
        if not (folder / "log/meta.properties").exists():
            tool = ["java", *_JVM, "-cp", classpath, "kafka.tools.StorageTool"]
            _run([*tool, "format", "--standalone", "-t", "c2l0ZS1kZS1nZXN0aW9uMQ", "-c", str(properties)])

    async def ready() -> bool:
        if not accepts(ports.kafka):
            return False
        admin = AIOKafkaAdminClient(bootstrap_servers=ports.kafka_bootstrap_servers)
        try:
            await admin.start()
            await admin.list_topics()
        except (KafkaError, OSError):
            return False
        finally:
            await admin.close()
        return True

    return Part(
        name="kafka",
        command=["java", "-Xms128m", "-Xmx512m", *_JVM, "-cp", classpath, "kafka.Kafka", str(properties)],
        before=prepare,
        ports={"PORT_KAFKA": ports.kafka, "PORT_KAFKA_CONTROLEUR": ports.kafka_controller},
        ready=ready,
    )


def _kafka_properties(ports: Ports, folder: Path) -> str:
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.bootstrap.servers": f"127.0.0.1:{ports.kafka_controller}",
        "listeners": f"PLAINTEXT://127.0.0.1:{ports.kafka},CONTROLLER://127.0.0.1:{ports.kafka_controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{ports.kafka}",
        "log.dirs": folder / "log",
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": 0,
        "offsets.topic.num.partitions": 5,
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.num.partitions": 5,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def zipkin(ports: Ports) -> Part:
    """The trace viewer, with its page; traces stay in memory."""
    url = f"http://127.0.0.1:{ports.zipkin}/health"
    jar = next((LOCAL / "java/zipkin").glob("zipkin-server-*-exec.jar"), LOCAL / "java/zipkin/zipkin-server-exec.jar")
    return Part(
        name="zipkin",
        command=["java", "-Xmx256m", *_JVM, "-jar", str(jar)],
        environment={"QUERY_PORT": str(ports.zipkin), "SERVER_ADDRESS": "127.0.0.1", "MEM_MAX_SPANS": "100000"},
        before=require_java,
        ports={"PORT_ZIPKIN": ports.zipkin},
        ready=http_ready(url),
    )


def accepts(port: int) -> bool:
    """Whether something listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def http_ready(url: str) -> Callable[[], Awaitable[bool]]:
    """Whether `url` answers 200."""

    async def ready() -> bool:
        return _answers(url)

    return ready


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310 - our own loopback addresses
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def require_java() -> None:
    """Make sure that there is a Java.

    Raises:
        StartFailed: there is none.
    """
    if shutil.which("java") is None:
        raise StartFailed("java is missing: `apt-get install maven` brings Java 17 and Maven.")


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - our own commands
    if done.returncode != 0:
        raise StartFailed(f"{command[0]} failed:\n{done.stderr.decode(errors='replace')}")
