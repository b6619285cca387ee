"""What is stored of what the others say, whatever the order and number of times in which they say it."""

from collections.abc import Sequence
from dataclasses import astuple, replace
from datetime import timedelta
from itertools import count as numbers

import pytest
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kit.consumer.messages import Received
from kit.mongo import Database, Transaction
from services.pilotage.consumers import formation_resolver, school_counter
from services.pilotage.indicateurs import ALL_HIDDEN, NOTHING_HIDDEN
from services.pilotage.store.comptage import compute, mark_all
from services.pilotage.store.lignes import CANDIDATURES_ROWS, ELEVES_ROWS, FORMATIONS_ROWS, Rows, keep
from services.pilotage.store.resultats import Resultats
from services.pilotage.store.verification import verify
from services.pilotage.tests.told import (
    AUTRE_LYCEE,
    LYCEE,
    VERSAILLES,
    candidature,
    eleve,
    formation,
    gone,
    offre,
)

pytestmark = pytest.mark.stack

NOBODY = (0, 0, 0, 0, 0, 0)


async def hear[M: Message](store: Database, rows: Rows[M], *states: Received[M]) -> int:
    return (await keep(store, rows)(states)).applied


async def compute_all(store: Database) -> int:
    """Compute what is marked, at once; return how many schools."""
    resolver, counter = formation_resolver(store), replace(school_counter(store), debounce=timedelta(0))
    while await resolver.turn():
        pass
    schools = 0
    while turned := await counter.turn():
        schools += turned
    return schools


async def total(store: Database, place: str) -> tuple[int, ...]:
    (found,) = await Resultats(store).get([f"2025/{place}"])
    return astuple(found.comptage.tableau.total)


async def pending(store: Database) -> tuple[int, int]:
    found = await Resultats(store).pending()
    return found.candidatures_en_attente, found.voeux_en_attente


@pytest.fixture
async def known(store: Database) -> Database:
    """A store that knows the offer."""
    await hear(store, FORMATIONS_ROWS, *offre())
    await compute_all(store)
    return store


async def test_a_school_an_academie_and_the_nation_are_counted_from_the_rows(known: Database) -> None:
    await hear(
        known,
        ELEVES_ROWS,
        eleve("a"),
        eleve("b", serie="STMG"),
        eleve("c", uai=AUTRE_LYCEE),
        eleve("d", uai=VERSAILLES, academie="versailles"),
    )
    await hear(
        known,
        CANDIDATURES_ROWS,
        candidature("a", "l", "bts"),
        candidature("c", uai=AUTRE_LYCEE),
        candidature("d", "pass", uai=VERSAILLES),
    )
    assert await compute_all(known) == 3
    assert await total(known, LYCEE) == (2, 2, 1, 0, 1, 0)
    assert await total(known, "creteil") == (3, 3, 2, 1, 1, 0)
    assert await total(known, "versailles") == (1, 1, 1, 0, 1, 1)
    assert await total(known, "nation") == (4, 4, 3, 1, 2, 1)


async def test_what_comes_twice_or_late_changes_nothing_and_has_nothing_counted(known: Database) -> None:
    newer = eleve("a", 3)
    assert await hear(known, ELEVES_ROWS, newer, eleve("a", 2, uai=AUTRE_LYCEE)) == 1
    assert await hear(known, CANDIDATURES_ROWS, candidature("a", "l", n=2)) == 1
    await compute_all(known)
    assert await hear(known, ELEVES_ROWS, newer) == 0
    assert await hear(known, ELEVES_ROWS, eleve("a", 2, uai=AUTRE_LYCEE)) == 0
    assert await hear(known, CANDIDATURES_ROWS, candidature("a", n=1)) == 0
    assert await compute_all(known) == 0
    assert await total(known, LYCEE) == (1, 1, 1, 0, 1, 1)


async def test_a_student_who_moves_to_another_academie_leaves_its_school_whatever_comes_first(known: Database) -> None:
    await hear(known, ELEVES_ROWS, eleve("a"), eleve("b"))
    await hear(known, CANDIDATURES_ROWS, candidature("a", "l"))
    await compute_all(known)
    arrival = eleve("a", 3, uai=VERSAILLES, academie="versailles")
    departure = eleve("a", 2, present=False, initial=False)
    assert await hear(known, ELEVES_ROWS, arrival) == 1
    assert await hear(known, ELEVES_ROWS, departure) == 0
    assert await compute_all(known) == 2
    # Its candidature still names the lycée it left, and is counted where its student is.
    assert await total(known, LYCEE) == (1, 1, 0, 0, 0, 0)
    assert await total(known, VERSAILLES) == (1, 1, 1, 0, 1, 1)
    assert await pending(known) == (0, 0)
    await hear(known, CANDIDATURES_ROWS, candidature("a", "l", "bts", n=2))
    await compute_all(known)
    assert await total(known, VERSAILLES) == (1, 1, 1, 0, 1, 0)
    await hear(known, CANDIDATURES_ROWS, candidature("a", "l", n=3, uai=VERSAILLES))
    assert await compute_all(known) == 2
    assert await total(known, VERSAILLES) == (1, 1, 1, 0, 1, 1)
    assert await total(known, "creteil") == (1, 1, 0, 0, 0, 0)
    assert await total(known, "nation") == (2, 2, 1, 0, 1, 1)


