"""The figures that are kept of what eleves says, whatever the order and number of times in which it says it."""

from dataclasses import asdict, replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kit.consumer.messages import Received
from kit.mongo import Database
from proto.eleves.v1.candidatures_pb2 import CandidatureAccueil
from services.rapports.consumers import recomputer
from services.rapports.domain import Candidatures, EtatVoeu
from services.rapports.store.candidatures import keep_candidatures, verify
from services.rapports.store.lectures import Reads
from services.rapports.tests.told import candidature, gone, voeu

pytestmark = pytest.mark.stack


async def hear(store: Database, *states: Received[CandidatureAccueil], academie: str = "creteil") -> int:
    """Hand the states to the service; return how many it applied."""
    return (await keep_candidatures(store, academie)(states)).applied


async def compute(store: Database) -> int:
    """Compute what is marked, at once; return how many formations."""
    return await replace(recomputer(store), debounce=timedelta(0)).turn()


async def figures(store: Database, *formations: str) -> dict[str, Candidatures]:
    found = await Reads(store).comptages(formations or ("2025/1", "2025/2", "2025/3"))
    return {id: comptage.candidatures for id, comptage in found.items()}


async def test_candidates_are_counted_once_an_academie_and_formation(store: Database) -> None:
    await hear(store, candidature("a", 1, voeu("2025/1"), voeu("2025/2", "ACCEPTE", propose=True)))
    await hear(store, candidature("b", 1, voeu("2025/1", "EN_ATTENTE")), candidature("c", 1, voeu("2025/1")))
    await hear(store, candidature("a", 1, voeu("2025/3"), academie="versailles"), academie="versailles")
    assert await compute(store) == 3
    assert await figures(store) == {
        "2025/1": Candidatures(confirmes=3, en_attente=1),
        "2025/2": Candidatures(confirmes=1, propositions=1, acceptes=1),
        "2025/3": Candidatures(confirmes=1),
    }


async def test_what_comes_twice_or_late_changes_nothing_and_has_nothing_computed(store: Database) -> None:
    newer = candidature("a", 2, voeu("2025/1", "ACCEPTE", propose=True))
    assert await hear(store, newer, candidature("a", 1, voeu("2025/2"))) == 1
    await compute(store)
    for states in ([newer], [candidature("a", 1, voeu("2025/2"))], [candidature("a", 1), newer]):
        assert await hear(store, *states) == 0
    assert await compute(store) == 0
    assert await figures(store) == {"2025/1": Candidatures(confirmes=1, propositions=1, acceptes=1)}


async def test_a_state_that_says_nothing_new_of_the_wishes_has_nothing_computed(store: Database) -> None:
    await hear(store, candidature("a", 1, voeu("2025/1")))
    await compute(store)
    assert await hear(store, candidature("a", 2, voeu("2025/1"))) == 1
    assert await compute(store) == 0


@pytest.mark.parametrize("last", [candidature("a", 2), gone("a", 2)], ids=["emptied", "erased"])
async def test_a_formation_that_a_candidate_leaves_is_counted_without_it(
    store: Database, last: Received[CandidatureAccueil]
) -> None:
    await hear(store, candidature("a", 1, voeu("2025/1"), voeu("2025/2")), candidature("b", 1, voeu("2025/1")))
    await compute(store)
    await hear(store, last)
    assert await compute(store) == 2
    assert await figures(store) == {"2025/1": Candidatures(confirmes=1)}
    assert await hear(store, candidature("a", 1, voeu("2025/1"))) == 0


async def test_a_candidate_who_leaves_the_formations_of_one_academie_stays_in_the_other(store: Database) -> None:
    for academie, formation in (("creteil", "2025/1"), ("versailles", "2025/2")):
        await hear(store, candidature("a", 1, voeu(formation), academie=academie), academie=academie)
    await hear(store, candidature("a", 2))
    await compute(store)
    assert await figures(store) == {"2025/2": Candidatures(confirmes=1)}


async def test_candidates_of_a_formation_that_the_offer_has_not_told_yet_are_counted_and_waited_for(
    store: Database,
) -> None:
    await hear(store, candidature("a", 1, voeu("2025/inconnue")))
    await compute(store)
    assert await Reads(store).unknown_formations() == 1
    assert await figures(store, "2025/inconnue") == {"2025/inconnue": Candidatures(confirmes=1)}


async def test_a_check_finds_a_figure_that_was_changed_and_leaves_alone_what_is_under_way(store: Database) -> None:
    await hear(store, candidature("a", 1, voeu("2025/1"), voeu("2025/2")))
    await compute(store)
    assert await verify(store) == (2, [])
    await store.chiffres.update_one({"_id": "2025/1"}, {"$set": {"confirmes": 7}})
    checked, (ecart,) = await verify(store)
    assert (checked, asdict(ecart)) == (2, {"formation": "2025/1", "chiffre": "confirmes", "stocke": 7, "compte": 1})
    await hear(store, candidature("b", 1, voeu("2025/1"), voeu("2025/3")))
    assert await verify(store) == (3, [])


WISHED = st.dictionaries(
    st.sampled_from(["2025/1", "2025/2", "2025/3"]), st.tuples(st.sampled_from([*EtatVoeu, "CONFIRME"]), st.booleans())
)
SAID = st.dictionaries(st.tuples(st.sampled_from("abc"), st.integers(1, 5)), WISHED, min_size=1)
"""What each candidate's state is at each version."""
HEARD = st.lists(st.lists(st.integers(0, 30), max_size=4), max_size=6)
"""Which of these come, in batches: late, twice or never."""


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SAID, HEARD)
async def test_after_any_history_the_figures_are_those_of_the_last_states(
    store: Database, said: dict[tuple[str, int], dict[str, tuple[str, bool]]], heard: list[list[int]]
) -> None:
    for collection in (store.candidatures, store.chiffres, store.marques_chiffres):
        await collection.delete_many({})
    states = sorted(said)
    batches = [[states[number % len(states)] for number in batch] for batch in heard]
    for batch in batches:
        events = [(c, n, [voeu(f, e, propose=p) for f, (e, p) in said[c, n].items()]) for c, n in batch]
        await hear(store, *(candidature(c, n, *voeux) for c, n, voeux in events))
        if len(batch) % 2:
            await compute(store)
    while await compute(store):
        pass
    last = dict(sorted(state for batch in batches for state in batch))
    every = [(f, e, p) for c, n in last.items() for f, (e, p) in said[c, n].items()]
    assert await figures(store) == {
        formation: Candidatures(
            confirmes=sum(f == formation for f, _, _ in every),
            propositions=sum(f == formation and p for f, _, p in every),
            acceptes=sum((f, e) == (formation, "ACCEPTE") for f, e, _ in every),
            en_attente=sum((f, e) == (formation, "EN_ATTENTE") for f, e, _ in every),
            refus_formation=sum((f, e) == (formation, "REFUS_FORMATION") for f, e, _ in every),
            demissions=sum((f, e) == (formation, "DEMISSION") for f, e, _ in every),
        )
        for formation in {f for f, _, _ in every}
    }
