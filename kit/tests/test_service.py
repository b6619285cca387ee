"""The life of a service: it waits for its store and says so, and it stops rather than run half."""

import signal
from collections.abc import Sequence

import httpx
import pytest

from kit.app.service import Loop, Service
from kit.http import open_client
from kit.mongo import Collection, Database, open_database
from kit.mongo.migrations import Layout
from kit.settings import Mode
from kit.testing.forwarding import forwarding
from kit.testing.serving import free_port, serve
from kit.testing.waiting import eventually

CHOSES = Collection(
    name="choses", required={"nom": "string"}, purpose="essai", readers="le test", kept="le temps du test"
)
LAYOUT = Layout(collections=[CHOSES])


def service(database: Database, *, mode: Mode = Mode.LOCAL, loops: Sequence[Loop] = ()) -> Service:
    return Service(name="essai", mode=mode, database=database, layout=LAYOUT, routes=[], loops=loops)


@pytest.fixture
def own(mongodb_uri: str, database: Database) -> Database:
    """The test's database through a client of the service's own, which the service closes."""
    return open_database(mongodb_uri, database.name)


async def is_ready(client: httpx.AsyncClient) -> bool:
    return (await client.get("/sante/pret")).status_code == 200


@pytest.mark.stack
async def test_a_service_answers_while_its_store_is_away_and_is_ready_once_it_is_there(
    mongodb_uri: str, unique_prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    port, name = free_port(), unique_prefix.rstrip(".")
    database = open_database(f"mongodb://127.0.0.1:{port}/?directConnection=true&serverSelectionTimeoutMS=300", name)
    async with serve(service(database).asgi()) as serving, open_client(base_url=serving.url) as client:
        assert (await client.get("/sante/vivant")).status_code == 200
        assert not await is_ready(client)

        async def said() -> bool:
            return "waiting_for_mongodb" in capsys.readouterr().out

        await eventually(said)
        async with forwarding(port, mongodb_uri):
            await eventually(lambda: is_ready(client), within=20)
            await database.client.drop_database(name)


@pytest.mark.stack
async def test_a_service_is_ready_only_with_all_that_it_needs(own: Database) -> None:
    had: list[str] = []
    needing = Service(
        name="essai", mode=Mode.LOCAL, database=own, layout=LAYOUT, routes=[], needs=[lambda: "clé" in had]
    )
    async with serve(needing.asgi()) as serving, open_client(base_url=serving.url) as client:
        await eventually(lambda: own.list_collection_names(filter={"name": CHOSES.name}))
        assert not await is_ready(client)
        had.append("clé")
        await eventually(lambda: is_ready(client))


@pytest.mark.stack
async def test_outside_local_mode_pending_migrations_stop_the_process(
    own: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    signals: list[int] = []
    monkeypatch.setattr("os.kill", lambda _pid, number: signals.append(number))

    async def stopped() -> bool:
        return signals == [signal.SIGTERM]

    async with serve(service(own, mode=Mode.PRODUCTION).asgi()):
        await eventually(stopped)
    assert "python -m services.essai migrer" in capsys.readouterr().out


@pytest.mark.stack
async def test_a_loop_that_ends_by_itself_stops_the_process(own: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    signals: list[int] = []
    monkeypatch.setattr("os.kill", lambda _pid, number: signals.append(number))

    async def ends() -> None:
        return

    async def stopped() -> bool:
        return signals == [signal.SIGTERM]

    async with serve(service(own, loops=[ends]).asgi()):
        await eventually(stopped)


@pytest.mark.stack
async def test_metrics_are_served_and_unknown_paths_are_not(own: Database) -> None:
    async with serve(service(own).asgi()) as serving, open_client(base_url=serving.url) as client:
        assert (await client.get("/metrics")).status_code == 200
        assert (await client.get("/rien")).status_code == 404