async def test_a_school_that_its_last_student_leaves_has_no_result_any_more(known: Database) -> None:
    await hear(known, ELEVES_ROWS, eleve("a"))
    await compute_all(known)
    await hear(known, ELEVES_ROWS, eleve("a", 2, uai=VERSAILLES))
    await compute_all(known)
    assert {row["_id"] async for row in known.resultats.find({})} == {
        f"2025/{VERSAILLES}",
        "2025/versailles",
        "2025/nation",
    }


async def test_a_student_that_comes_after_its_candidature_is_waited_for(known: Database) -> None:
    await hear(known, CANDIDATURES_ROWS, candidature("a", "l"), candidature("b", inscrit=False))
    await compute_all(known)
    assert await pending(known) == (1, 0)
    await hear(known, ELEVES_ROWS, eleve("a"))
    await compute_all(known)
    assert await pending(known) == (0, 0)
    assert await total(known, LYCEE) == (1, 1, 1, 0, 1, 1)


async def test_a_formation_that_comes_after_its_wishes_has_the_schools_that_wait_for_it_counted_again(
    store: Database,
) -> None:
    await hear(store, ELEVES_ROWS, eleve("a"), eleve("b", uai=VERSAILLES), eleve("c", uai=AUTRE_LYCEE))
    await hear(store, CANDIDATURES_ROWS, candidature("a", "l"), candidature("b", "l", "bts", uai=VERSAILLES))
    await compute_all(store)
    assert await pending(store) == (0, 3)
    assert await total(store, "nation") == (3, 3, 2, 0, 0, 0)
    await hear(store, FORMATIONS_ROWS, formation("l", "L"))
    assert await compute_all(store) == 2
    assert await pending(store) == (0, 1)
    assert await total(store, "nation") == (3, 3, 2, 0, 2, 1)


async def test_a_formation_said_again_has_nothing_counted_and_one_of_another_type_has(known: Database) -> None:
    await hear(known, ELEVES_ROWS, eleve("a"))
    await hear(known, CANDIDATURES_ROWS, candidature("a", "bts"))
    await compute_all(known)
    await hear(known, FORMATIONS_ROWS, formation("bts", "BTS", 2))
    assert await compute_all(known) == 0
    await hear(known, FORMATIONS_ROWS, formation("bts", "LAS", 3))
    assert await compute_all(known) == 1
    assert await total(known, LYCEE) == (1, 1, 1, 0, 1, 1)
    await hear(known, FORMATIONS_ROWS, gone("bts", 4))
    await compute_all(known)
    assert await pending(known) == (0, 1)


async def test_a_formation_told_while_a_school_is_counted_is_not_missed(store: Database) -> None:
    """The count does not see the formation, the formation does not see the result: its second look does."""
    await hear(store, ELEVES_ROWS, eleve("a"))
    await hear(store, CANDIDATURES_ROWS, candidature("a", "l"))
    heard = numbers()

    async def interrupted(transaction: Transaction, schools: Sequence[str]) -> None:
        if next(heard) == 0:
            await hear(store, FORMATIONS_ROWS, formation("l", "L"))
        await compute(transaction, schools)

    counter = replace(school_counter(store), recompute=interrupted, debounce=timedelta(0))
    assert await counter.turn() == 1
    assert await total(store, LYCEE) == (1, 1, 1, 0, 0, 0)
    assert await compute_all(store) == 1
    assert await total(store, LYCEE) == (1, 1, 1, 0, 1, 1)


async def test_who_is_erased_is_counted_nowhere_and_a_late_event_revives_nobody(known: Database) -> None:
    await hear(known, ELEVES_ROWS, eleve("a"), eleve("b"))
    await hear(known, CANDIDATURES_ROWS, candidature("a", "l"))
    await hear(known, ELEVES_ROWS, gone("a", 3))
    await hear(known, ELEVES_ROWS, eleve("a", 2))
    await compute_all(known)
    assert await total(known, LYCEE) == (1, 1, 0, 0, 0, 0)
    await hear(known, CANDIDATURES_ROWS, gone("a", 2))
    await compute_all(known)
    assert await total(known, LYCEE) == (1, 1, 0, 0, 0, 0)
    assert await pending(known) == (0, 0)


async def test_a_serie_that_this_release_does_not_know_holds_the_topic_and_writes_nothing(known: Database) -> None:
    with pytest.raises(ValueError, match="S3TI"):
        await hear(known, ELEVES_ROWS, eleve("a"), eleve("b", serie="S3TI"))
    assert await known.eleves.count_documents({}) == 0
    assert await hear(known, ELEVES_ROWS, eleve("c", serie="", present=False, initial=False)) == 1


