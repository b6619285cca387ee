"""Statistical secrecy for whoever is outside: all pages of a nation together tell of no small group of any school."""

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from services.pilotage.indicateurs import Effectifs, Masque, Tableau
from services.pilotage.secret.publication import publish_academie, publish_nation
from services.pilotage.tests.lecteur import Lecteur
from services.pilotage.tests.tables import tables
from socle.series import Serie

type Nation = Mapping[str, Mapping[str, Tableau]]
"""The schools of each académie; those of none are under its name, which is empty."""

NATION, AUCUNE = "nation", ""
GENERALE, STHR, PRO = Serie.GENERALE, Serie.STHR, Serie.PRO
LARGE = Effectifs(vivier=100, vivier_initial=100, inscrits=80, sans_voeu=10, l1_ou_pass=50, l1_ou_pass_seulement=20)


def publish(nation: Nation) -> Lecteur:
    """Whoever may open every page."""
    feuilles, dans, masques = dict[str, Tableau](), dict[str, str](), dict[str, Masque]()
    sums = {name: sum(schools.values(), start=Tableau()) for name, schools in nation.items()}
    academies = {}
    for name, schools in nation.items():
        feuilles |= schools
        dans |= dict.fromkeys(schools, name or NATION)
        if name != AUCUNE and schools:
            dans[name] = NATION
            of_schools, ouverture = publish_academie(schools, sums[name])
            masques |= of_schools
            academies[name] = sums[name], ouverture
    found = publish_nation(academies, nation.get(AUCUNE, {}), sum(sums.values(), start=Tableau()))
    return Lecteur(feuilles=feuilles, dans=dans, masques={**masques, **found.parties, NATION: found.tout})


def sans_voeu(*numbers: int) -> dict[str, Tableau]:
    """Schools with two séries, of which the first has so many without a wish, and the second many."""
    return {
        f"{number}": Tableau({STHR: replace(LARGE, sans_voeu=n), PRO: replace(LARGE, sans_voeu=20 + number)})
        for number, n in enumerate(numbers)
    }


def test_a_small_group_is_not_told_by_the_pages_of_the_other_schools_and_the_sum_of_the_academie() -> None:
    """10, 8 and 3 are 21: the page of the third hides 3, and one of the other two hides its own."""
    lecteur = publish({"creteil": sans_voeu(10, 8, 3)})
    hidden = {cell for cell in lecteur.hidden() if cell[2] == "sans_voeu"}
    assert hidden == {(school, serie, "sans_voeu") for school in ("1", "2") for serie in (STHR, PRO)}
    assert lecteur.told()["creteil", STHR, "sans_voeu"] == 21


def test_two_small_groups_that_are_one_together_are_hidden_with_a_third() -> None:
    lecteur = publish({"creteil": sans_voeu(10, 1, 2)})
    assert {cell[0] for cell in lecteur.hidden()} == {"0", "1", "2"}


def test_nothing_is_hidden_of_large_groups() -> None:
    lecteur = publish(
        {"creteil": sans_voeu(10, 8, 9), "rennes": sans_voeu(10), AUCUNE: {"isole": Tableau({PRO: LARGE})}}
    )
    assert lecteur.hidden() == []


def test_the_sum_of_an_academie_with_one_school_hides_what_its_school_does_and_another_academie_with_it() -> None:
    lecteur = publish({"creteil": sans_voeu(3), "rennes": {f"r{n}": t for n, t in sans_voeu(2, 4, 30, 40).items()}})
    hidden = {cell[:2] for cell in lecteur.hidden()}
    assert {("creteil", STHR), ("creteil", PRO)} <= hidden
    assert {("rennes", STHR), ("rennes", PRO)} <= hidden
    assert not [cell for cell in hidden if cell[0] == NATION]


def test_the_nation_hides_what_the_only_academie_with_a_small_group_does_where_no_other_can_be_hidden() -> None:
    lecteur = publish({"creteil": sans_voeu(3)})
    hidden = {cell[0] for cell in lecteur.hidden()}
    assert hidden == {"0", "creteil", NATION}


def test_what_is_hidden_does_not_depend_on_the_order_in_which_schools_are_read() -> None:
    schools = sans_voeu(10, 8, 3, 2, 7)
    shuffled = dict(reversed(schools.items()))
    assert publish({"creteil": schools}).masques == publish({"creteil": shuffled}).masques


NATIONS = st.dictionaries(
    st.sampled_from(["creteil", "rennes", AUCUNE]), st.lists(tables(6) | tables(30), min_size=1, max_size=3), min_size=1
).map(lambda found: {name: {f"{name}{n}": table for n, table in enumerate(held)} for name, held in found.items()})


@settings(max_examples=60, deadline=None)
@given(NATIONS)
def test_nothing_that_all_pages_tell_together_is_a_small_group(nation: Nation) -> None:
    assert publish(nation).small_groups() == []


@settings(max_examples=40, deadline=None)
@given(NATIONS)
def test_no_hidden_cell_is_recovered_by_subtracting_what_all_pages_show(nation: Nation) -> None:
    lecteur = publish(nation)
    told = lecteur.told()
    assert [cell for cell in lecteur.hidden() if cell in told] == []


@settings(max_examples=20, deadline=None)
@given(NATIONS)
def test_every_hidden_cell_has_another_value_that_goes_with_all_that_all_pages_show(nation: Nation) -> None:
    lecteur = publish(nation)
    assert [cell for cell in lecteur.hidden() if lecteur.knows(cell)] == []
