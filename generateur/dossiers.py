"""What the candidates' site says of a candidate: one versioned state per session (domaine.md §5.2, architecture §4)."""

from dataclasses import dataclass
from datetime import date
from enum import IntEnum, StrEnum

from socle.formations import TypeFormation
from socle.series import Serie


class Phase(IntEnum):
    """How far the year has gone; also the version of a state."""

    COMPTE = 1
    INSCRIPTION = 2
    VOEUX = 3
    CONFIRMATION = 4
    PREMIER_JOUR = 5
    FIN_PRINCIPALE = 6


class EtatVoeu(StrEnum):
    """Where a wish stands (domaine.md §5.2)."""

    FORMULE = "FORMULE"
    CONFIRME = "CONFIRME"
    CLASSE = "CLASSE"
    PROPOSITION = "PROPOSITION"
    EN_ATTENTE = "EN_ATTENTE"
    ACCEPTE = "ACCEPTE"
    REFUSE = "REFUSE"
    DEMISSION = "DEMISSION"
    REFUS_FORMATION = "REFUS_FORMATION"


@dataclass(frozen=True, slots=True)
class FormationOfferte:
    """A formation that can be wished for: its public identifier (`session/code`) and what weighs on the draw."""

    id: str
    type: TypeFormation
    selective: bool
    capacite: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Personne:
    """Who may be a candidate.

    Args:
        numero: its own for ever, whatever else is generated from the seed; nothing of the INE can be read in it.
        ine: as the candidates' site knows it.
        uai: None for one who is in no lycée, as a third are.
    """

    numero: str
    ine: str
    uai: str | None
    serie: Serie | None
    boursier: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Voeu:
    """A wish in its present state, with the days of what led there; a rank is that of the waiting list."""

    formation: str
    type: TypeFormation
    etat: EtatVoeu
    formule_le: date
    confirme_le: date | None = None
    rang: int | None = None
    proposition_le: date | None = None
    reponse_le: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """The state of a candidate: its file with all its wishes.

    Args:
        inscrit_le: None as long as it only has an account, or never went further.
        cordees: whether it lets its part in the *Cordées de la réussite* be shown.
        demission_le: when it left the procedure.
    """

    candidat: str
    session: int
    version: int
    ine: str
    uai: str | None
    boursier: bool
    inscrit_le: date | None = None
    cordees: bool = False
    demission_le: date | None = None
    voeux: tuple[Voeu, ...] = ()