async def test_a_check_finds_every_result_that_was_changed_and_leaves_alone_what_is_under_way(known: Database) -> None:
    await hear(known, ELEVES_ROWS, eleve("a"), eleve("b", uai=AUTRE_LYCEE))
    await compute_all(known)
    assert await verify(known) == (2, [])
    for place, figure in ((LYCEE, "vivier"), ("creteil", "inscrits")):
        await known.resultats.update_one({"_id": f"2025/{place}"}, {"$set": {f"series.GENERALE.{figure}": 7}})
    await known.resultats.delete_one({"_id": "2025/nation"})
    checked, ecarts = await verify(known)
    assert (checked, {(e.resultat, e.chiffre, e.stocke) for e in ecarts}) == (
        2,
        {
            (f"2025/{LYCEE}", "vivier", 7),
            ("2025/creteil", "vivier", 2),
            ("2025/creteil", "inscrits", 7),
            ("2025/nation", "vivier", 0),
            ("2025/nation", "vivier_initial", 0),
        },
    )
    await mark_all(known)
    assert [e for e in (await verify(known))[1] if e.resultat == f"2025/{LYCEE}"] == []
    await compute_all(known)
    assert await verify(known) == (2, [])


async def test_a_check_finds_what_is_shown_that_should_be_hidden(known: Database) -> None:
    await hear(known, ELEVES_ROWS, eleve("a"), eleve("b", uai=VERSAILLES, academie="versailles"))
    await compute_all(known)
    await known.resultats.update_one({"_id": f"2025/{LYCEE}"}, {"$set": {"masque": {"vivier": ["ENSEMBLE"]}}})
    found = (await verify(known))[1]
    assert {(e.resultat, e.serie, e.chiffre, e.stocke, e.compte) for e in found} == {
        (f"2025/{LYCEE}", "GENERALE", "vivier caché", 0, 1),
        (f"2025/{LYCEE}", "GENERALE", "vivier_initial caché", 0, 1),
        (f"2025/{LYCEE}", None, "vivier_initial caché", 0, 1),
    }


async def test_what_was_stored_without_what_is_hidden_of_it_is_hidden_whole_until_it_is_counted_again(
    known: Database,
) -> None:
    await hear(known, ELEVES_ROWS, *(eleve(f"{n}") for n in range(20)))
    await compute_all(known)
    (held,) = await Resultats(known).get([f"2025/{LYCEE}"])
    assert held.masque == NOTHING_HIDDEN
    await known.resultats.update_many({}, {"$unset": {"masque": 1, "ouverture": 1}})
    (found,) = await Resultats(known).get([f"2025/{LYCEE}"])
    assert found.masque == ALL_HIDDEN
    await mark_all(known)
    await compute_all(known)
    assert [r.masque for r in await Resultats(known).get([f"2025/{LYCEE}", "2025/creteil"])] == [NOTHING_HIDDEN] * 2


PLACES = st.sampled_from([LYCEE, AUTRE_LYCEE, VERSAILLES])
STUDENTS = st.tuples(PLACES, st.sampled_from(["GENERALE", "PRO"]), st.booleans(), st.booleans())
FILES = st.tuples(PLACES, st.booleans(), st.frozensets(st.sampled_from(["l", "bts"])))
TYPES = st.sampled_from(["L", "BTS"])
SAID = st.lists(
    st.one_of(
        st.tuples(st.just("eleve"), st.sampled_from("ab"), st.integers(1, 4), STUDENTS),
        st.tuples(st.just("candidature"), st.sampled_from("ab"), st.integers(1, 4), FILES),
        st.tuples(st.just("formation"), st.sampled_from(["l", "bts"]), st.integers(1, 3), TYPES),
        st.just("compute"),
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SAID)
async def test_after_any_history_the_results_are_those_of_the_last_states(store: Database, said: list[object]) -> None:
    for name in ("eleves", "candidatures", "formations", "resultats", "marques", "marques_formations"):
        await store[name].delete_many({})
    for step in said:
        match step:
            case ("eleve", str(id), int(n), (str(uai), str(serie), bool(present), bool(initial))):
                state = eleve(id, n, uai=uai, serie=serie, present=present, initial=initial)
                await hear(store, ELEVES_ROWS, state)
            case ("candidature", str(id), int(n), (str(uai), bool(inscrit), frozenset() as formations)):
                await hear(store, CANDIDATURES_ROWS, candidature(id, *formations, n=n, uai=uai, inscrit=inscrit))
            case ("formation", str(id), int(n), str(type)):
                await hear(store, FORMATIONS_ROWS, formation(id, type, n))
            case _:
                await compute_all(store)
    await compute_all(store)
    assert (await verify(store))[1] == []
