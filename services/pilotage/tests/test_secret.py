"""Statistical secrecy: whoever subtracts what is shown from what is shown learns of no small group."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.pilotage import secret
from services.pilotage.indicateurs import CHIFFRES, Effectifs, Tableau
from services.pilotage.secret import Ligne, Masque, masks
from socle.series import Serie

type Delta = dict[tuple[int, str], int]
"""How many persons more each figure of a ring (what is left of a place without those inside) has, by place."""

type Cell = tuple[int, str, Ligne]
"""A place, a figure and a row."""

ENSEMBLE = None
GENERALE, STMG, PRO = Serie.GENERALE, Serie.STMG, Serie.PRO
LARGE = Effectifs(vivier=90, vivier_initial=100, inscrits=80, sans_voeu=10, l1_ou_pass=50, l1_ou_pass_seulement=20)


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


@st.composite
def rows(draw: st.DrawFn, largest: int) -> Effectifs:
    without, elsewhere, mixed, only = (draw(st.integers(0, largest)) for _ in range(4))
    inscrits = without + elsewhere + mixed + only
    initial = max(0, inscrits + draw(st.integers(-1, largest)))
    return Effectifs(
        vivier=draw(st.one_of(st.just(initial), st.integers(0, initial + 1))),
        vivier_initial=initial,
        inscrits=inscrits,
        sans_voeu=without,
        l1_ou_pass=mixed + only,
        l1_ou_pass_seulement=only,
    )


def tables(largest: int) -> st.SearchStrategy[Tableau]:
    series = st.sampled_from([GENERALE, STMG, PRO])
    return st.dictionaries(series, rows(largest), max_size=3).map(lambda found: Tableau({}) + Tableau(found))


RINGS = st.tuples(tables(6), tables(6) | tables(30) | st.just(Tableau({})))


@settings(max_examples=150, deadline=None)
@given(RINGS)
def test_nothing_that_is_shown_or_left_by_what_is_shown_is_a_small_group(
    rings: tuple[Tableau, Tableau],
) -> None:
    inner, outer = rings
    of_inner, of_outer = masks(*rings)
    for masque, table in ((of_inner, inner), (of_outer, outer), (of_outer, inner + outer)):
        for ligne in (*table.series, ENSEMBLE):
            row = table.row(ligne)
            shown = [name for name in CHIFFRES if ligne not in masque[name]]
            assert not [name for name in shown if 0 < getattr(row, name) < 5]
            for whole, part in product(shown, shown):
                if (whole, part) in PARTS:
                    left = getattr(row, whole) - getattr(row, part)
                    assert not 0 < (abs(left) if part in ("inscrits", "vivier") else left) < 5, (ligne, whole, part)
            if {"inscrits", "sans_voeu", "l1_ou_pass"} <= set(shown):
                assert not 0 < row.inscrits - row.sans_voeu - row.l1_ou_pass < 5


PARTS = {
    ("vivier_initial", "inscrits"),
    ("vivier_initial", "vivier"),
    ("vivier", "inscrits"),
    ("inscrits", "sans_voeu"),
    ("inscrits", "l1_ou_pass"),
    ("inscrits", "l1_ou_pass_seulement"),
    ("l1_ou_pass", "l1_ou_pass_seulement"),
}


@settings(max_examples=100, deadline=None)
@given(RINGS)
def test_the_hidden_rows_together_are_no_small_group_where_the_total_tells_their_sum(
    rings: tuple[Tableau, Tableau],
) -> None:
    for place, masque in zip((rings[0], rings[0] + rings[1]), masks(*rings), strict=True):
        for name, lignes in masque.items():
            if lignes and ENSEMBLE not in lignes:
                assert len(lignes) >= 2
                assert not 0 < sum(getattr(place.row(ligne), name) for ligne in lignes) < 5


@pytest.mark.parametrize("seuil", [3, 5])
@settings(max_examples=100, deadline=None)
@given(rings=RINGS)
def test_every_hidden_cell_has_another_value_that_goes_with_all_that_is_shown(
    seuil: int, rings: tuple[Tableau, Tableau]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(secret, "SEUIL", seuil)
        masks.cache_clear()
        found = masks(*rings)
    masks.cache_clear()
    told = {(place, name, ligne) for place, masque in enumerate(found) for name, ls in masque.items() for ligne in ls}
    assert _determined(told, rings, found) == set()


def _determined(told: set[Cell], rings: Sequence[Tableau], found: Sequence[Masque]) -> set[Cell]:
    """Those of `told` that have one value in every table, of at most two rows changed, that would show the same."""
    left = set(told)
    series = sorted({serie for _, _, serie in told if serie} | {serie for ring in rings for serie in ring.series})
    changes = {serie: [_of_places(change) for change in _changes(serie, rings, found)] for serie in series}
    for number, first in enumerate(series):
        ones = _by_shown_totals(changes[first], found, 1)
        for second in (None, *series[number + 1 :]):
            others = _by_shown_totals(changes[second] if second else [_NONE], found, -1)
            for shown in ones.keys() & others.keys():
                left -= _varying(first, ones[shown]) | _varying(second, others[shown])
                left -= _varying_totals(ones[shown], others[shown])
            if not left:
                return left
    return left


def _by_shown_totals(
    changes: Iterable[Delta], found: Sequence[Masque], sign: int
) -> dict[tuple[int, ...], list[Delta]]:
    """The changes by what they make of the totals that are shown: two that cancel out there can go together."""
    shown = [(place, name) for place, name in _NONE if ENSEMBLE not in found[place][name]]
    by_total: dict[tuple[int, ...], list[Delta]] = {}
    for change in changes:
        by_total.setdefault(tuple(sign * change[cell] for cell in shown), []).append(change)
    return by_total


def _varying(serie: Serie | None, changes: Sequence[Delta]) -> set[Cell]:
    return {(*cell, serie) for cell in _NONE if any(change[cell] for change in changes)}


def _varying_totals(ones: Sequence[Delta], others: Sequence[Delta]) -> set[Cell]:
    return {
        (*cell, ENSEMBLE)
        for cell in _NONE
        if any(a + b for a, b in product({one[cell] for one in ones}, {other[cell] for other in others}))
    }


_NONE: Delta = {(ring, name): 0 for ring in (0, 1) for name in CHIFFRES}


def _of_places(change: Delta) -> Delta:
    """What a change of the rings makes of the places: the wider holds the one inside."""
    return {(0, n): change[0, n] for n in CHIFFRES} | {(1, n): change[0, n] + change[1, n] for n in CHIFFRES}


def _changes(serie: Serie, rings: Sequence[Tableau], found: Sequence[Masque]) -> Iterator[Delta]:
    """Whole rows that would show the same but for the total: some figures one more, or one less."""
    for sign in (1, -1):
        choices = []
        for name in CHIFFRES:
            inner = (0, sign) if serie in found[0][name] else (0,)
            both = [(a, b) for a in inner for b in {0, -a, sign} if serie in found[1][name] or a + b == 0]
            choices.append(sorted(set(both), key=lambda by: (by != (0, 0), by)))
        for chosen in product(*choices):
            change = {(ring, name): by[ring] for name, by in zip(CHIFFRES, chosen, strict=True) for ring in (0, 1)}
            if all(_means_something(rings[ring].row(serie), ring, change) for ring in (0, 1)):
                yield change


def _means_something(row: Effectifs, ring: int, change: Delta) -> bool:
    vivier, initial, inscrits, without, some, only = (getattr(row, n) + change[ring, n] for n in CHIFFRES)
    return (
        min(vivier, initial, inscrits, without, some, only) >= 0
        and only <= some
        and without + some <= inscrits
        and (inscrits <= initial or row.inscrits > row.vivier_initial)
    )
