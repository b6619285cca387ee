"""How much one may leave with us at once: nobody fills the store by asking for deposits without end (ADR 011). Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from kit.errors import Refusal
from services.eleves.imports import Fichier

GARDE = timedelta(days=30)
"""« raw uploads 30 days » (architecture §11)."""

ATTENDUS = 5
"""≈ ours (ADR 011): deposits that one account may have waiting for one school, each for ten minutes."""

_MEGA = 1024**2
OCTETS = 512 * _MEGA
"""≈ ours (ADR 011): what a school may have kept and awaited; some 30 times the largest lycée's files, not zipped."""

_LEAST = _MEGA
"""≈ ours (ADR 011): what a file counts for at least, so that small ones without end are bounded too."""


class TropDeDepots(Refusal):
    """The account has as many deposits waiting for that school as it may."""

    code = "TROP_DE_DEPOTS"

    def __init__(self) -> None:
        super().__init__(
            f"Vous avez déjà {ATTENDUS} envois en attente pour cet établissement : envoyez leurs fichiers, ou "
            "recommencez dans dix minutes, quand ils auront expiré."
        )


class PlaceEpuisee(Refusal):
    """The school has left with us as much as it may."""

    code = "PLACE_EPUISEE"

    def __init__(self) -> None:
        super().__init__(
            f"Les fichiers envoyés par cet établissement depuis {GARDE.days} jours occupent toute la place prévue : "
            "envoyez l'export comprimé (zip) de votre seul établissement, ou recommencez quand les plus anciens seront "
            f"effacés, {GARDE.days} jours après leur envoi.",
            champ="fichiers",
        )


def weight(fichiers: Sequence[Fichier]) -> int:
    """What files count for, in bytes."""
    return sum(max(fichier.taille, _LEAST) for fichier in fichiers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Encours:
    """What is waiting, and what is kept.

    Args:
        places: those that the deposits of the account hold which wait for files of the school.
        octets: the weight of all the files that are kept or awaited for the school.
    """

    places: frozenset[int]
    octets: int

    def place_for(self, fichiers: Sequence[Fichier]) -> int:
        """The place that one more deposit, of these files, takes among those of its account.

        Raises:
            TropDeDepots: there is none left.
            PlaceEpuisee: the school would have left more than it may.
        """
        free = [place for place in range(ATTENDUS) if place not in self.places]
        if not free:
            raise TropDeDepots
        if self.octets + weight(fichiers) > OCTETS:
            raise PlaceEpuisee
        return free[0]
