"""The loop of imports: it says that it is at work, waits when there is nothing it may do, and lets go of what fails."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import IO, Any

import pytest

from generateur.ecoles import generate_ecole
from generateur.siecle import write_eleves
from kit.clock import technical_clock
from kit.mongo import Database, open_database
from kit.mongo.files import Files
from kit.testing.waiting import eventually
from services.eleves.deps import Deps
from services.eleves.importation import Importation
from services.eleves.imports import BAIL, EtatImport
from services.eleves.store import courriels
from services.eleves.store.imports import find_import
from services.eleves.tests.conftest import UAI, VOISIN
from services.eleves.tests.envois import ecole, with_student
from services.eleves.tests.importations import open_deps, received
from services.eleves.usecases.imports import take_next

pytestmark = pytest.mark.stack


@pytest.fixture
async def deps(store: Database) -> Deps:
    return await open_deps(store)


@dataclass(frozen=True, slots=True)
class Slow(Files):
    """Files that are read once they may be."""

    released: asyncio.Event

    async def read_into(self, id: str, target: IO[bytes]) -> bool:
        await self.released.wait()
        return await Files.read_into(self, id, target)


@asynccontextmanager
async def running(work: Awaitable[Any]) -> AsyncIterator[asyncio.Future[Any]]:
    task = asyncio.ensure_future(work)
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_an_import_whose_file_takes_long_to_read_is_not_taken_over(deps: Deps) -> None:
    held = await received(deps, write_eleves(ecole()))
    late, released = timedelta(0), asyncio.Event()
    deps = replace(
        deps, files=Slow(deps.files.database, deps.files.bucket, released), clock=lambda: technical_clock() + late
    )

    async def held_until() -> datetime | None:
        found = await find_import(deps.database, held.id)
        return found.travail.jusqu_a if found is not None and found.travail is not None else None

    async with running(Importation(battement=timedelta(milliseconds=20)).do_next(deps)) as work:
        for _ in range(3):
            late += BAIL * 0.7

            async def renewed() -> bool:
                until = await held_until()
                return until is not None and until > deps.clock() + BAIL * 0.7

            await eventually(renewed)
        assert late > 2 * BAIL
        assert await take_next(deps, titulaire="second") is None
        released.set()
        assert await work
    done = await find_import(deps.database, held.id)
    assert done is not None
    assert done.etat is EtatImport.TERMINE


async def test_the_imports_of_a_school_that_has_one_under_way_elsewhere_wait_without_a_busy_loop(deps: Deps) -> None:
    for id in ("2025/01A", "2025/01B"):
        await received(deps, write_eleves(ecole()), id=id)
    assert await take_next(deps, titulaire="ailleurs") is not None
    assert not await Importation().do_next(deps)
    tries = 0

    def counting() -> datetime:
        nonlocal tries
        tries += 1
        return technical_clock()

    watched, loop = replace(deps, clock=counting), Importation()

    async def tried() -> bool:
        return tries > 0

    async with running(loop.run(watched)):
        await eventually(tried)
        started = time.monotonic()
        for _ in range(100):
            await find_import(deps.database, "2025/01A")
        assert tries < 20 + 10 * (time.monotonic() - started), "once a second, and not as often as the store answers"


async def test_of_two_schools_that_import_one_address_at_the_same_moment_exactly_one_keeps_it(
    deps: Deps, store: Database, mongodb_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = open_database(mongodb_uri, store.name)
    ours = with_student(ecole(terminales=20), 0, courriel="fratrie@courriel.example")
    theirs = generate_ecole(VOISIN, session=2025, terminales=20, seed=2)
    theirs = with_student(theirs, 0, courriel="Fratrie@courriel.example")
    await received(deps, write_eleves(ours), id="2025/01A")
    await received(deps, write_eleves(theirs), id="2025/01B", uai=VOISIN)
    both, real, began = asyncio.Barrier(2), courriels.claim, list[Database]()

    async def at_once(database: Database, owners: Mapping[str, str]) -> frozenset[str]:
        if not any(database is one for one in began):
            began.append(database)
            await both.wait()
        return await real(database, owners)

    monkeypatch.setattr(courriels, "claim", at_once)
    async with asyncio.timeout(60):
        assert all(await asyncio.gather(Importation().do_next(deps), Importation().do_next(await open_deps(other))))
    other.client.close()
    done = [await find_import(store, id) for id in ("2025/01A", "2025/01B")]
    assert [held and held.etat for held in done] == [EtatImport.TERMINE] * 2
    assert len({held.travail.titulaire for held in done if held is not None and held.travail is not None}) == 2
    (kept,) = await store.eleves.find({"courriel": "fratrie@courriel.example"}).to_list(None)
    (task,) = await store.eleves.find({"tache": "COURRIEL_DEJA_PRIS"}).to_list(None)
    assert {kept["uai"], task["uai"]} == {UAI, VOISIN}
    assert await store.courriels.count_documents({"eleve": kept["_id"]}) == 1
    assert await store.courriels.count_documents({"eleve": task["_id"]}) == 0


async def test_a_file_that_no_process_survives_is_given_up_without_being_read_once_more(deps: Deps) -> None:
    held = await received(deps, write_eleves(ecole()))
    for _ in range(23):
        assert await take_next(deps, titulaire="mort") is not None
        deps = replace(deps, clock=_later(deps.clock))
    never = replace(deps, files=Slow(deps.files.database, deps.files.bucket, asyncio.Event()))
    async with asyncio.timeout(10):
        assert await Importation().do_next(never)
    done = await find_import(deps.database, held.id)
    assert done is not None
    assert done.etat is EtatImport.ECHOUE


def _later(clock: Callable[[], datetime]) -> Callable[[], datetime]:
    return lambda: clock() + BAIL + timedelta(seconds=1)
