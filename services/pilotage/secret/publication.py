"""Statistical secrecy: what of a table is not shown to whoever is outside a school. Pure.

« Figures on a group smaller than 5 are not shown outside the school, and where one cell is hidden a second is too, so
that no total gives it away » (domaine.md §6). A cell is a figure of a série, or of the total. What that asks here:

1. A cell of 1 to 4 is hidden; 0 is nobody, and shown.
2. So is a cell that leaves 1 to 4 with one that is shown: 98 inscrits of a vivier of 100 tell of the 2 who are not.
3. The hidden cells of a sum (a place's over the rows, a row's over the places of a wider one) are together no such
   group either, where the sum is told.
4. Each hidden cell has another value that goes with everything shown, of all places at once, and with what the figures
   mean (no wish and a wish exclude each other, « only » is at most « at least one »…).

There are two kinds of readers (docs/adr/022). Whoever is outside reads what is hidden once and for all of every school,
académie and the nation, the same on every page, so that nothing is told by several pages together. Whoever holds the
right within schools of one académie, and may open no other page, reads of académie and nation more than that: all but
what would tell of the others, which is what is left of them without its own schools.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from services.pilotage.indicateurs import CHIFFRES, Ligne, Masque, Tableau
from services.pilotage.secret.cellules import Caches, Demande, Partie, Passages
from services.pilotage.secret.reseau import Reseau

_DEAR, _DEARER = 10**9, 10**12
"""What hiding a cell of a wider place costs more: one of an académie rather than any number of its schools'…"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ouverture:
    """What an académie is to the nation, whose sums its own are in.

    Args:
        masque: what must be hidden of it for its own schools' sake.
        passages: between which rows its schools can pass a person on, unseen.
        demandes: the circuits that leave it.
    """

    masque: Masque
    passages: Passages
    demandes: Sequence[Demande]


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What is hidden of the places within a wider one, by name, and of that one."""

    parties: Mapping[str, Masque]
    tout: Masque


def publish_academie(
    etablissements: Mapping[str, Tableau], academie: Tableau
) -> tuple[Mapping[str, Masque], Ouverture]:
    """What is hidden of each school of an académie from whoever is outside, and what this asks of the nation."""
    reseau = Reseau([Partie(tableau=tableau) for tableau in etablissements.values()], academie, prix=_DEAR, ouvert=True)
    demandes = sorted(reseau.demandes, key=repr)
    ouverture = Ouverture(masque=_masque(reseau.caches()), passages=reseau.passages(), demandes=demandes)
    return {name: _masque(reseau.caches(rank)) for rank, name in enumerate(etablissements)}, ouverture


def publish_nation(
    academies: Mapping[str, tuple[Tableau, Ouverture]], etablissements: Mapping[str, Tableau], nation: Tableau
) -> Publication:
    """What is hidden of each académie, of each school that is of none, and of the nation."""
    parties = {
        name: Partie(
            tableau=tableau,
            prix=_DEAR,
            passages=ouverture.passages,
            caches=_caches(ouverture.masque),
            demandes=ouverture.demandes,
        )
        for name, (tableau, ouverture) in academies.items()
    } | {name: Partie(tableau=tableau) for name, tableau in etablissements.items()}
    reseau = Reseau(list(parties.values()), nation, prix=_DEARER)
    return Publication(
        parties={name: _masque(reseau.caches(rank)) for rank, name in enumerate(parties)},
        tout=_masque(reseau.caches()),
    )


@lru_cache(maxsize=1024)
def masks(*parts: Tableau) -> Sequence[Masque]:
    """What is hidden of an académie and of the nation, or of the nation alone, from whoever knows schools of it.

    Args:
        parts: what is left of the place without these schools; then of the nation without both.
    """
    *inside, around = parts
    # What is around is shown nowhere, and told by the nation all the same.
    parties = [*(Partie(tableau=tableau, prix=_DEAR) for tableau in inside), Partie(tableau=around, montree=False)]
    reseau = Reseau(parties, sum(parts, start=Tableau()))
    return [_masque(reseau.caches(rank)) for rank in (*range(len(inside)), None)]


def _masque(caches: Caches) -> Masque:
    return {
        name: frozenset(ligne for ligne, figures in caches.items() if figures >> rank & 1)
        for rank, name in enumerate(CHIFFRES)
    }


def _caches(masque: Masque) -> Caches:
    caches: dict[Ligne, int] = {}
    for rank, name in enumerate(CHIFFRES):
        for ligne in masque[name]:
            caches[ligne] = caches.get(ligne, 0) | 1 << rank
    return caches
