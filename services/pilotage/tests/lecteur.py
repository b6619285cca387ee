"""A reader who is told everything that is shown, of all places at once, and learns what can be learnt of the rest."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import permutations, product

from services.pilotage.indicateurs import CHIFFRES, Effectifs, Ligne, Masque, Tableau
from services.pilotage.secret import petits_groupes

type Cellule = tuple[str, Ligne, str]
"""A place, a row and a figure."""
type _Noeud = tuple[str, object]
type _Pas = tuple[str, Ligne, bool]
"""Over a row of a place, up (towards the wider one) or down."""

CATEGORIES = {
    "nobody": set[str](),
    "without a wish": {"vivier", "vivier_initial", "inscrits", "sans_voeu"},
    "only there": {"vivier", "vivier_initial", "inscrits", "l1_ou_pass", "l1_ou_pass_seulement"},
    "there too": {"vivier", "vivier_initial", "inscrits", "l1_ou_pass"},
    "elsewhere": {"vivier", "vivier_initial", "inscrits"},
    "not registered": {"vivier", "vivier_initial"},
    "of one vivier": {"vivier"},
}
"""The figures that a student counts in, by what it may be."""


def is_a_row(row: Effectifs, *, before: Effectifs, alone: bool) -> bool:
    """Whether there may be such a row, from what the figures mean; `alone` if it is no sum of others."""
    frozen = before.vivier != before.vivier_initial
    return (
        min(getattr(row, name) for name in CHIFFRES) >= 0
        and row.l1_ou_pass_seulement <= row.l1_ou_pass
        and row.sans_voeu + row.l1_ou_pass <= row.inscrits
        # Only who came after the freeze makes more inscrits than the vivier initial.
        and (row.inscrits <= row.vivier_initial or before.inscrits > before.vivier_initial)
        # Until it is frozen the vivier initial is the current one, and everyone knows until when.
        and (not alone or frozen or row.vivier == row.vivier_initial)
    )


@dataclass(frozen=True)
class Lecteur:
    """What is shown to a reader.

    Args:
        feuilles: the tables of the places that have none within.
        dans: of each place but the widest, the one that it is in.
        masques: what is hidden of each place; those left out are not shown at all.
    """

    feuilles: Mapping[str, Tableau]
    dans: Mapping[str, str]
    masques: Mapping[str, Masque]

    def tables(self, feuilles: Mapping[str, Tableau] | None = None) -> dict[str, Tableau]:
        """The tables of all places, summed."""
        leaves = self.feuilles if feuilles is None else feuilles
        found = {name: Tableau() for name in {*self.dans.values()}} | dict(leaves)
        for name, tableau in leaves.items():
            place: str | None = name
            while (place := self.dans.get(place or "")) is not None:
                found[place] += tableau
        return found

    def cells(self) -> Iterator[Cellule]:
        for place, tableau in self.tables().items():
            for ligne in (*tableau.series, None) if tableau.series else ():
                for name in CHIFFRES:
                    yield place, ligne, name

    def hides(self, cell: Cellule) -> bool:
        place, ligne, name = cell
        return place not in self.masques or ligne in self.masques[place][name]

    def hidden(self) -> list[Cellule]:
        """Those of the places that are shown."""
        return [cell for cell in self.cells() if cell[0] in self.masques and self.hides(cell)]

    def told(self) -> dict[Cellule, int]:
        """All that is shown, and what subtracting it tells, however often."""
        tables = self.tables()
        values = {(p, ligne, name): getattr(tables[p].row(ligne), name) for p, ligne, name in self.cells()}
        solved = {cell for name in CHIFFRES for cell in self._solve(name)}
        return {cell: value for cell, value in values.items() if cell in solved or not self.hides(cell)}

    def _solve(self, name: str) -> list[Cellule]:
        """The hidden cells of a figure that have one solution in the equations of all the sums."""
        unknown = [cell for cell in self.cells() if cell[2] == name and self.hides(cell)]
        ranks = {cell: rank for rank, cell in enumerate(unknown)}
        rows = [
            {ranks[cell]: Fraction(sign) for cell, sign in equation if cell in ranks}
            for equation in self._equations(name)
        ]
        pivots: dict[int, dict[int, Fraction]] = {}
        for row in rows:
            left = dict(row)
            for pivot, held in pivots.items():
                if pivot in left:
                    left = _minus(left, held, left[pivot])
            if left:
                pivot = min(left)
                left = {rank: value / left[pivot] for rank, value in left.items()}
                pivots = {rank: _minus(held, left, held.get(pivot, Fraction(0))) for rank, held in pivots.items()}
                pivots[pivot] = left
        return [unknown[pivot] for pivot, row in pivots.items() if len(row) == 1]

    def _equations(self, name: str) -> Iterator[list[tuple[Cellule, int]]]:
        tables = self.tables()
        for place, tableau in tables.items():
            yield [*(((place, serie, name), 1) for serie in tableau.series), ((place, None, name), -1)]
            within = [inside for inside, around in self.dans.items() if around == place]
            for ligne in (*tableau.series, None) if within else ():
                yield [*(((inside, ligne, name), 1) for inside in within), ((place, ligne, name), -1)]

    def small_groups(self) -> list[tuple[str, Ligne, tuple[str, ...]]]:
        """The groups of 1 to 4 that are told: a figure, what one leaves of another that it is a part of, or two; of any
        place, and of the hidden cells of a sum taken together.
        """
        told = self.told()
        rows = {
            (place, ligne): {name: told[place, ligne, name] for name in CHIFFRES if (place, ligne, name) in told}
            for place, ligne, _ in self.cells()
        }
        groups = [(where, group) for where, row in rows.items() for group in _groups(row)]
        groups += [
            (where, group)
            for where, name, cells, row in self._hidden_together(told)
            for group in _groups(row)
            if name in group[0] and self._is_a_group(group[0], cells)
        ]
        return [(*where, names) for where, (names, number) in groups if 0 < number < petits_groupes.SEUIL]

    def _is_a_group(self, names: tuple[str, ...], cells: Iterable[tuple[str, Ligne]]) -> bool:
        """Whether what one figure leaves of another is people: not where some came in one row and left in another."""
        tables = self.tables()
        rows = [[getattr(tables[place].row(ligne), name) for name in names] for place, ligne in cells]
        left = [whole - sum(parts) for whole, *parts in rows]
        return not (min(left) < 0 < max(left))

    def _hidden_together(
        self, told: Mapping[Cellule, int]
    ) -> Iterator[tuple[tuple[str, Ligne], str, set[tuple[str, Ligne]], dict[str, int]]]:
        """For each sum and figure, the figures of the cells that hide it, taken together, as far as they are told."""
        sums = {name: list(self._equations(name)) for name in CHIFFRES}
        for number, equation in enumerate(sums[CHIFFRES[0]]):
            for name in CHIFFRES:
                hidden = {cell[:2] for cell, sign in sums[name][number] if sign > 0 and cell not in told}
                row = {other: _sum(hidden, sums[other][number], told) for other in CHIFFRES} if hidden else {}
                place, ligne, _ = equation[-1][0]
                if hidden:
                    yield (place, ligne), name, hidden, {other: n for other, n in row.items() if n is not None}

    def knows(self, cell: Cellule) -> bool:
        """Whether a hidden cell has one value in all that might be, for what one circuit of exchanges can tell."""
        return not any(
            self._is_another_world(way, gone, come, cell)
            for gone, come in permutations(CATEGORIES, 2)
            if cell[2] in CATEGORIES[gone] ^ CATEGORIES[come] and _is_told_apart(gone, come)
            for way in self._circuits(cell, CATEGORIES[come] - CATEGORIES[gone], CATEGORIES[gone] - CATEGORIES[come])
        )

    def _circuits(self, cell: Cellule, more: set[str], less: set[str]) -> Iterator[list[_Pas]]:
        """A circuit that begins with such an exchange in the row of the cell, if there is any."""
        place, ligne, _ = cell
        first = (place, ligne, ligne is not None)
        if not self._allows(first, more, less):
            return
        low, high = self._ends(place, ligne)
        start, goal = (high, low) if first[2] else (low, high)
        came: dict[_Noeud, tuple[_Noeud, _Pas] | None] = {start: None}
        left = deque([start])
        around = self._around()
        while left:
            node = left.popleft()
            for step, other in around[node]:
                if other not in came and step[:2] != (place, ligne) and self._allows(step, more, less):
                    came[other] = node, step
                    left.append(other)
        if goal in came:
            way = [first]
            while (before := came[goal]) is not None:
                goal, step = before
                way.append(step)
            yield way

    def _around(self) -> dict[_Noeud, list[tuple[_Pas, _Noeud]]]:
        found: dict[_Noeud, list[tuple[_Pas, _Noeud]]] = {}
        for place, ligne in {cell[:2] for cell in self.cells()}:
            low, high = self._ends(place, ligne)
            found.setdefault(low, []).append(((place, ligne, True), high))
            found.setdefault(high, []).append(((place, ligne, False), low))
        return found

    def _ends(self, place: str, ligne: Ligne) -> tuple[_Noeud, _Noeud]:
        low = ("place", place) if place in self.feuilles else (place, ligne)
        return low, (self.dans[place], ligne) if place in self.dans else ("above", None)

    def _allows(self, step: _Pas, more: set[str], less: set[str]) -> bool:
        place, ligne, _ = step
        if not all(self.hides((place, ligne, name)) for name in more | less):
            return False
        if place not in self.feuilles:
            return True
        row = self.feuilles[place].row(ligne)
        return is_a_row(_changed(row, *_by(step, more, less)), before=row, alone=ligne is not None)

    def _is_another_world(self, way: Iterable[_Pas], gone: str, come: str, cell: Cellule) -> bool:
        """Whether all that is shown is the same in the tables that these exchanges make, and the cell another."""
        more, less = CATEGORIES[come] - CATEGORIES[gone], CATEGORIES[gone] - CATEGORIES[come]
        leaves = dict(self.feuilles)
        for step in way:
            place, ligne, _ = step
            if place in leaves and ligne is not None:
                row = _changed(leaves[place].row(ligne), *_by(step, more, less))
                leaves[place] = Tableau({**leaves[place].series, ligne: row})
        before, after = self.tables(), self.tables(leaves)
        same = all(
            getattr(before[p].row(ligne), name) == getattr(after[p].row(ligne), name)
            for p, ligne, name in self.cells()
            if not self.hides((p, ligne, name))
        )
        may_be = all(
            is_a_row(after[p].row(row), before=before[p].row(row), alone=p in leaves and row is not None)
            for p, row in {found[:2] for found in self.cells()}
        )
        place, ligne, name = cell
        return same and may_be and getattr(before[place].row(ligne), name) != getattr(after[place].row(ligne), name)


def _sum(group: set[tuple[str, Ligne]], equation: list[tuple[Cellule, int]], told: Mapping[Cellule, int]) -> int | None:
    """The sum of the cells of a group, as far as what is told gives it: each of them, or the total and all others."""
    inside = [cell for cell, sign in equation if sign > 0 and cell[:2] in group]
    if all(cell in told for cell in inside):
        return sum(told[cell] for cell in inside)
    others = [(cell, sign) for cell, sign in equation if cell not in inside]
    if all(cell in told for cell, _ in others):
        return -sum(sign * told[cell] for cell, sign in others)
    return None


def _groups(row: Mapping[str, int]) -> Iterator[tuple[tuple[str, ...], int]]:
    """The groups that the figures of a row tell of, with their numbers."""
    viviers = {"vivier", "vivier_initial", "inscrits"}
    for name, number in row.items():
        yield (name,), number
    for whole, part in permutations(row, 2):
        if whole in viviers and part in viviers:
            # Who came after the freeze, or left, may make either the larger.
            yield (whole, part), abs(row[whole] - row[part])
        elif whole in viviers or (whole, part) == ("l1_ou_pass", "l1_ou_pass_seulement"):
            yield (whole, part), row[whole] - row[part]
    for whole, part in product(viviers & row.keys(), ("l1_ou_pass", "l1_ou_pass_seulement")):
        if {"sans_voeu", part} <= row.keys():
            yield (whole, "sans_voeu", part), row[whole] - row["sans_voeu"] - row[part]


def _is_told_apart(gone: str, come: str) -> bool:
    return "of one vivier" not in (gone, come) or "nobody" in (gone, come)


def _by(step: _Pas, more: set[str], less: set[str]) -> tuple[set[str], set[str]]:
    """What a step makes more and less: up is one exchange, down is one undone; of a total, the other way round."""
    _, ligne, up = step
    return (more, less) if up == (ligne is not None) else (less, more)


def _changed(row: Effectifs, more: set[str], less: set[str]) -> Effectifs:
    return replace(row, **{name: getattr(row, name) + (name in more) - (name in less) for name in more | less})


def _minus(row: Mapping[int, Fraction], other: Mapping[int, Fraction], times: Fraction) -> dict[int, Fraction]:
    found = {rank: row.get(rank, Fraction(0)) - times * other.get(rank, Fraction(0)) for rank in {*row, *other}}
    return {rank: value for rank, value in found.items() if value}
