"""`eleves` as its tests see it: served for real, with identity's contract, the calendar, and people with rights."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from kit.auth import service_tokens
from kit.http import open_client
from kit.mongo import Database
from kit.settings import Mode
from kit.testing import databases
from kit.testing.fixtures import CreateTopics
from kit.testing.issuer import Issuer
from kit.testing.serving import free_port, serve
from kit.testing.waiting import eventually
from proto.identity.v1 import habilitations_pb2
from services.eleves.app import create_app
from services.eleves.consumers import subscriptions
from services.eleves.settings import ElevesSettings
from services.eleves.store.work import LAYOUT
from socle.rubriques import Role
from socle.testing.calendriers import publish_shipped
from socle.testing.identite import Identite
from socle.testing.rights import role
from socle.topics import topic_of

UAI = "0779000P"
VOISIN = "0779001R"
DANS_LES_TEMPS = datetime.fromisoformat("2025-01-06T09:00:00+01:00")
EN_RETARD = datetime.fromisoformat("2025-01-20T09:00:00+01:00")
FERME = datetime.fromisoformat("2025-02-03T00:00:00+01:00")
PAS_OUVERT = datetime.fromisoformat("2024-11-12T09:00:00+01:00")

_DEMANDER = """
mutation($uai: ID!, $fichiers: [FichierInput!]!) {
  demanderDepot(uai: $uai, fichiers: $fichiers) {
    import { id etat } fichiers { nom url } refus { code message champ }
  }
}
"""
_SUIVRE = """
query($id: ID!) {
  importSiecle(id: $id) {
    id etat enRetard traites total refus { code message }
    rapport {
      lignes acceptees nouveaux arrives modifies inchanges partis rejetees ecartees dejaPartis
      rejets { ligne eleve champ code raison conseil } avertissements { ligne code }
      taches { nombre tache { type consigne } }
    }
  }
}
"""
FINIS = frozenset({"TERMINE", "REFUSE", "ECHOUE"})


@dataclass(frozen=True, slots=True)
class Client:
    """Someone who talks to `eleves`, signed in or not."""

    url: str
    headers: dict[str, str]

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The whole GraphQL answer."""
        async with open_client(base_url=self.url, headers=self.headers, timeout=30) as http:
            answer = await http.post("/graphql", json={"query": query, "variables": variables})
        found: dict[str, Any] = answer.json()
        return found

    async def announce(self, contents: Sequence[bytes], uai: str = UAI) -> dict[str, Any]:
        """What `demanderDepot` answers for these files."""
        fichiers = [
            {"nom": f"ExportXML_{rank}.zip", "taille": len(content), "sha256": sha256(content).hexdigest()}
            for rank, content in enumerate(contents)
        ]
        answer = await self.ask(_DEMANDER, uai=uai, fichiers=fichiers)
        payload: dict[str, Any] = answer["data"]["demanderDepot"]
        return payload

    async def put(self, url: str, content: bytes) -> httpx.Response:
        """Send a file to its address."""
        async with open_client(base_url=self.url, headers=self.headers, timeout=30) as http:
            return await http.put(urlsplit(url).path, content=content)

    async def send(self, *contents: bytes, uai: str = UAI) -> str:
        """Announce and send files that are accepted; return the id of the import."""
        announced = await self.announce(contents, uai)
        assert announced["refus"] == []
        for fichier, content in zip(announced["fichiers"], contents, strict=True):
            answer = await self.put(fichier["url"], content)
            assert answer.status_code == 202, answer.text
        return str(announced["import"]["id"])

    async def follow(self, id: str) -> dict[str, Any]:
        """The import as it stands."""
        answer = await self.ask(_SUIVRE, id=id)
        found: dict[str, Any] = answer["data"]["importSiecle"]
        return found

    async def ended(self, id: str, *, within: float = 30.0) -> dict[str, Any]:
        """The import once it is over."""

        async def over() -> dict[str, Any] | None:
            found = await self.follow(id)
            return found if found["etat"] in FINIS else None

        found = await eventually(over, within=within)
        assert found is not None
        return found

    async def import_files(self, *contents: bytes, uai: str = UAI) -> dict[str, Any]:
        """Send files and wait for what becomes of them."""
        return await self.ended(await self.send(*contents, uai=uai))


