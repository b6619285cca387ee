"""Public reports on the examination of wishes (domaine.md §7). Pure."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
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


class EtatVoeu(StrEnum):
    """The states of a wish that a figure is about (domaine.md §5.2)."""

    ACCEPTE = "ACCEPTE"
    EN_ATTENTE = "EN_ATTENTE"
    REFUS_FORMATION = "REFUS_FORMATION"
    DEMISSION = "DEMISSION"


@dataclass(frozen=True, slots=True)
class Voeu:
    """A confirmed wish: `etat` as the candidates' site names it, and whether there ever was a proposal."""

    formation: str
    etat: str
    propose: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidatures:
    """What has become of the confirmed wishes for a formation: numbers of candidates, who have one wish each there.

    Exact, however small. « No figure below 5 » and « le respect de la vie privée des candidats » (domaine.md §7, lettre
    n° 9) are rules of what is published; a draft is read, by right, by the establishment, which has the candidates' own
    files, and by its académie, which has their lists (domaine.md §1 and §6: « not shown outside the school »).

    Args:
        propositions: those who ever had one, whatever they answered.
        refus_formation: refused by the formation; who refuses a proposal is not.
    """

    confirmes: int = 0
    propositions: int = 0
    acceptes: int = 0
    en_attente: int = 0
    refus_formation: int = 0
    demissions: int = 0


def count(voeux: Iterable[tuple[Voeu, int]]) -> dict[str, Candidatures]:
    """The figures of each formation that has a confirmed wish, of wishes that are alike and how many there are."""
    by_formation: dict[str, list[tuple[Voeu, int]]] = {}
    for voeu, number in voeux:
        by_formation.setdefault(voeu.formation, []).append((voeu, number))
    return {formation: _count(alike) for formation, alike in by_formation.items()}


def _count(voeux: list[tuple[Voeu, int]]) -> Candidatures:
    def total(etat: EtatVoeu) -> int:
        return sum(number for voeu, number in voeux if voeu.etat == etat)

    return Candidatures(
        confirmes=sum(number for _, number in voeux),
        propositions=sum(number for voeu, number in voeux if voeu.propose),
        acceptes=total(EtatVoeu.ACCEPTE),
        en_attente=total(EtatVoeu.EN_ATTENTE),
        refus_formation=total(EtatVoeu.REFUS_FORMATION),
        demissions=total(EtatVoeu.DEMISSION),
    )


def touched(before: frozenset[Voeu], after: frozenset[Voeu]) -> set[str]:
    """The formations whose figures a candidate's change may change: those it leaves among them."""
    return {voeu.formation for voeu in before ^ after}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ecart:
    """A figure that is stored other than it is counted."""

    formation: str
    chiffre: str
    stocke: int
    compte: int


def compare(formation: str, stored: Candidatures | None, counted: Candidatures | None) -> list[Ecart]:
    """Where the two differ; nothing stored, or nothing counted, is zero everywhere."""
    held, right = asdict(stored or Candidatures()), asdict(counted or Candidatures())
    return [
        Ecart(formation=formation, chiffre=name, stocke=held[name], compte=right[name])
        for name in held
        if held[name] != right[name]
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chiffres:
    """The general figures of a report: « taken from the platform, not typed » (domaine.md §7).

    Args:
        calcule_le: when the candidatures were counted; None while nobody has a confirmed wish.
    """

    places: int
    candidatures: Candidatures
    calcule_le: datetime | None


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


@dataclass(frozen=True, slots=True)
class Comptage:
    """Candidatures as they were counted, and when."""

    candidatures: Candidatures
    calcule_le: datetime


def draft(formation: Formation, comptage: Comptage | None) -> Rapport:
    """The report as it stands before anyone has written in it; without `comptage` nobody has a confirmed wish."""
    return Rapport(
        formation=formation,
        etat=EtatRapport.BROUILLON,
        du=not formation.apprentissage,
        chiffres=Chiffres(
            places=formation.capacite,
            candidatures=comptage.candidatures if comptage else Candidatures(),
            calcule_le=comptage.calcule_le if comptage else None,
        ),
    )
