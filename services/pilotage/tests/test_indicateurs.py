"""The figures of a school, worked by hand (document du lycée, II.1; domaine.md §6)."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.pilotage.indicateurs import (
    Candidature,
    Comptage,
    Effectifs,
    Eleve,
    Tableau,
    compare,
    count,
)
from services.pilotage.tests.told import OFFRE
from socle.series import Serie

GENERALE, STMG, PRO = Serie.GENERALE, Serie.STMG, Serie.PRO


def eleve(id: str, serie: Serie = GENERALE, *, present: bool = True, initial: bool = True) -> Eleve:
    return Eleve(id=id, serie=serie, present=present, vivier_initial=initial)


def candidature(eleve: str, *formations: str, inscrit: bool = True) -> Candidature:
    return Candidature(eleve=eleve, inscrit=inscrit, formations=frozenset(f"2025/{f}" for f in formations))


def effectifs(*numbers: int) -> Effectifs:
    """Vivier, initial, inscrits, without wish, at least one L1 or PASS, only those."""
    vivier, initial, inscrits, without, some, only = numbers
    return Effectifs(
        vivier=vivier,
        vivier_initial=initial,
        inscrits=inscrits,
        sans_voeu=without,
        l1_ou_pass=some,
        l1_ou_pass_seulement=only,
    )


def test_a_school_is_counted_by_serie_and_in_total() -> None:
    eleves = [*(eleve(f"g{n}") for n in range(6)), *(eleve(f"s{n}", STMG) for n in range(3)), eleve("p", PRO)]
    candidatures = [
        candidature("g0", "l"),
        candidature("g1", "las", "pass", "l"),
        candidature("g2", "l", "bts"),
        candidature("g3", "but"),
        candidature("g4"),
        candidature("s0", "bts", "pass"),
        candidature("s1"),
        candidature("s2", inscrit=False),
    ]
    counted = count(eleves, candidatures, OFFRE, frozenset())
    assert counted == Comptage(
        tableau=Tableau(
            {
                GENERALE: effectifs(6, 6, 5, 1, 3, 2),
                STMG: effectifs(3, 3, 2, 1, 1, 0),
                PRO: effectifs(1, 1, 0, 0, 0, 0),
            }
        )
    )
    assert counted.tableau.total == effectifs(10, 10, 7, 2, 4, 2)


@pytest.mark.parametrize(
    ("present", "initial", "expected"),
    [
        (True, True, effectifs(1, 1, 1, 0, 1, 1)),
        (False, True, effectifs(0, 1, 1, 0, 1, 1)),
        (True, False, effectifs(1, 0, 1, 0, 1, 1)),
        (False, False, effectifs(0, 0, 0, 0, 0, 0)),
    ],
    ids=["there all along", "left after the freeze", "came after the freeze", "left before the freeze"],
)
def test_who_left_or_came_during_the_year_counts_where_the_definitions_say(
    *, present: bool, initial: bool, expected: Effectifs
) -> None:
    students = [eleve("a", present=present, initial=initial)]
    counted = count(students, [candidature("a", "l")], OFFRE, frozenset())
    assert counted.tableau.total == expected
    assert not counted.candidatures_en_attente


@pytest.mark.parametrize(
    ("wishes", "some", "only", "waiting"),
    [
        (["l"], 1, 1, 0),
        (["inconnue"], 0, 0, 1),
        (["l", "inconnue"], 1, 0, 1),
        (["bts", "inconnue", "autre"], 0, 0, 2),
    ],
)
def test_a_wish_for_a_formation_that_is_not_known_yet_waits_and_is_not_said_to_be_in_a_licence(
    wishes: list[str], some: int, only: int, waiting: int
) -> None:
    counted = count([eleve("a")], [candidature("a", *wishes)], OFFRE, frozenset())
    assert counted.tableau.total == effectifs(1, 1, 1, 0, some, only)
    assert counted.voeux_en_attente == waiting


def test_a_candidature_waits_for_its_student_unless_it_is_known_elsewhere_or_no_registration() -> None:
    candidatures = [candidature("unknown", "l", "inconnue"), candidature("moved", "l"), candidature("x", inscrit=False)]
    counted = count([eleve("a")], candidatures, OFFRE, frozenset({"moved"}))
    assert counted == Comptage(tableau=Tableau({GENERALE: effectifs(1, 1, 0, 0, 0, 0)}), candidatures_en_attente=1)


def test_two_files_of_one_student_are_one_registration_with_the_wishes_of_both() -> None:
    counted = count([eleve("a")], [candidature("a", "l"), candidature("a", "bts")], OFFRE, frozenset())
    assert counted.tableau.total == effectifs(1, 1, 1, 0, 1, 0)


type States = Mapping[str, tuple[Serie, bool, bool, set[str] | None]]
"""Of each student its série, whether it is present and in the vivier initial, and the wishes of its file."""

SCHOOLS = st.lists(
    st.dictionaries(
        st.integers(0, 30).map(str),
        st.tuples(
            st.sampled_from([GENERALE, STMG, PRO]),
            st.booleans(),
            st.booleans(),
            st.none() | st.sets(st.sampled_from([*OFFRE, "2025/inconnue"])),
        ),
    ),
    max_size=4,
)


@given(SCHOOLS)
def test_the_figures_of_several_schools_are_the_sums_of_each_ones(
    schools: list[States],
) -> None:
    every: States = {}
    apart = Comptage()
    for number, school in enumerate(schools):
        named = {f"{number}.{id}": state for id, state in school.items()}
        apart += _count(named)
        every = {**every, **named}
    assert apart == _count(every)


def _count(states: States) -> Comptage:
    eleves = [eleve(id, serie, present=there, initial=first) for id, (serie, there, first, _) in states.items()]
    candidatures = [
        Candidature(eleve=id, inscrit=True, formations=frozenset(wishes))
        for id, (_, _, _, wishes) in states.items()
        if wishes is not None
    ]
    return count(eleves, candidatures, OFFRE, frozenset())


def test_a_check_names_each_figure_that_differs() -> None:
    stored = Comptage(tableau=Tableau({GENERALE: effectifs(9, 9, 5, 1, 2, 1), STMG: effectifs(1, 1, 0, 0, 0, 0)}))
    counted = Comptage(tableau=Tableau({GENERALE: effectifs(9, 9, 6, 1, 2, 1)}), voeux_en_attente=3)
    assert [(e.serie, e.chiffre, e.stocke, e.compte) for e in compare("2025/0770001A", stored, counted)] == [
        (GENERALE, "inscrits", 5, 6),
        (STMG, "vivier", 1, 0),
        (STMG, "vivier_initial", 1, 0),
        (None, "voeux_en_attente", 0, 3),
    ]
    assert compare("2025/0770001A", counted, counted) == []
