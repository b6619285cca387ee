"""The loop of imports: it says that it is at work, waits when there is nothing it may do, and lets go of what fails."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import IO, Any

import pytest

from generateur.ecoles import Ecole, generate_ecole
from generateur.siecle import write_eleves
from kit.clock import technical_clock
from kit.mongo import Database, open_database
from kit.mongo.files import Files
from kit.testing.waiting import eventually
from services.eleves.deps import Deps
from services.eleves.importation import Importation
from services.eleves.imports import BAIL, EtatImport, ImportSiecle
from services.eleves.siecle.compte_rendu import CodeAvertissement
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


async def import_at_once(deps: Deps, uri: str, monkeypatch: pytest.MonkeyPatch, *lycees: Ecole) -> list[ImportSiecle]:
    """Two lycées' files, done by two processes that both look at the students of others before either has any."""
    other = open_database(uri, deps.database.name)
    ids = [(await received(deps, write_eleves(one), id=f"2025/{one.uai}", uai=one.uai)).id for one in lycees]
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
    done = [held for id in ids if (held := await find_import(deps.database, id)) is not None]
    assert [held.etat for held in done] == [EtatImport.TERMINE] * 2
    assert len({held.travail.titulaire for held in done if held.travail is not None}) == 2
    return done


async def test_of_two_schools_that_import_one_address_at_the_same_moment_exactly_one_keeps_it(
    deps: Deps, store: Database, mongodb_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = with_student(ecole(terminales=20), 0, courriel="fratrie@courriel.example")
    theirs = generate_ecole(VOISIN, session=2025, terminales=20, seed=2)
    theirs = with_student(theirs, 0, courriel="Fratrie@courriel.example")
    await import_at_once(deps, mongodb_uri, monkeypatch, ours, theirs)
    (kept,) = await store.eleves.find({"courriel": "fratrie@courriel.example"}).to_list(None)
    (task,) = await store.eleves.find({"tache": "COURRIEL_DEJA_PRIS"}).to_list(None)
    assert {kept["uai"], task["uai"]} == {UAI, VOISIN}
    assert await store.courriels.count_documents({"eleve": kept["_id"]}) == 1
    assert await store.courriels.count_documents({"eleve": task["_id"]}) == 0


async def test_of_two_schools_that_import_one_ine_at_the_same_moment_whoever_ends_last_is_told(
    deps: Deps, store: Database, mongodb_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = ecole(terminales=20)
    theirs = generate_ecole(VOISIN, session=2025, terminales=20, seed=2)
    same = replace(ours.eleves[3], eleve_id="900001", courriel=None)
    theirs = replace(theirs, eleves=(*theirs.eleves, same))
    done = await import_at_once(deps, mongodb_uri, monkeypatch, ours, theirs)
    assert await store.eleves.count_documents({"siecle.ine_rnie": same.ine_rnie}) == 2
    warned = [a for held in done if held.rapport for a in held.rapport.avertissements]
    shared = [a for a in warned if a.code is CodeAvertissement.INE_PARTAGE]
    assert shared
    assert {a.eleve for a in shared} == {f"{same.nom_usage or same.nom} {same.prenoms[0]}"}


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
