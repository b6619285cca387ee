"""Public reports on the examination of wishes (domaine.md §7). Pure."""

from dataclasses import dataclass
from enum import StrEnum


class EtatRapport(StrEnum):
    """The life of a report (domaine.md §7). The later states come with the entry of reports."""

    BROUILLON = "BROUILLON"


@dataclass(frozen=True, slots=True, kw_only=True)
class Formation:
    """What a report needs to know of a formation, as `offre` published it."""

    id: str
    session: int
    uai: str
    academie: str
    libelle: str
    capacite: int
    apprentissage: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Chiffres:
    """The general figures of a report: « taken from the platform, not typed » (domaine.md §7)."""

    places: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rapport:
    """The public report of a formation.

    Args:
        du: whether it must be made. « La publication du rapport n'est pas obligatoire pour les formations en
            apprentissage dans le cas où la formation a choisi de ne pas examiner les dossiers » (lettre n° 9): nothing
            says yet which have so chosen, so an apprenticeship formation's is not counted as due.
    """

    formation: Formation
    etat: EtatRapport
    du: bool
    chiffres: Chiffres


def draft(formation: Formation) -> Rapport:
    """The report as it stands before anyone has written in it."""
    return Rapport(
        formation=formation,
        etat=EtatRapport.BROUILLON,
        du=not formation.apprentissage,
        chiffres=Chiffres(places=formation.capacite),
    )
