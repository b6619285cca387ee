"""`eleves` in a process of its own, as shipped but for its spans: files are sent to it as a frontend sends them."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ulid import ULID

from kit.auth import service_tokens
from kit.mongo import Database, open_database
from kit.testing.issuer import Issuer
from kit.testing.serving import free_port, serve
from services.eleves.consumers import subscriptions
from services.eleves.store.work import LAYOUT
from socle.rubriques import Role
from socle.testing.calendriers import publish_shipped
from socle.testing.identite import Identite
from socle.testing.rights import role
from socle.topics import topic_of
from tests.bench.processus import create_topics, serve_process
from tests.e2e.depots import Frontend

_ACADEMIE = "creteil"
_COMPTE = "01BENCH"


@dataclass(frozen=True, slots=True)
class Served:
    """The service, who sends files to it, and what it keeps and publishes.

    Args:
        topic: the full name of the topic that it publishes its students on.
    """

    process: asyncio.subprocess.Process
    frontend: Frontend
    database: Database
    topic: str

    def resident(self) -> float:
        """Megabytes that the process takes now."""
        return self._memory("VmRSS")

    def peak(self) -> float:
        """Megabytes that the process took at most."""
        return self._memory("VmHWM")

    def _memory(self, name: str) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        (kilobytes,) = [line.split()[1] for line in status.splitlines() if line.startswith(f"{name}:")]
        return int(kilobytes) / 1024


@asynccontextmanager
async def serve_eleves(mongodb_uri: str, kafka: str, folder: Path, *, uai: str) -> AsyncIterator[Served]:
    """Serve it with an empty store, in January, to an administrator of the lycée `uai`."""
    run = str(ULID()).lower()
    prefix, bases, keys = f"{run}.", f"bench_{run}_", folder / run
    port, grpc, issuer, identite = free_port(), f"127.0.0.1:{free_port()}", Issuer(free_port()), Identite()
    service_tokens.create_keys(keys, ("eleves", "identity"))
    environment = os.environ | {
        "MODE": "local",
        "MONGODB_URI": mongodb_uri,
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "PREFIXE_TOPICS": prefix,
        "PREFIXE_BASES": bases,
        "IDENTITY_URL": issuer.url,
        "IDENTITY_GRPC": grpc,
        "CLES_SERVICES": str(keys),
        "ELEVES_PORT": str(port),
        "ELEVES_URL": f"http://127.0.0.1:{port}",
        "CAMPAGNE_DATE": "2025-01-06T09:00:00+01:00",
        "ACADEMIES_TOPICS": _ACADEMIE,
        "OTEL_TRACES_EXPORTER": "none",
        "LOG_LEVEL": "ERROR",
    }
    database = open_database(mongodb_uri, f"{bases}eleves")
    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.client.drop_database, database.name)
        await LAYOUT.migrate(database)
        await publish_shipped(database, 2025)
        await create_topics(kafka, prefix, _topics(database))
        await stack.enter_async_context(serve(issuer.app(), port=issuer.port))
        await stack.enter_async_context(identite.serve(grpc, keys=keys, caller="eleves"))
        await identite.grant(database, _COMPTE, role(Role.ADMIN_ETABLISSEMENT, uai=uai))
        process = await stack.enter_async_context(serve_process("eleves", environment, url=f"http://127.0.0.1:{port}"))
        yield Served(
            process=process,
            frontend=Frontend(f"http://127.0.0.1:{port}", issuer.token(sub=_COMPTE)),
            database=database,
            topic=prefix + topic_of(_ACADEMIE, "eleves.eleves.v1"),
        )
    database.client.close()


def _topics(database: Database) -> list[str]:
    """Those that it writes and those that it reads."""
    written = [
        topic_of(_ACADEMIE, name) for name in ("eleves.eleves.v1", "eleves.candidatures.v1", "eleves.accueil.v1")
    ]
    return [*written, *(s.topic for s in subscriptions(database, (_ACADEMIE,)))]
