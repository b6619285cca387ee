"""What the confirmed wishes for a formation come to (domaine.md §5.2 and §7)."""

from datetime import UTC, datetime

import pytest

from services.rapports.domain import (
    Candidatures,
    Comptage,
    Ecart,
    Formation,
    Voeu,
    compare,
    count,
    draft,
    touched,
)

FORMATION = Formation(
    id="2025/1", session=2025, uai="0779000P", academie="creteil", libelle="BTS", capacite=30, apprentissage=False
)


def test_each_figure_counts_the_candidates_of_its_state_and_the_others_are_only_confirmed() -> None:
    voeux = [
        (Voeu("F", "CONFIRME", propose=False), 10),
        (Voeu("F", "CLASSE", propose=False), 9),
        (Voeu("F", "PROPOSITION", propose=True), 8),
        (Voeu("F", "EN_ATTENTE", propose=False), 7),
        (Voeu("F", "ACCEPTE", propose=True), 6),
        (Voeu("F", "REFUSE", propose=True), 5),
        (Voeu("F", "DEMISSION", propose=False), 4),
        (Voeu("F", "DEMISSION", propose=True), 3),
        (Voeu("F", "REFUS_FORMATION", propose=False), 2),
        (Voeu("G", "ACCEPTE", propose=True), 1),
    ]
    assert count(voeux) == {
        "F": Candidatures(confirmes=54, propositions=22, acceptes=6, en_attente=7, refus_formation=2, demissions=7),
        "G": Candidatures(confirmes=1, propositions=1, acceptes=1),
    }


CONFIRME, ACCEPTE = Voeu("F", "CONFIRME", propose=False), Voeu("F", "ACCEPTE", propose=True)
ELSEWHERE = Voeu("G", "CONFIRME", propose=False)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (set(), {CONFIRME}, {"F"}),
        ({CONFIRME}, set(), {"F"}),
        ({CONFIRME, ELSEWHERE}, {ACCEPTE, ELSEWHERE}, {"F"}),
        ({CONFIRME}, {ELSEWHERE}, {"F", "G"}),
        ({CONFIRME}, {CONFIRME}, set()),
    ],
    ids=["comes", "leaves", "answers", "goes elsewhere", "nothing new"],
)
def test_a_candidate_touches_the_formations_it_comes_to_and_those_it_leaves(
    before: set[Voeu], after: set[Voeu], expected: set[str]
) -> None:
    assert touched(frozenset(before), frozenset(after)) == expected


def test_a_draft_says_small_figures_exactly_since_only_what_is_published_hides_them() -> None:
    now = datetime(2025, 6, 2, tzinfo=UTC)
    chiffres = draft(FORMATION, Comptage(Candidatures(confirmes=3, refus_formation=1), now)).chiffres
    assert (chiffres.places, chiffres.candidatures.confirmes, chiffres.candidatures.refus_formation) == (30, 3, 1)
    assert chiffres.calcule_le == now


def test_a_formation_for_which_nobody_has_a_confirmed_wish_has_zero_everywhere_and_no_date() -> None:
    chiffres = draft(FORMATION, None).chiffres
    assert (chiffres.candidatures, chiffres.calcule_le) == (Candidatures(), None)


def test_a_check_names_each_figure_that_differs_and_nothing_stored_is_zero() -> None:
    stored, counted = Candidatures(confirmes=3, propositions=1), Candidatures(confirmes=2, propositions=1)
    assert compare("F", stored, counted) == [Ecart(formation="F", chiffre="confirmes", stocke=3, compte=2)]
    assert compare("F", None, counted) == [
        Ecart(formation="F", chiffre="confirmes", stocke=0, compte=2),
        Ecart(formation="F", chiffre="propositions", stocke=0, compte=1),
    ]
    assert compare("F", Candidatures(), None) == []
