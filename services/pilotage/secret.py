"""Statistical secrecy: what of a table is not shown to whoever is outside a school. Pure.

« Figures on a group smaller than 5 are not shown outside the school, and where one cell is hidden a second is too, so
that no total gives it away » (domaine.md §6). A cell is a figure of a série, or of the total. What that asks here:

1. A cell of 1 to 4 is hidden; 0 is nobody, and shown.
2. So is a cell that leaves 1 to 4 with one that is shown: 98 inscrits of a vivier of 100 tell of the 2 who are not. The
   inscrits stay rather than the vivier, because every other rate is taken on them.
3. The hidden cells of a figure are never one alone, and their sum, where the shown ones tell it, is held to 1 and 2.
4. Each hidden cell has another value, of the same total, that goes with everything shown and with what the figures mean
   (no wish and a wish exclude each other, « only » is at most « at least one »…).
5. An académie is shown beside its school and the nation beside the académie. So what all this is about is what is left
   of each place without those inside it that the reader knows: in an académie of two schools, one cannot read the
   other's small groups by subtraction; and where nothing is left, nothing is secret.

Not covered: what several pages tell together, to whom may ask for several schools of an académie (its own
administrator reads their lists by name anyway); what two readers put together; a narrow range, since 4 says that a
cell cannot be known, not that it is far from 5; the figures of 5 and more of the only other school of an académie.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict
from functools import lru_cache
from itertools import product

from services.pilotage.indicateurs import Tableau
from socle.series import Serie

SEUIL = 5

type Ligne = Serie | None
"""A row: a série, or None for the total."""
type Masque = Mapping[str, AbstractSet[Ligne]]
"""The rows that are hidden of each figure."""

_VIVIERS = frozenset({"vivier_initial", "vivier"})
_INSCRITS = _VIVIERS | {"inscrits"}
_AUTOUR = {
    "inscrits": _VIVIERS,
    "vivier_initial": frozenset[str](),
    "vivier": frozenset({"vivier_initial"}),
    "l1_ou_pass": _INSCRITS,
    "sans_voeu": _INSCRITS,
    "l1_ou_pass_seulement": _INSCRITS | {"l1_ou_pass"},
}
"""Each figure, those that must be shown first, with the figures it is a part of."""
NOTHING_HIDDEN: Masque = {name: frozenset() for name in _AUTOUR}
_EXCLUS = (("sans_voeu", "l1_ou_pass"), ("sans_voeu", "l1_ou_pass_seulement"))
"""Parts of the same inscrits that nobody is in both of."""


@lru_cache(maxsize=1024)
def masks(*parts: Tableau) -> Sequence[Masque]:
    """What is hidden of each place, from the one inside all others to the widest.

    Args:
        parts: what is left of each place without the one before; of the first, without what the reader knows exactly.
    """
    found: list[Masque] = []
    for number in range(len(parts)):
        # What may be learnt of a place: all of it that is not known, down to what is left around the one before.
        left = [sum(parts[start : number + 1], start=Tableau()) for start in range(number + 1)]
        found.append(_Masking(left, found[-1] if found else NOTHING_HIDDEN).mask())
    return found


class _Masking:
    """The hiding of one place, which only ever hides more.

    Args:
        left: the place without what is known, without the places inside it one after the other.
        inside: what is hidden of the place before.
    """

    def __init__(self, left: Sequence[Tableau], inside: Masque) -> None:
        self._lignes: list[Ligne] = [*left[0].series, None]
        self._tables = [{ligne: asdict(tableau.row(ligne)) for ligne in self._lignes} for tableau in left]
        self._unknown, self._part = self._tables[0], self._tables[-1]
        self._inside = inside
        self._hidden: dict[str, set[Ligne]] = {name: set() for name in _AUTOUR}

    def mask(self) -> Masque:
        for ligne in self._lignes:
            self._hide_small(ligne)
        self._hide_with_the_place_inside()
        while any(self._protect(name) for name in _AUTOUR):
            pass
        return {name: frozenset(lignes) for name, lignes in self._hidden.items()}

    def _hide_small(self, ligne: Ligne) -> None:
        shown: list[str] = []
        for name in _AUTOUR:
            revealing = any(_reveals(rows[ligne], shown, name) for rows in self._tables)
            # Before its freeze the vivier initial is the current one.
            if revealing or (name == "vivier" and "vivier_initial" not in shown):
                self._hidden[name].add(ligne)
            else:
                shown.append(name)

    def _hide_with_the_place_inside(self) -> None:
        """What is hidden inside must not be told by what is shown here, where too few others are between the two."""
        for name, lignes in self._inside.items():
            if not all(_is_roomy(self._part[ligne]) for ligne in lignes):
                self._hidden[name] |= lignes

    def _protect(self, name: str) -> bool:
        """Hide what else must be so that what is hidden of `name` cannot be known; say whether there was any."""
        before = sum(map(len, self._hidden.values()))
        hidden = self._hidden[name]
        if name == "vivier":
            hidden |= self._hidden["vivier_initial"]
        for ligne in sorted(
            (ligne for ligne in self._lignes if ligne not in hidden), key=lambda s: self._rank(s, name)
        ):
            if not hidden or self._is_safe(name):
                break
            hidden.add(ligne)
            if ligne is not None and not self._has_another_value(ligne, name):
                # What else is shown tells it: hiding it helps nothing.
                hidden.remove(ligne)
        if hidden and not self._is_safe(name):
            self._hidden = {figure: set(self._lignes) for figure in _AUTOUR}
        return sum(map(len, self._hidden.values())) > before

    def _rank(self, ligne: Ligne, name: str) -> tuple[bool, bool, int]:
        """The smallest first, those that hide nothing later, the total last."""
        return ligne is None, not self._part[ligne][name], self._unknown[ligne][name]

    def _is_safe(self, name: str) -> bool:
        hidden = self._hidden[name]
        if None not in hidden and any(self._sum_reveals(rows, name) for rows in self._tables):
            return False
        inside = self._inside[name]
        # What is hidden here and inside, all of it, varies here as it does there.
        varying = hidden - inside if inside <= hidden else hidden
        return all(self._has_another_value(ligne, name) for ligne in varying)

    def _sum_reveals(self, rows: Mapping[Ligne, Mapping[str, int]], name: str) -> bool:
        """Whether the hidden rows together, whose sum is what the total leaves, are too small a group."""
        group = self._hidden[name]
        known = [name, *(other for other in _AUTOUR if other != name and self._sum_is_told(other, group))]
        sums = {other: sum(rows[ligne][other] for ligne in group) for other in known}
        return _reveals(sums, [other for other in known if other != name], name)

    def _sum_is_told(self, name: str, group: AbstractSet[Ligne]) -> bool:
        hidden = self._hidden[name]
        return not hidden & group or (None not in hidden and hidden <= group)

    def _has_another_value(self, ligne: Ligne, name: str) -> bool:
        return any(
            self._may_trade(ligne, other, moved, by)
            for other in self._hidden[name] - {ligne}
            for moved in self._moving_along(name, ligne, other)
            for by in (1, -1)
        )

    def _moving_along(self, name: str, *lignes: Ligne) -> Iterable[set[str]]:
        """The figures that may have moved together: alone, or with others that are hidden in the same rows."""
        along = [other for other in _AUTOUR if other != name and self._hidden[other].issuperset(lignes)]
        around = {other for other in along if other in _AUTOUR[name]}
        within = {other for other in along if name in _AUTOUR[other]}
        return {name}, {name} | around, {name} | within, {name} | around | within

    def _may_trade(self, ligne: Ligne, other: Ligne, moved: set[str], by: int) -> bool:
        """Whether one person more in one row, and one less in the other, would show the same."""
        back = by if None in (ligne, other) else -by
        return _is_possible(self._part[ligne], moved, by) and _is_possible(self._part[other], moved, back)


def _reveals(row: Mapping[str, int], shown: Sequence[str], name: str) -> bool:
    """Whether to show `name` beside the others that are shown of its row tells of a group that is too small."""
    if _is_small(row[name]) or any(_leaves_few(row, other, name) for other in shown):
        return True
    excluded = [pair for pair in _EXCLUS if name in pair and set(pair) <= {name, *shown}]
    around = [other for other in shown if other in _INSCRITS]
    return any(_is_small(row[other] - row[a] - row[b]) for (a, b), other in product(excluded, around))


def _is_small(number: int) -> bool:
    return 0 < number < SEUIL


def _leaves_few(row: Mapping[str, int], one: str, other: str) -> bool:
    """Whether one is a part of the other, with few around it."""
    if {one, other} <= _INSCRITS:
        # Who came after the freeze, or left, may make either the larger.
        return _is_small(abs(row[one] - row[other]))
    if one in _AUTOUR[other]:
        return _is_small(row[one] - row[other])
    return other in _AUTOUR[one] and _is_small(row[other] - row[one])


def _is_possible(row: Mapping[str, int], moved: set[str], by: int) -> bool:
    """Whether a row can be with these figures `by` more."""
    after = dict(row) | {name: row[name] + by for name in moved}
    return (
        min(after.values()) >= 0
        and after["l1_ou_pass_seulement"] <= after["l1_ou_pass"]
        and after["sans_voeu"] + after["l1_ou_pass"] <= after["inscrits"]
        # Only who came after the freeze can make the inscrits more than the vivier initial.
        and (after["inscrits"] <= after["vivier_initial"] or row["inscrits"] > row["vivier_initial"])
    )


def _is_roomy(row: Mapping[str, int]) -> bool:
    """Whether two persons more or less in any of its figures would still be possible."""
    groups = (
        row["vivier"],
        row["sans_voeu"],
        row["l1_ou_pass_seulement"],
        row["l1_ou_pass"] - row["l1_ou_pass_seulement"],
        row["inscrits"] - row["sans_voeu"] - row["l1_ou_pass"],
    )
    unregistered = row["vivier_initial"] - row["inscrits"]
    return min(groups) >= 2 and (unregistered >= 2 or unregistered < 0)
