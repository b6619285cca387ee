"""Places and the cells of their tables, as the network of statistical secrecy has them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.pilotage.indicateurs import Ligne, Tableau
from services.pilotage.secret.echanges import TOUS, TOUT_SENS, Echange, Figures, Sens, allowed
from services.pilotage.secret.petits_groupes import small_groups, with_what_tells_it

type Caches = Mapping[Ligne, Figures]
"""The figures that are hidden, by row; rows of which none is are left out."""
type Passages = Mapping[str, Sequence[Sequence[Ligne]]]
"""By exchange, the groups of rows of a place between which those within it can pass a person on."""

_TOTAL, _ZERO = 1_000_000, 100_000
"""What it costs to hide a total, or a figure that is zero, where hiding another costs its value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demande:
    """A circuit that leaves a place by one row and comes back by another: the wider place must close it."""

    echange: str
    aller: bool
    sortie: Ligne
    entree: Ligne


@dataclass(frozen=True, slots=True, kw_only=True)
class Partie:
    """A place within the wider one.

    Args:
        montree: whether its table is shown; else nothing of it is, but what the others tell of it.
        prix: what to hide any cell of it costs more.
        passages: for a place whose own parts are not here, what they allow.
        caches: what is hidden of such a place already.
        demandes: what its parts ask to be closed.
    """

    tableau: Tableau
    montree: bool = True
    prix: int = 0
    passages: Passages | None = None
    caches: Caches = field(default_factory=dict)
    demandes: Sequence[Demande] = ()


@dataclass(slots=True, kw_only=True, eq=False)
class Cellule:
    """The figures of one row of a place: the edge from the sum of the place up to that of the row.

    Args:
        partie: the rank of the place; None for the wider one, whose edges go up from the sum of the row.
        monte: whether one person more is a step up; a total is on the other side of the sum.
        a_couvrir: the figures that must not be known.
        sures: those that cannot be.
        connues: those that are known whatever is hidden.
    """

    partie: int | None
    ligne: Ligne
    valeurs: Sequence[int]
    monte: bool
    possibles: Sens
    prix: int
    montree: bool
    caches: Figures
    a_couvrir: Figures
    sures: Figures = 0
    connues: Figures = 0

    @property
    def decouvertes(self) -> Figures:
        """The figures that must not be known, and may be."""
        return self.a_couvrir & ~self.sures

    def cost(self, change: Figures) -> int:
        """What it costs to have all these figures hidden."""
        missing = change & ~self.caches
        if not missing:
            return 0
        return sum(self.prix + (value or _ZERO) for rank, value in enumerate(self.valeurs) if missing >> rank & 1)

    def hide(self, change: Figures) -> bool:
        """Hide these figures; say whether any was shown."""
        new = with_what_tells_it(change) & ~self.caches
        self.caches |= new
        self.a_couvrir |= new
        return bool(new)

    def concede(self, figure: Figures) -> None:
        """Show what the others tell whatever is hidden; and hide instead what tells of a small group beside it."""
        self.connues |= figure
        instead = small_groups(self.valeurs, self.connues)
        self.a_couvrir = self.a_couvrir & ~figure | instead
        if self.montree:
            self.caches = self.caches & ~figure | instead

    def allows(self, echange: Echange, *, plus: bool) -> bool:
        """Whether the row may be with that exchange made in it, or undone."""
        return bool(self.possibles & (echange.aller if plus else echange.retour))

    def is_free(self, echange: Echange) -> bool:
        """Whether all that the exchange changes is hidden, and the row allows it both ways."""
        both = echange.aller | echange.retour
        return not echange.change & ~self.caches and self.possibles & both == both


def cells(rank: int | None, partie: Partie) -> list[Cellule]:
    """The cells of a place, the total last; none where nobody is counted.

    `rank` is that of a place within; None for the wider one, whose rows can be whatever those within it can.
    """
    series = partie.tableau.series
    found = []
    for ligne in (*series, None) if series else ():
        valeurs = partie.tableau.row(ligne).valeurs
        small, summed = small_groups(valeurs), rank is None or partie.passages is not None
        hidden = TOUS if not partie.montree else partie.caches.get(ligne, 0) if partie.passages is not None else small
        found.append(
            Cellule(
                partie=rank,
                ligne=ligne,
                valeurs=valeurs,
                monte=ligne is not None,
                possibles=TOUT_SENS if summed else allowed(valeurs),
                prix=partie.prix + (_TOTAL if ligne is None else 0),
                montree=partie.montree,
                caches=hidden,
                a_couvrir=small if partie.passages is None else 0,
            )
        )
    return found
