"""An INE that students of two schools have: whoever imports last is told, and asks no more than it has to (ADR 012)."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from generateur.ecoles import generate_ecole
from generateur.siecle import write_eleves
from kit.clock import technical_clock
from kit.mongo import Database
from services.eleves.deps import Deps
from services.eleves.siecle.compte_rendu import CodeAvertissement, CodeRejet
from services.eleves.store import courriels
from services.eleves.store.imports import others_at_work
from services.eleves.store.listes import find_shared_ines
from services.eleves.tests.conftest import VOISIN
from services.eleves.tests.envois import ecole
from services.eleves.tests.importations import import_whole, open_deps, received, take
from services.eleves.usecases.imports import renew
from socle.identifiants import ine_bea_letter

pytestmark = pytest.mark.stack

AUTRE = "2025/02AUTRE"


@pytest.fixture
async def deps(store: Database) -> Deps:
    return await open_deps(store)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[frozenset[str]]:
    """The INE that imports have asked for once they had committed."""
    looks: list[frozenset[str]] = []

    async def recorded(database: Database, *, session: int, uai: str, ines: Iterable[str]) -> frozenset[str]:
        looks.append(frozenset(ines))
        return await find_shared_ines(database, session=session, uai=uai, ines=ines)

    monkeypatch.setattr("services.eleves.usecases.imports.find_shared_ines", recorded)
    return looks


def meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], Awaitable[Any]]) -> None:
    """Something happens between the two looks of an import: when it claims its addresses."""
    real = courriels.claim

    async def claim(database: Database, owners: Mapping[str, str]) -> frozenset[str]:
        await happens()
        return await real(database, owners)

    monkeypatch.setattr(courriels, "claim", claim)


async def import_ours(deps: Deps) -> frozenset[str]:
    """Import a lycée of which nobody is known yet; the INE of its students."""
    lycee = ecole()
    await import_whole(deps, lycee)
    return frozenset(ine for eleve in lycee.eleves for ine in (eleve.ine_rnie, eleve.ine_bea) if ine)


async def test_an_import_that_was_alone_asks_for_its_new_students_no_more(
    deps: Deps, asked: list[frozenset[str]]
) -> None:
    await import_ours(deps)
    assert asked == [frozenset()]


async def test_an_import_that_is_at_work_and_changes_nobody_is_no_reason_to_ask_again(
    deps: Deps, asked: list[frozenset[str]]
) -> None:
    await received(deps, write_eleves(ecole()), id=AUTRE, uai=VOISIN)
    await take(deps, "autre")
    await import_ours(deps)
    assert asked == [frozenset()]


async def test_an_import_asks_once_more_when_another_that_was_at_work_went_on_meanwhile(
    deps: Deps, asked: list[frozenset[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    await received(deps, write_eleves(ecole()), id=AUTRE, uai=VOISIN)
    await take(deps, "autre")
    meanwhile(monkeypatch, lambda: renew(deps, AUTRE, titulaire="autre"))
    given = await import_ours(deps)
    assert asked == [given]


async def test_an_import_asks_once_more_when_another_began_meanwhile(
    deps: Deps, asked: list[frozenset[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def begin() -> None:
        await received(deps, write_eleves(ecole()), id=AUTRE, uai=VOISIN)
        await take(deps, "autre")

    meanwhile(monkeypatch, begin)
    given = await import_ours(deps)
    assert asked == [given]


async def test_who_is_at_work_is_seen_though_its_clock_be_ten_seconds_slow_and_in_its_session_only(deps: Deps) -> None:
    held = await received(deps, write_eleves(ecole()))
    await received(deps, write_eleves(ecole()), id=AUTRE, uai=VOISIN)
    await take(deps)
    began = technical_clock()
    assert await others_at_work(deps.database, held, since=began) == {}
    slow = replace(deps, clock=lambda: technical_clock() - timedelta(seconds=10))
    await take(slow, "autre")
    seen = await others_at_work(deps.database, held, since=began)
    assert seen.keys() == {AUTRE}
    await renew(slow, AUTRE, titulaire="autre")
    assert (await others_at_work(deps.database, held, since=began))[AUTRE] > seen[AUTRE]
    assert await others_at_work(deps.database, replace(held, session=2024), since=began) == {}


async def test_a_new_student_is_told_of_who_was_found_elsewhere_for_another_row(deps: Deps) -> None:
    bea = "0123456789" + ine_bea_letter("0123456789")
    theirs = generate_ecole(VOISIN, session=2025, terminales=5, seed=2)
    held = replace(theirs.eleves[0], ine_bea=bea)
    theirs = replace(theirs, eleves=(held, *theirs.eleves[1:]), exportee_le=theirs.exportee_le + timedelta(days=7))
    await import_whole(deps, theirs, id=AUTRE)
    # Our file, older, has that student without its INE-BEA, which another student of ours has.
    ours = ecole()
    come = replace(held, eleve_id="900001", ine_bea=None, courriel=None)
    other = replace(ours.eleves[1], ine_bea=bea)
    assert other.naissance != held.naissance
    ours = replace(ours, eleves=(ours.eleves[0], other, *ours.eleves[2:], come))
    rapport = (await import_whole(deps, ours)).rapport
    assert rapport is not None
    assert [rejet.code for rejet in rapport.rejets] == [CodeRejet.ELEVE_AILLEURS]
    shared = [a.eleve for a in rapport.avertissements if a.code is CodeAvertissement.INE_PARTAGE]
    assert shared == [f"{other.nom_usage or other.nom} {other.prenoms[0]}"]
