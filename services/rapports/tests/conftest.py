"""The service as it runs, its store, and what the others tell it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kit.auth.service_tokens import create_keys
from kit.mongo import Database
from kit.settings import Mode
from kit.testing import databases
from kit.testing.fixtures import CreateTopics
from kit.testing.issuer import Issuer
from kit.testing.serving import Serving, free_port, serve
from kit.testing.waiting import eventually
from services.rapports.app import create_app
from services.rapports.consumers import subscriptions
from services.rapports.settings import RapportsSettings
from services.rapports.store.collections import LAYOUT
from services.rapports.tests.told import ACADEMIES, APPRENTISSAGE, FORMATION, Teller


@pytest.fixture
async def store(mongodb_uri: str, database: Database) -> AsyncIterator[Database]:
    async with databases.opened("rapports", LAYOUT, uri=mongodb_uri, beside=database) as own:
        yield own


@pytest.fixture
async def tell(
    store: Database, kafka_bootstrap_servers: str, unique_prefix: str, create_topics: CreateTopics
) -> AsyncIterator[Teller]:
    """Says what offre and eleves say, on topics of this test."""
    await create_topics([s.topic for s in subscriptions(store, ACADEMIES)])
    async with Teller.to(kafka_bootstrap_servers, unique_prefix) as teller:
        yield teller


@pytest.fixture
def settings(
    mongodb_uri: str, kafka_bootstrap_servers: str, unique_prefix: str, issuer: Issuer, tmp_path: Path
) -> RapportsSettings:
    create_keys(tmp_path, ("rapports",))
    return RapportsSettings(
        mode=Mode.LOCAL,
        mongodb_uri=mongodb_uri,
        kafka_bootstrap_servers=kafka_bootstrap_servers,
        prefixe_topics=unique_prefix,
        prefixe_bases=f"{unique_prefix.rstrip('.')}_",
        identity_url=issuer.url,
        identity_grpc=f"127.0.0.1:{free_port()}",
        cles_services=tmp_path,
        rapports_port=free_port(),
        academies_topics=ACADEMIES,
    )


@pytest.fixture
async def served(store: Database, settings: RapportsSettings, tell: Teller) -> AsyncIterator[Serving]:
    """The service, which has heard of two formations."""
    async with serve(create_app(settings), port=settings.rapports_port) as serving:
        await tell.formations(FORMATION, APPRENTISSAGE)

        async def known() -> bool:
            return await store.formations.count_documents({}) == 2

        await eventually(known, within=20)
        yield serving
