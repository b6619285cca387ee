"""Exchanges: what may differ in a row of figures without anybody seeing it. Pure.

Whoever reads a table knows the figures that are shown. Another table that shows the same is one in which a person of a
row is in another category (or is not there at all) and a person of another row makes up for it. So a hidden figure is
known for certain unless some exchange of two categories, in rows where all that it changes is hidden, changes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from services.pilotage.indicateurs import CHIFFRES

type Figures = int
"""A set of figures, a bit each, in the order of `CHIFFRES`."""
type Sens = int
"""A set of exchanges, each way a bit."""


def figures(*names: str) -> Figures:
    """The set of these figures."""
    return sum(1 << CHIFFRES.index(name) for name in names)


TOUS: Figures = figures(*CHIFFRES)
_PRESENT = figures("vivier", "vivier_initial")
_INSCRIT = _PRESENT | figures("inscrits")
_CATEGORIES: dict[str, Figures] = {
    "absent": 0,
    "sans_voeu": _INSCRIT | figures("sans_voeu"),
    "l1_ou_pass_seulement": _INSCRIT | figures("l1_ou_pass", "l1_ou_pass_seulement"),
    "l1_ou_pass_et_autres": _INSCRIT | figures("l1_ou_pass"),
    "autres_voeux": _INSCRIT,
    "non_inscrit": _PRESENT,
    "parti_ou_arrive": figures("vivier"),
}
"""What a student may be, with the figures it counts in; the last is who makes the two viviers differ."""
_ABSENT, _AUTRE_VIVIER = 0, len(_CATEGORIES) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Echange:
    """One person more in a category and one less in another, there and back.

    Args:
        nom: names it in the store.
        change: the figures that it changes.
        aller: its bit for one person from the first category to the second.
        retour: that of the way back.
    """

    nom: str
    de: int
    vers: int
    change: Figures
    aller: Sens
    retour: Sens


def _echanges() -> Sequence[Echange]:
    names, counted = list(_CATEGORIES), list(_CATEGORIES.values())
    pairs = [(a, b) for a, b in combinations(range(len(names)), 2) if b != _AUTRE_VIVIER or a == _ABSENT]
    # The simplest first: of several that would do as well, the one that needs the fewest figures hidden.
    pairs.sort(key=lambda pair: (counted[pair[0]] ^ counted[pair[1]]).bit_count())
    return [
        Echange(
            nom=f"{names[a]}/{names[b]}",
            de=a,
            vers=b,
            change=counted[a] ^ counted[b],
            aller=1 << 2 * rank,
            retour=2 << 2 * rank,
        )
        for rank, (a, b) in enumerate(pairs)
    ]


ECHANGES = _echanges()
TOUT_SENS: Sens = (1 << 2 * len(ECHANGES)) - 1
"""All exchanges, both ways."""


def allowed(values: Sequence[int]) -> Sens:
    """The exchanges after which a row of these figures, in the order of `CHIFFRES`, is still one that can be."""
    vivier, initial, inscrits, sans_voeu, l1_ou_pass, seulement = values
    there = (
        True,
        sans_voeu > 0,
        seulement > 0,
        l1_ou_pass > seulement,
        inscrits > sans_voeu + l1_ou_pass,
        # More inscrits than the vivier initial: some came after the freeze, so it does not tell how many are not.
        initial != inscrits,
        # Equal, they are known to be the same for as long as the vivier initial is not frozen.
        vivier != initial and vivier > 0,
    )
    # Who is there no more is missing in both viviers.
    return _ALLOWED[sum(1 << rank for rank, is_there in enumerate((*there, vivier > 0 and initial > 0)) if is_there)]


def _allowed(there: int) -> Sens:
    def can_move(a: int, b: int) -> bool:
        if _AUTRE_VIVIER in (a, b):
            return bool(there >> _AUTRE_VIVIER & 1)
        return bool(there >> a & 1) and (b != _ABSENT or bool(there >> len(_CATEGORIES) & 1))

    ways = [(e.aller, e.de, e.vers) for e in ECHANGES] + [(e.retour, e.vers, e.de) for e in ECHANGES]
    return sum(bit for bit, a, b in ways if can_move(a, b))


_ALLOWED = [_allowed(there) for there in range(1 << len(_CATEGORIES) + 1)]
"""By who is there."""
