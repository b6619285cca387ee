"""Fictitious candidates: repeatable, coherent from one phase to the next, at the documented shares."""

import hashlib
from collections import Counter
from datetime import date

import pytest

from generateur import marginales
from generateur.candidats import generate_dossiers, people_of, people_outside
from generateur.dossiers import Dossier, EtatVoeu, FormationOfferte, Personne, Phase
from generateur.ecoles import generate_ecole
from generateur.offre import formations_offertes, generate
from socle.academies import academie_by_slug
from socle.formations import L1_OU_PASS, TypeFormation
from socle.series import Serie

SHAKES = {"shake_128", "shake_256"}
OFFRE = [
    FormationOfferte(f"2025/{kind}-{n}", kind, kind not in L1_OU_PASS, 40) for kind in TypeFormation for n in range(40)
]
PEOPLE = [
    Personne(numero=f"C{n}", ine=f"{n:09d}AB", uai="0779000P", serie=Serie.GENERALE, boursier=n % 4 == 0)
    for n in range(1500)
]


def dossiers(phase: Phase, *, seed: int = 1) -> list[Dossier]:
    return list(generate_dossiers(PEOPLE, OFFRE, session=2025, phase=phase, seed=seed))


END = dossiers(Phase.FIN_PRINCIPALE)
INSCRITS = [dossier for dossier in END if dossier.inscrit_le is not None]
VOEUX = [voeu for dossier in END for voeu in dossier.voeux]


def test_the_same_seed_gives_the_same_states_and_another_gives_others() -> None:
    assert dossiers(Phase.VOEUX) == dossiers(Phase.VOEUX)
    assert dossiers(Phase.VOEUX) != dossiers(Phase.VOEUX, seed=2)


def test_a_candidates_year_does_not_depend_on_who_else_is_generated() -> None:
    alone = list(generate_dossiers(PEOPLE[700:701], OFFRE, session=2025, phase=Phase.FIN_PRINCIPALE, seed=1))
    assert alone == END[700:701]


def test_each_phase_shows_what_has_happened_by_then_with_a_higher_version() -> None:
    phases = [dossiers(phase) for phase in Phase]
    assert [made[0].version for made in phases] == sorted(made[0].version for made in phases)
    assert not any(dossier.inscrit_le or dossier.voeux for dossier in phases[0])
    assert not any(dossier.voeux for dossier in phases[1])
    states = [{voeu.etat for dossier in made for voeu in dossier.voeux} for made in phases]
    assert states[2] == {EtatVoeu.FORMULE}
    assert states[3] == {EtatVoeu.FORMULE, EtatVoeu.CONFIRME}
    assert EtatVoeu.PROPOSITION in states[4]
    assert EtatVoeu.PROPOSITION not in states[5]
    assert EtatVoeu.ACCEPTE in states[5]
    wished = [[[voeu.formation for voeu in dossier.voeux] for dossier in made] for made in phases[2:]]
    assert all(later == wished[0] for later in wished)


def test_dates_follow_the_calendar_and_each_other() -> None:
    for dossier in INSCRITS:
        assert dossier.inscrit_le is not None
        assert date(2025, 1, 15) <= dossier.inscrit_le <= date(2025, 3, 13)
        for voeu in dossier.voeux:
            assert dossier.inscrit_le <= voeu.formule_le <= date(2025, 3, 13)
            assert voeu.confirme_le is None or voeu.formule_le <= voeu.confirme_le <= date(2025, 4, 2)
            if voeu.proposition_le is not None:
                assert voeu.confirme_le is not None
                assert date(2025, 6, 2) <= voeu.proposition_le <= date(2025, 7, 10)
            if voeu.reponse_le is not None:
                assert voeu.proposition_le is not None
                assert voeu.proposition_le <= voeu.reponse_le


def test_a_candidate_wishes_for_a_formation_once_and_accepts_one_at_most() -> None:
    for dossier in END:
        assert len({voeu.formation for voeu in dossier.voeux}) == len(dossier.voeux)
        assert sum(voeu.etat is EtatVoeu.ACCEPTE for voeu in dossier.voeux) <= 1
        assert dossier.inscrit_le is not None or not dossier.voeux


