"""From the offer's topic to the draft of a report, and who may see it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from kit.mongo import Database, open_database
from kit.outbox.events import Event
from kit.settings import Mode
from kit.testing.fixtures import CreateTopics
from kit.testing.issuer import Issuer
from kit.testing.serving import Serving, free_port, serve
from kit.testing.waiting import eventually
from kit.versions import Version
from proto.identity.v1 import habilitations_pb2
from proto.offre.v1 import offre_pb2
from services.rapports.app import create_app
from services.rapports.consumers import subscriptions
from services.rapports.settings import RapportsSettings
from services.rapports.store import LAYOUT
from socle.rubriques import Role
from socle.testing.rights import grant, role

pytestmark = pytest.mark.stack

UAI = "0779000P"
FORMATION = offre_pb2.Formation(
    id="2025/1", session=2025, code="1", uai=UAI, academie="creteil", libelle="BTS", type="BTS", capacite=30
)
APPRENTISSAGE = offre_pb2.Formation(
    id="2025/2",
    session=2025,
    code="2",
    uai=UAI,
    academie="creteil",
    libelle="BTS",
    type="BTS",
    capacite=12,
    apprentissage=True,
)


@pytest.fixture
async def store(mongodb_uri: str, unique_prefix: str, database: Database) -> AsyncIterator[Database]:
    name = f"{unique_prefix.rstrip('.')}_rapports"
    opened = open_database(mongodb_uri, name)
    await LAYOUT.migrate(opened)
    yield opened
    await database.client.drop_database(name)
    opened.client.close()


@pytest.fixture
async def served(
    store: Database,
    mongodb_uri: str,
    kafka_bootstrap_servers: str,
    unique_prefix: str,
    issuer: Issuer,
    create_topics: CreateTopics,
    tmp_path: Path,
) -> AsyncIterator[Serving]:
    await create_topics([s.topic for s in subscriptions(store)])
    port = free_port()
    settings = RapportsSettings(
        mode=Mode.LOCAL,
        mongodb_uri=mongodb_uri,
        kafka_bootstrap_servers=kafka_bootstrap_servers,
        prefixe_topics=unique_prefix,
        prefixe_bases=f"{unique_prefix.rstrip('.')}_",
        identity_url=issuer.url,
        cles_services=tmp_path,
        rapports_port=port,
    )
    async with serve(create_app(settings), port=port) as serving:
        await publish(kafka_bootstrap_servers, unique_prefix, FORMATION, APPRENTISSAGE)

        async def known() -> bool:
            return await store.formations.count_documents({}) == 2

        await eventually(known, within=20)
        yield serving


async def publish(servers: str, prefix: str, *messages: offre_pb2.Formation) -> None:
    """Say formations as `offre` does."""
    producer = AIOKafkaProducer(bootstrap_servers=servers)
    await producer.start()
    for message in messages:
        event = Event(topic="offre.formations.v1", key=message.id, version=Version(1, 1), message=message)
        await producer.send_and_wait(
            prefix + event.topic,
            message.SerializeToString(),
            key=event.key.encode(),
            headers=event.headers(source="offre", time="2025-01-06T09:00:00Z"),
        )
    await producer.stop()


QUERY = """
query($r: [_Any!]!) {
  _entities(representations: $r) { ... on Formation { id rapport { etat du chiffres { places } } } }
}
"""


async def ask(serving: Serving, headers: dict[str, str], *ids: str) -> dict[str, Any]:
    representations = [{"__typename": "Formation", "id": id} for id in ids]
    async with httpx.AsyncClient(base_url=serving.url, headers=headers) as client:
        answer = await client.post("/graphql", json={"query": QUERY, "variables": {"r": representations}})
    found: dict[str, Any] = answer.json()
    return found


async def test_the_draft_of_a_report_has_its_figures_from_the_offer(
    served: Serving, issuer: Issuer, store: Database
) -> None:
    await grant(store, "01CHEF", role(Role.CHEF_ETABLISSEMENT, uai=UAI))
    answer = await ask(served, issuer.authorization(sub="01CHEF"), "2025/1", "2025/2", "2025/3")
    assert answer == {
        "data": {
            "_entities": [
                {"id": "2025/1", "rapport": {"etat": "BROUILLON", "du": True, "chiffres": {"places": 30}}},
                {"id": "2025/2", "rapport": {"etat": "BROUILLON", "du": False, "chiffres": {"places": 12}}},
                {"id": "2025/3", "rapport": None},
            ]
        }
    }


async def test_only_who_holds_the_right_on_the_establishment_or_formation_sees_a_draft(
    served: Serving, issuer: Issuer, store: Database
) -> None:
    on_formation = habilitations_pb2.Droit(uai=UAI, rubrique="RAPPORTS", formation="2025/1", niveau="ECRITURE")
    on_another = habilitations_pb2.Droit(uai=UAI, rubrique="RAPPORTS", formation="2025/2", niveau="ECRITURE")
    await grant(store, "01CHEF", role(Role.CHEF_ETABLISSEMENT, uai=UAI))
    await grant(store, "01RESPONSABLE", droits=(on_formation,))
    await grant(store, "01ACADEMIE", role(Role.ADMIN_ACADEMIQUE, academie="creteil"))
    await grant(store, "01AUTRECHEF", role(Role.CHEF_ETABLISSEMENT, uai="0779001R"))
    await grant(store, "01AUTREACADEMIE", role(Role.ADMIN_ACADEMIQUE, academie="lyon"))
    await grant(store, "01AUTREFORMATION", droits=(on_another,))
    await grant(store, "01ADJOINT", role(Role.ADJOINT, uai=UAI))
    seen = ("01CHEF", "01RESPONSABLE", "01ACADEMIE")
    hidden = ("01AUTRECHEF", "01AUTREACADEMIE", "01AUTREFORMATION", "01ADJOINT", "01INCONNU")
    answers = await asyncio.gather(*(ask(served, issuer.authorization(sub=s), "2025/1") for s in (*seen, *hidden)))
    for answer in answers[: len(seen)]:
        assert answer["data"]["_entities"][0]["rapport"]["chiffres"] == {"places": 30}
    for answer in answers[len(seen) :]:
        assert answer["data"]["_entities"][0]["rapport"] is None
        assert answer["errors"][0]["extensions"]["code"] == "NON_AUTORISE"


async def test_a_right_taken_away_is_refused_within_five_seconds(
    served: Serving, issuer: Issuer, store: Database
) -> None:
    headers = issuer.authorization(sub="01CHEF")
    await grant(store, "01CHEF", role(Role.CHEF_ETABLISSEMENT, uai=UAI))
    assert (await ask(served, headers, "2025/1"))["data"]["_entities"][0]["rapport"] is not None
    await grant(store, "01CHEF")

    async def refused() -> bool:
        return (await ask(served, headers, "2025/1"))["data"]["_entities"][0]["rapport"] is None

    await eventually(refused, within=5)


@pytest.mark.parametrize("formation", ["2025/1", "2025/inconnue"])
async def test_a_caller_without_token_is_told_to_sign_in_whether_the_formation_exists_or_not(
    served: Serving, formation: str
) -> None:
    answer = await ask(served, {}, formation)
    assert answer["errors"][0]["extensions"]["code"] == "NON_AUTHENTIFIE"
