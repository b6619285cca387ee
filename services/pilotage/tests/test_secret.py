"""Statistical secrecy for whoever knows schools exactly: what is shown beside them tells of no other small group."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.pilotage.indicateurs import CHIFFRES, Effectifs, Ligne, Tableau
from services.pilotage.secret import petits_groupes
from services.pilotage.secret.publication import masks
from services.pilotage.tests.lecteur import Lecteur
from services.pilotage.tests.tables import tables
from socle.series import Serie

ENSEMBLE = None
GENERALE, STMG, PRO = Serie.GENERALE, Serie.STMG, Serie.PRO
LARGE = Effectifs(vivier=90, vivier_initial=100, inscrits=80, sans_voeu=10, l1_ou_pass=50, l1_ou_pass_seulement=20)


def forget() -> None:
    """Forget what was worked out of tables before."""
    masks.cache_clear()
    petits_groupes.small_groups.cache_clear()


def hidden(tableau: Tableau) -> set[tuple[Ligne, str]]:
    """The hidden cells of a table shown alone."""
    (masque,) = masks(tableau)
    return {(ligne, name) for name, lignes in masque.items() for ligne in lignes}


def test_a_table_of_large_groups_is_shown_whole() -> None:
    assert hidden(Tableau({GENERALE: LARGE, STMG: LARGE})) == set()


def test_nobody_is_no_group_and_zero_is_shown() -> None:
    nobody = replace(LARGE, sans_voeu=0)
    assert hidden(Tableau({GENERALE: nobody, STMG: LARGE})) == set()
    assert hidden(Tableau({})) == set()


@pytest.mark.parametrize("sans_voeu", [1, 4])
def test_a_group_smaller_than_five_is_hidden_and_a_second_with_it(sans_voeu: int) -> None:
    three = Tableau({GENERALE: LARGE, STMG: replace(LARGE, sans_voeu=sans_voeu), PRO: replace(LARGE, sans_voeu=9)})
    assert hidden(three) == {(STMG, "sans_voeu"), (PRO, "sans_voeu")}
    assert (STMG, "sans_voeu") not in hidden(Tableau({STMG: replace(LARGE, sans_voeu=5)}))


def test_the_smallest_other_is_the_second_and_more_are_hidden_until_they_are_five_together() -> None:
    rows = {GENERALE: 60, STMG: 2, PRO: 1, Serie.STL: 7, Serie.ST2S: 8}
    table = Tableau(
        {
            serie: replace(LARGE, inscrits=70, sans_voeu=0, l1_ou_pass=n, l1_ou_pass_seulement=0)
            for serie, n in rows.items()
        }
    )
    assert {ligne for ligne, name in hidden(table) if name == "l1_ou_pass"} == {STMG, PRO, Serie.STL}


def test_whose_complement_is_small_hides_the_vivier_and_keeps_the_inscrits() -> None:
    """98 of 100 tell of 2."""
    almost_all = replace(LARGE, vivier=100, vivier_initial=100, inscrits=98)
    names = {name for _, name in hidden(Tableau({GENERALE: almost_all}))}
    assert names == {"vivier", "vivier_initial"}


def test_those_who_have_wishes_but_none_there_are_a_group_too() -> None:
    two_others = replace(LARGE, inscrits=80, sans_voeu=10, l1_ou_pass=68)
    assert {name for _, name in hidden(Tableau({GENERALE: two_others}))} == {"sans_voeu"}


def test_a_table_of_one_small_group_shows_no_total_either() -> None:
    few = Effectifs(vivier=3, vivier_initial=3, inscrits=2, sans_voeu=1, l1_ou_pass=1, l1_ou_pass_seulement=1)
    assert hidden(Tableau({GENERALE: few})) == {(ligne, name) for ligne in (GENERALE, ENSEMBLE) for name in CHIFFRES}


def test_the_others_of_an_academie_are_not_told_by_subtracting_ones_own_school() -> None:
    """Two schools; the other has 3 without a wish, which the académie's 13 would tell the head of the first."""
    own, other = Tableau({GENERALE: LARGE}), Tableau({GENERALE: replace(LARGE, sans_voeu=3)})
    academie = own + other
    (alone,) = masks(academie)
    (beside,) = masks(academie - own)
    assert alone["sans_voeu"] == set()
    assert beside["sans_voeu"] == {GENERALE, ENSEMBLE}


def test_a_nation_of_one_academie_does_not_tell_what_the_academie_hides() -> None:
    academie = Tableau({GENERALE: LARGE, STMG: replace(LARGE, sans_voeu=2), PRO: replace(LARGE, sans_voeu=9)})
    of_academie, of_nation = masks(academie, Tableau())
    assert of_nation == of_academie
    assert of_academie["sans_voeu"] == {STMG, PRO}


RINGS = st.tuples(tables(6), tables(6) | tables(30) | st.just(Tableau({})))
"""What is left of an académie without the schools that the reader knows, and of the nation without both."""


def reader(inside: Tableau, around: Tableau) -> Lecteur:
    """Whoever knows schools of an académie exactly, and so what is left of it and of the nation."""
    of_academie, of_nation = masks(inside, around)
    return Lecteur(
        feuilles={"academie": inside, "autour": around},
        dans={"academie": "nation", "autour": "nation"},
        masques={"academie": of_academie, "nation": of_nation},
    )


@settings(max_examples=150, deadline=None)
@given(RINGS)
def test_nothing_that_is_shown_or_left_by_what_is_shown_is_a_small_group(rings: tuple[Tableau, Tableau]) -> None:
    assert reader(*rings).small_groups() == []


@pytest.mark.parametrize("seuil", [3, 5])
@settings(max_examples=60, deadline=None)
@given(rings=RINGS)
def test_every_hidden_cell_has_another_value_that_goes_with_all_that_is_shown(
    seuil: int, rings: tuple[Tableau, Tableau]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(petits_groupes, "SEUIL", seuil)
        forget()
        lecteur = reader(*rings)
    forget()
    assert [cell for cell in lecteur.hidden() if cell in lecteur.told() or lecteur.knows(cell)] == []
