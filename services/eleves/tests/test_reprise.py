"""An import that a crash cuts short is gone on with, and what was applied is applied once."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest

from generateur.ecoles import generate_ecole
from generateur.siecle import write_eleves
from kit.clock import technical_clock
from kit.mongo import Database
from services.eleves.deps import Deps
from services.eleves.imports import BAIL, AutreTitulaire, EtatImport, ImportSiecle
from services.eleves.siecle.compte_rendu import CodeAvertissement, CodeRejet
from services.eleves.store import courriels
from services.eleves.tests.conftest import UAI, VOISIN
from services.eleves.tests.envois import ecole
from services.eleves.tests.importations import import_whole, open_deps, received, take
from services.eleves.usecases import adresses, imports
from services.eleves.usecases.imports import apply_import, give_up, take_next

pytestmark = pytest.mark.stack


class Crash(BaseException):
    """The process dies here."""


@pytest.fixture
async def deps(store: Database) -> Deps:
    return await open_deps(store)


def after_the_lease(deps: Deps) -> Deps:
    """The same, once the lease of a process that died is over."""
    return replace(deps, clock=lambda: technical_clock() + BAIL + timedelta(seconds=1))


async def die(
    deps: Deps, taken: ImportSiecle, monkeypatch: pytest.MonkeyPatch, *, before: tuple[ModuleType, str]
) -> None:
    """Begin the import that the first process has taken; it dies where it comes to this function of a module."""

    async def dying(*_args: Any, **_kwargs: Any) -> None:
        raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(*before, dying)
        with pytest.raises(Crash):
            await apply_import(deps, taken, titulaire="premier")


async def go_on(deps: Deps) -> ImportSiecle:
    """Another process takes the import that is left, once it may, and does it to the end."""
    later = after_the_lease(deps)
    return await apply_import(later, await take(later, "second"), titulaire="second")


@pytest.mark.parametrize("gele", [False, True], ids=["in time", "after the freeze"])
@pytest.mark.parametrize("chunks", [0, 1, 2])
async def test_an_import_that_a_crash_cut_short_ends_as_if_it_had_not(
    deps: Deps, store: Database, monkeypatch: pytest.MonkeyPatch, chunks: int, *, gele: bool
) -> None:
    lycee = generate_ecole(UAI, session=2025, terminales=700, seed=1)
    await received(deps, write_eleves(lycee), vivier_gele=gele)
    taken = await take(deps)
    applied = 0
    real = imports._apply

    async def dying(*args: Any, **kwargs: Any) -> None:
        nonlocal applied
        if applied == chunks:
            raise Crash
        applied += 1
        await real(*args, **kwargs)

    monkeypatch.setattr(imports, "_apply", dying)
    with pytest.raises(Crash):
        await apply_import(deps, taken, titulaire="premier")
    monkeypatch.setattr(imports, "_apply", real)
    assert await store.eleves.count_documents({}) == 250 * chunks
    assert await take_next(deps, titulaire="second") is None, "the first may still be at work"
    done = await go_on(deps)
    assert done.rapport is not None
    assert (done.etat, done.rapport.nouveaux, done.rapport.inchanges) == (EtatImport.TERMINE, 700, 0)
    held = await store.eleves.find({}).to_list(None)
    assert len(held) == 700
    assert all(document["vivier_initial"] for document in held), "a first file makes it, however late"
    with_address = {document["_id"] for document in held if document["courriel"]}
    owners = [row["eleve"] for row in await store.courriels.find({}).to_list(None)]
    assert set(owners) == with_address
    assert len(owners) == len(with_address), "no address was lost to a student who was never saved"
    assert {row["key"] for row in await store.outbox.find({}).to_list(None)} == {d["_id"] for d in held}


async def test_a_process_that_wakes_up_after_its_lease_applies_nothing_more(deps: Deps, store: Database) -> None:
    lycee = generate_ecole(UAI, session=2025, terminales=60, seed=1)
    await received(deps, write_eleves(lycee))
    slow = await take_next(deps, titulaire="endormi")
    other = await take_next(after_the_lease(deps), titulaire="second")
    assert slow is not None
    assert other is not None
    with pytest.raises(AutreTitulaire):
        await apply_import(deps, slow, titulaire="endormi")
    assert await store.eleves.count_documents({}) == 0


async def test_an_import_that_is_given_up_frees_the_addresses_it_had_claimed(
    deps: Deps, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    lycee = generate_ecole(UAI, session=2025, terminales=60, seed=1)
    await received(deps, write_eleves(lycee))
    taken = await take(deps)
    await die(deps, taken, monkeypatch, before=(imports, "_apply"))
    assert await store.courriels.count_documents({}) > 0
    await give_up(deps, taken, titulaire="premier")
    assert await store.courriels.count_documents({}) == 0
    held = await store.imports.find_one({})
    assert held is not None
    assert held["etat"] == "ECHOUE"


async def owner_of(deps: Deps, adresse: str) -> str | None:
    """Whom the address is claimed for."""
    row = await deps.database.courriels.find_one({"_id": adresses.fingerprint(deps, 2025, adresse)})
    return None if row is None else str(row["eleve"])


async def test_an_import_that_is_given_up_leaves_each_address_to_the_student_who_has_it(
    deps: Deps, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    lycee = ecole(terminales=20)
    await import_whole(deps, lycee)
    before = await store.courriels.find({}).sort("_id", 1).to_list(None)
    known = lycee.eleves[3]
    assert known.courriel is not None
    come = replace(known, eleve_id="777777", ine_rnie="123456789AB", ine_bea=None)
    changed = replace(known, courriel="autre@courriel.example")
    eleves = (*lycee.eleves[:3], changed, *lycee.eleves[4:], come)
    await received(deps, write_eleves(replace(lycee, eleves=eleves)), id="2025/02IMPORT")
    taken = await take(deps)
    await die(deps, taken, monkeypatch, before=(imports, "_apply"))
    (kept,) = await store.eleves.find({"courriel": known.courriel}).to_list(None)
    assert await owner_of(deps, "autre@courriel.example") == kept["_id"]
    assert await owner_of(deps, known.courriel) != kept["_id"], "it was handed to the newcomer"
    await give_up(deps, taken, titulaire="premier")
    assert await owner_of(deps, "autre@courriel.example") is None
    assert await owner_of(deps, known.courriel) == kept["_id"]
    assert await store.courriels.find({}).sort("_id", 1).to_list(None) == before


async def test_an_address_claimed_before_a_crash_for_a_row_that_is_rejected_after_it_is_free_again(
    deps: Deps, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    lycee = ecole(terminales=20)
    shared = lycee.eleves[3]
    assert shared.courriel is not None
    await received(deps, write_eleves(lycee))
    taken = await take(deps)
    await die(deps, taken, monkeypatch, before=(imports, "_apply"))
    assert await owner_of(deps, shared.courriel) is not None
    theirs = generate_ecole(VOISIN, session=2025, terminales=5, seed=2)
    come = replace(shared, eleve_id="900001")
    theirs = replace(theirs, eleves=(*theirs.eleves, come), exportee_le=theirs.exportee_le + timedelta(days=7))
    await import_whole(deps, theirs, id="2025/02IMPORT", titulaire="second")
    done = await go_on(deps)
    assert done.rapport is not None
    assert [rejet.code for rejet in done.rapport.rejets] == [CodeRejet.ELEVE_AILLEURS]
    assert await owner_of(deps, shared.courriel) is None
    held = {d["_id"] for d in await store.eleves.find({"courriel": {"$ne": None}}).to_list(None)}
    assert {row["eleve"] for row in await store.courriels.find({}).to_list(None)} == held


async def test_imports_are_taken_in_the_order_in_which_they_came(deps: Deps) -> None:
    content = write_eleves(generate_ecole(UAI, session=2025, terminales=5, seed=1))
    for id, uai in (("2025/01B", UAI), ("2025/01A", "0779001R")):
        await received(deps, content, id=id, uai=uai)
    taken = [await take_next(deps, titulaire="un") for _ in range(3)]
    assert _ids(taken) == ["2025/01B", "2025/01A", None]


def _ids(taken: Sequence[ImportSiecle | None]) -> list[str | None]:
    return [None if held is None else held.id for held in taken]


async def test_an_address_that_was_given_up_before_a_crash_is_freed_after_it(
    deps: Deps, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    lycee = generate_ecole(UAI, session=2025, terminales=20, seed=1)
    await import_whole(deps, lycee)
    before = await store.courriels.count_documents({})
    changed = replace(lycee, eleves=(replace(lycee.eleves[0], courriel="autre@courriel.example"), *lycee.eleves[1:]))
    await received(deps, write_eleves(changed), id="2025/02IMPORT")
    taken = await take(deps)
    await die(deps, taken, monkeypatch, before=(courriels, "free"))
    done = await go_on(deps)
    assert done.rapport is not None
    assert done.rapport.modifies == 1
    assert await store.courriels.count_documents({}) == before


async def test_the_students_who_arrived_before_a_crash_are_told_after_it(
    deps: Deps, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = generate_ecole(VOISIN, session=2025, terminales=20, seed=1)
    await import_whole(deps, theirs)
    ours = generate_ecole(UAI, session=2025, terminales=20, seed=2)
    come = [replace(eleve, eleve_id=f"9{eleve.eleve_id}") for eleve in theirs.eleves[:2]]
    ours = replace(ours, eleves=(*ours.eleves, *come), exportee_le=ours.exportee_le + timedelta(days=7))
    await received(deps, write_eleves(ours), id="2025/02IMPORT")
    taken = await take(deps)
    await die(deps, taken, monkeypatch, before=(courriels, "free"))
    done = await go_on(deps)
    assert done.rapport is not None
    assert (done.rapport.arrives, done.rapport.nouveaux) == (2, 20)
    told = [a.eleve for a in done.rapport.avertissements if a.code is CodeAvertissement.ELEVE_ARRIVE]
    assert told == [f"{eleve.nom_usage or eleve.nom} {eleve.prenoms[0]}" for eleve in come]


async def test_a_school_has_one_import_under_way_and_the_others_do_not_wait_for_it(deps: Deps) -> None:
    content = write_eleves(generate_ecole(UAI, session=2025, terminales=5, seed=1))
    await received(deps, content, id="2025/01A")
    await received(deps, content, id="2025/01B")
    elsewhere = await received(deps, content, id="2025/01C", uai="0779001R")
    taken = [await take_next(deps, titulaire=name) for name in ("un", "deux", "trois")]
    assert _ids(taken) == ["2025/01A", elsewhere.id, None]
    assert taken[0] is not None
    await apply_import(deps, taken[0], titulaire="un")
    assert _ids([await take_next(deps, titulaire="deux")]) == ["2025/01B"]
