"""The service as it runs, its store, and what the others tell it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from kit.auth import service_tokens
from kit.mongo import Database
from kit.mongo.migrations import generation
from kit.settings import Mode
from kit.testing import databases
from kit.testing.fixtures import CreateTopics
from kit.testing.issuer import Issuer
from kit.testing.serving import Serving, free_port, serve
from services.pilotage.app import create_app
from services.pilotage.consumers import subscriptions
from services.pilotage.settings import PilotageSettings
from services.pilotage.store.calendriers import transactor
from services.pilotage.store.layout import LAYOUT
from services.pilotage.tests.calendriers import Steer, ask
from services.pilotage.tests.told import ACADEMIES, Teller
from services.pilotage.usecases import load_shipped
from socle.projections import calendrier
from socle.rubriques import Role
from socle.testing.rights import beat, grant, role


@pytest.fixture
async def store(mongodb_uri: str, database: Database) -> AsyncIterator[Database]:
    async with databases.opened("pilotage", LAYOUT, uri=mongodb_uri, beside=database) as own:
        yield own


@pytest.fixture
async def shipped(store: Database) -> None:
    """The calendars that ship, loaded."""
    await load_shipped(transactor(store, generation=await generation(store)))


@pytest.fixture
def settings(
    mongodb_uri: str, kafka_bootstrap_servers: str, unique_prefix: str, issuer: Issuer, tmp_path: Path
) -> PilotageSettings:
    service_tokens.create_keys(tmp_path, ("pilotage",))
    return PilotageSettings(
        mode=Mode.LOCAL,
        mongodb_uri=mongodb_uri,
        kafka_bootstrap_servers=kafka_bootstrap_servers,
        prefixe_topics=unique_prefix,
        prefixe_bases=f"{unique_prefix.rstrip('.')}_",
        identity_url=issuer.url,
        identity_grpc=f"127.0.0.1:{free_port()}",
        cles_services=tmp_path,
        pilotage_port=free_port(),
        academies_topics=ACADEMIES,
    )


@pytest.fixture
async def tell(
    store: Database, kafka_bootstrap_servers: str, unique_prefix: str, create_topics: CreateTopics
) -> AsyncIterator[Teller]:
    """Says what offre and eleves say, on topics of this test."""
    await create_topics([calendrier.TOPIC, *(s.topic for s in subscriptions(store, ACADEMIES))])
    async with Teller.to(kafka_bootstrap_servers, unique_prefix) as teller:
        yield teller


@pytest.fixture
async def served(settings: PilotageSettings, tell: Teller) -> AsyncIterator[Serving]:  # noqa: ARG001 - its topics
    """The service, which reads what `tell` says."""
    async with serve(create_app(settings), port=settings.pilotage_port) as serving:
        yield serving


@pytest.fixture
async def nation(served: Serving, issuer: Issuer, store: Database) -> Steer:
    """Asks something of the calendar as the national team does; gives what it is answered."""
    await grant(store, "01NATION", role(Role.ADMIN_NATIONAL))

    async def steer(query: str, **variables: Any) -> dict[str, Any]:
        await beat(store)
        answer = await ask(served, issuer.authorization(sub="01NATION"), query, **variables)
        assert "errors" not in answer, answer
        (payload,) = answer["data"].values()
        found: dict[str, Any] = payload
        return found

    return steer
