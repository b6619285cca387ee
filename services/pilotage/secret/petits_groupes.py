"""Which figures of a row tell of a group that is too small, by themselves or beside the others that are shown. Pure."""

from collections.abc import Iterator, Sequence
from functools import lru_cache

from services.pilotage.indicateurs import CHIFFRES
from services.pilotage.secret.echanges import Figures

SEUIL = 5
_VIVIER, _INITIAL, _INSCRITS, _SANS_VOEU, _L1_OU_PASS, _SEULEMENT = range(len(CHIFFRES))
_AUTOUR = {
    _INSCRITS: (_VIVIER, _INITIAL),
    _INITIAL: (),
    _VIVIER: (_INITIAL,),
    _L1_OU_PASS: (_VIVIER, _INITIAL, _INSCRITS),
    _SANS_VOEU: (_VIVIER, _INITIAL, _INSCRITS),
    _SEULEMENT: (_VIVIER, _INITIAL, _INSCRITS, _L1_OU_PASS),
}
"""Each figure, those that must be shown first, with the figures it is a part of."""
_ELEVES = (_VIVIER, _INITIAL, _INSCRITS)
"""Of these, who came after the freeze, or left, may make either of two the larger."""
_EXCLUS = ((_SANS_VOEU, _L1_OU_PASS), (_SANS_VOEU, _SEULEMENT))
"""Parts of the same students that nobody is in both of."""


def _groups(figure: int) -> Iterator[tuple[Sequence[int], Sequence[int], bool]]:
    """The groups that a figure is needed to know: it, what it leaves of another, another of it, and two of a third.

    Each as a figure and those to be taken from it, together the others that are needed; and whether it may be the other
    way round.
    """
    yield (figure,), (), False
    for other in range(len(CHIFFRES)):
        if figure in _ELEVES and other in _ELEVES and other != figure:
            yield (figure, other), (other,), True
        elif other in _AUTOUR[figure]:
            yield (other, figure), (other,), False
        elif figure in _AUTOUR[other]:
            yield (figure, other), (other,), False
    for whole in _ELEVES:
        for pair in _EXCLUS:
            if figure in (whole, *pair):
                yield (whole, *pair), [other for other in (whole, *pair) if other != figure], False


_GROUPES = [
    [(whole, parts, sum(1 << other for other in others), either) for (whole, *parts), others, either in _groups(figure)]
    for figure in range(len(CHIFFRES))
]


@lru_cache(maxsize=65536)
def small_groups(values: Sequence[int], known: Figures = 0) -> Figures:
    """The figures of a row, in the order of `CHIFFRES`, that are not to be shown, beside those that are known anyway.

    A group of 1 to 4 is small; 0 is nobody, and shown. What a shown figure leaves of another is a group as well: 98
    inscrits of a vivier of 100 tell of the 2 who are not. The inscrits stay rather than the vivier, because every other
    rate is taken on them.
    """
    hidden, shown = 0, known
    for figure in _AUTOUR:
        if known >> figure & 1:
            continue
        # Before its freeze the vivier initial is the current one.
        if reveals(values, shown, figure) or (figure == _VIVIER and not shown >> _INITIAL & 1):
            hidden |= 1 << figure
        else:
            shown |= 1 << figure
    return hidden


def reveals(values: Sequence[int], shown: Figures, figure: int) -> bool:
    """Whether to show this figure beside the others that are shown of its row tells of a group that is too small."""
    for whole, parts, others, either in _GROUPES[figure]:
        if not others & ~shown:
            number = values[whole]
            for part in parts:
                number -= values[part]
            if 0 < (abs(number) if either else number) < SEUIL:
                return True
    return False


def with_what_tells_it(hidden: Figures) -> Figures:
    """These figures, and the current vivier with the vivier initial: they are the same until it freezes."""
    return hidden | 1 << _VIVIER if hidden >> _INITIAL & 1 else hidden