def test_wishes_have_the_national_mean_and_shares() -> None:
    assert len(VOEUX) / len(INSCRITS) == pytest.approx(marginales.VOEUX_PAR_CANDIDAT, rel=0.05)
    shares = Counter(voeu.type for voeu in VOEUX)
    for kind, part in marginales.PART_DES_VOEUX.items():
        assert 100 * shares[kind] / len(VOEUX) == pytest.approx(part, abs=2)


def test_registration_wishes_and_proposals_have_the_shares_of_the_table() -> None:
    assert len(INSCRITS) / len(END) == pytest.approx(marginales.PART_INSCRITE[Serie.GENERALE], abs=0.02)
    without = sum(not dossier.voeux for dossier in INSCRITS)
    assert without / len(INSCRITS) == pytest.approx(marginales.PART_SANS_VOEU, abs=0.02)
    proposed = [voeu.proposition_le for voeu in VOEUX if voeu.proposition_le is not None]
    assert len(proposed) / len(INSCRITS) == pytest.approx(marginales.PROPOSITIONS_PAR_CANDIDAT, rel=0.1)
    first_day = sum(day == date(2025, 6, 2) for day in proposed)
    expected = marginales.PROPOSITIONS_PREMIER_JOUR / marginales.PROPOSITIONS
    assert first_day / len(proposed) == pytest.approx(expected, abs=0.03)


def test_some_want_only_l1_or_pass_some_none_of_them_and_some_both() -> None:
    kinds = [{voeu.type in L1_OU_PASS for voeu in dossier.voeux} for dossier in INSCRITS if dossier.voeux]
    counted = Counter(frozenset(kind) for kind in kinds)
    assert min(counted[frozenset({True})], counted[frozenset({False})], counted[frozenset({True, False})]) > 50


def test_the_students_of_a_lycee_are_candidates_and_a_third_come_from_elsewhere() -> None:
    ecole = generate_ecole("0779000P", session=2025, terminales=100, autres=20, seed=1)
    people = list(people_of(ecole, seed=1))
    assert [person.ine for person in people] == [e.ine_rnie for e in ecole.eleves if e.serie is not None]
    outside = list(people_outside(50, seed=1))
    assert {person.uai for person in outside} == {None}
    assert len({person.numero for person in (*people, *outside)}) == 150
    assert pytest.approx(1 / 3, abs=0.01) == marginales.PART_HORS_LYCEE


def test_the_number_of_a_file_is_its_own_for_ever_and_is_not_found_again_from_the_ine_alone() -> None:
    small = generate_ecole("0779000P", session=2025, terminales=40, seed=1)
    inside, outside = list(people_of(small, seed=1)), list(people_outside(5, seed=1))
    assert inside == list(people_of(small, seed=1))
    assert outside[:3] == list(people_outside(3, seed=1))
    assert next(people_of(small, seed=2)).numero != inside[0].numero
    for person in (inside[0], *outside):
        bare = {hashlib.new(name, person.ine.encode()).hexdigest() for name in hashlib.algorithms_guaranteed - SHAKES}
        assert not any(person.numero in digest for digest in bare)
        assert person.numero not in person.ine


def test_candidates_wish_for_the_formations_of_a_generated_offer() -> None:
    made = generate(academie_by_slug("creteil"), lycees=6, superieurs=3, formations=60, seed=1)
    offered = formations_offertes(made.formations, session=2025)
    assert len({formation.id for formation in offered}) == 60
    states = generate_dossiers(PEOPLE[:50], offered, session=2025, phase=Phase.VOEUX, seed=1)
    known = {formation.id: formation.type for formation in offered}
    for dossier in states:
        assert all(known[voeu.formation] is voeu.type for voeu in dossier.voeux)


def test_in_a_small_offer_candidates_look_beyond_the_types_they_have_in_mind_and_wish_for_all_there_is_at_most() -> (
    None
):
    few = [formation for formation in OFFRE if formation.id.endswith(("-0", "-10"))]
    states = list(generate_dossiers(PEOPLE[:300], few, session=2025, phase=Phase.VOEUX, seed=1))
    assert len(few) == 2 * len(TypeFormation)
    counts = [len(dossier.voeux) for dossier in states if dossier.voeux]
    assert sum(counts) / len(counts) > 13
    assert max(counts) == len(few)


def test_without_any_formation_nobody_wishes_for_anything() -> None:
    states = generate_dossiers(PEOPLE[:20], [], session=2025, phase=Phase.VOEUX, seed=1)
    assert not any(dossier.voeux for dossier in states)
