"""The candidates' files when their site, the lycées and the offer write at once, none seeing the others."""

import asyncio
from dataclasses import replace
from random import Random

import pytest

from kit.mongo import Database
from services.eleves.consumers import read_etat
from services.eleves.store.dossiers import count_waiting
from services.eleves.store.formations import Formations
from services.eleves.tests.candidats import OUVERTES, Meanwhile, Monde, eleve, etat, formation, voeu
from services.eleves.usecases.dossiers import attach, receive_all

pytestmark = pytest.mark.stack


@pytest.fixture
def monde(store: Database) -> Monde:
    return Monde(store)


async def test_a_student_committed_while_its_file_is_being_received_gets_it(monde: Monde) -> None:
    await monde.offer(formation("1", "creteil"))
    meanwhile = Meanwhile(monde.store, lambda: monde.send(eleve("E1")))
    await receive_all(
        meanwhile.transact, Formations(monde.store), [read_etat(etat("c1", 1, voeu("1")))], ouvertes=OUVERTES
    )
    assert meanwhile.done
    assert (await monde.whole("creteil"))["c1"] is not None


async def test_a_file_committed_while_its_student_is_being_saved_follows_it(monde: Monde) -> None:
    meanwhile = Meanwhile(monde.store, lambda: monde.tell(etat("c1", 1, voeu("1"))))
    saved = await meanwhile.transact(lambda work: work.eleves.save_all([eleve("E1")]))
    assert meanwhile.done
    assert await monde.whole("creteil") == {}
    await attach(monde.transact, saved, ouvertes=OUVERTES)
    assert (await monde.whole("creteil"))["c1"] is not None


async def test_a_student_who_moves_while_its_file_is_being_received_takes_it_along(monde: Monde) -> None:
    (held,) = await monde.save(eleve("E1"))
    moves = replace(held, academie="rennes", uai="0350000A")
    meanwhile = Meanwhile(monde.store, lambda: monde.send(moves))
    await receive_all(
        meanwhile.transact, Formations(monde.store), [read_etat(etat("c1", 1, voeu("1")))], ouvertes=OUVERTES
    )
    assert meanwhile.done
    assert (await monde.whole("creteil"))["c1"] is None
    assert (await monde.whole("rennes"))["c1"] is not None


async def test_a_formation_told_while_a_wish_for_it_is_being_received_has_it(monde: Monde) -> None:
    await monde.send(eleve("E1"))
    meanwhile = Meanwhile(monde.store, lambda: monde.offer(formation("1", "rennes")))
    await receive_all(
        meanwhile.transact, Formations(monde.store), [read_etat(etat("c1", 1, voeu("1")))], ouvertes=OUVERTES
    )
    assert meanwhile.done
    assert await monde.hosted("rennes") == {"c1": ["2025/1"]}


async def test_a_batch_that_comes_again_after_a_crash_finds_the_student_it_had_not_looked_for(monde: Monde) -> None:
    await monde.offer(formation("1", "creteil"))
    await monde.tell(etat("c1", 1, voeu("1")))
    await monde.save(eleve("E1"))
    assert await monde.tell(etat("c1", 1, voeu("1"))) == 0
    assert (await monde.whole("creteil"))["c1"] is not None


async def test_files_students_and_formations_that_all_come_at_once_all_find_each_other(monde: Monde) -> None:
    ines = [f"{n:09d}AB" for n in range(60)]
    etats = [etat(f"c{n}", 1, voeu(str(n)), ine=ine) for n, ine in enumerate(ines)]
    eleves = [eleve(f"E{n}", ine=ine) for n, ine in enumerate(ines)]
    formations = [formation(str(n), "rennes") for n in range(60)]
    order = Random(1)
    for some in (etats, eleves, formations):
        order.shuffle(some)
    slices = [slice(start, start + 10) for start in range(0, 60, 10)]
    await asyncio.gather(
        *(monde.tell(*etats[part]) for part in slices),
        *(monde.send(*eleves[part]) for part in slices),
        *(monde.offer(*formations[part]) for part in slices),
    )
    assert {key: value and value.eleve for key, value in (await monde.whole("creteil")).items()} == {
        f"c{n}": f"2025/E{n}" for n in range(60)
    }
    assert await monde.hosted("rennes") == {f"c{n}": [f"2025/{n}"] for n in range(60)}
    assert await count_waiting(monde.store) == (0, 0)