@dataclass(frozen=True, slots=True)
class Eleves:
    """The service as it runs in a test."""

    url: str
    store: Database
    identite: Identite
    issuer: Issuer
    settings: ElevesSettings

    def client(self, compte: str, **claims: Any) -> Client:
        """Someone signed in."""
        return Client(self.url, self.issuer.authorization(sub=compte, **claims))

    async def admin(self, uai: str = UAI) -> Client:
        """The administrator of a lycée."""
        compte = f"01ADMIN{uai}"
        await self.identite.grant(self.store, compte, role(Role.ADMIN_ETABLISSEMENT, uai=uai))
        return self.client(compte)

    async def gestionnaire(self, uai: str = UAI, *, niveau: str = "ECRITURE", rubrique: str = "SIECLE") -> Client:
        """Someone who was given one right in a lycée."""
        compte = f"01GEST{uai}{rubrique}{niveau}"
        droit = habilitations_pb2.Droit(uai=uai, rubrique=rubrique, niveau=niveau)
        await self.identite.grant(self.store, compte, role(Role.GESTIONNAIRE, uai=uai), droits=(droit,))
        return self.client(compte)


type ServeEleves = Callable[..., AbstractAsyncContextManager[Eleves]]


@pytest.fixture
async def store(mongodb_uri: str, database: Database) -> AsyncIterator[Database]:
    async with databases.opened("eleves", LAYOUT, uri=mongodb_uri, beside=database) as own:
        await publish_shipped(own, 2025)
        yield own


@pytest.fixture
async def topics(create_topics: CreateTopics, store: Database) -> None:
    names = ("eleves.eleves.v1", "eleves.candidatures.v1", "eleves.accueil.v1")
    own = [topic_of(academie, name) for academie in ("creteil", "rennes") for name in names]
    await create_topics([*own, *(s.topic for s in subscriptions(store, ()))])


@pytest.fixture
def serve_eleves(
    store: Database,
    topics: None,  # noqa: ARG001 - they are there before it starts
    mongodb_uri: str,
    kafka_bootstrap_servers: str,
    unique_prefix: str,
    issuer: Issuer,
    tmp_path: Path,
) -> ServeEleves:
    """Serves `eleves` at a date of the campaign."""
    service_tokens.create_keys(tmp_path, ("eleves", "identity"))

    @asynccontextmanager
    async def serving(campagne: datetime = DANS_LES_TEMPS) -> AsyncIterator[Eleves]:
        grpc, port, identite = f"127.0.0.1:{free_port()}", free_port(), Identite()
        settings = ElevesSettings(
            mode=Mode.LOCAL,
            mongodb_uri=mongodb_uri,
            kafka_bootstrap_servers=kafka_bootstrap_servers,
            prefixe_topics=unique_prefix,
            prefixe_bases=f"{unique_prefix.rstrip('.')}_",
            identity_url=issuer.url,
            identity_grpc=grpc,
            cles_services=tmp_path,
            eleves_port=port,
            eleves_url=f"http://127.0.0.1:{port}",
            campagne_date=campagne,
            academies_topics=("creteil", "rennes"),
        )
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(identite.serve(grpc, keys=tmp_path, caller="eleves"))
            served = await stack.enter_async_context(serve(create_app(settings), port=port))
            yield Eleves(served.url, store, identite, issuer, settings)

    return serving


@pytest.fixture
async def eleves(serve_eleves: ServeEleves) -> AsyncIterator[Eleves]:
    """`eleves` in January, in time."""
    async with serve_eleves() as served:
        yield served
