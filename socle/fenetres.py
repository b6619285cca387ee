"""Windows of a campaign: when an action is not yet open, open, late, or closed (domaine.md §2, architecture §9)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

PARIS = "Europe/Paris"
_YEARS = range(2000, 2100)
"""≈ ours: a mistyped year beyond them would have no instant in UTC, or mean nothing."""


class CodeFenetre(StrEnum):
    """What a window is about (domaine.md §2)."""

    SITE_GESTION = "SITE_GESTION"
    ETABLISSEMENT = "ETABLISSEMENT"
    PARAMETRAGE = "PARAMETRAGE"
    CAPACITES_FRAIS = "CAPACITES_FRAIS"
    FORMATIONS_PUBLIQUES = "FORMATIONS_PUBLIQUES"
    REMONTEE_SIECLE = "REMONTEE_SIECLE"
    VIVIER_INITIAL = "VIVIER_INITIAL"
    ACTIVATION = "ACTIVATION"
    INSCRIPTION_VOEUX = "INSCRIPTION_VOEUX"
    WEB_SERVICE_SIECLE = "WEB_SERVICE_SIECLE"
    VERROU_SIECLE = "VERROU_SIECLE"
    REMONTEE_NOTES = "REMONTEE_NOTES"
    DOSSIERS = "DOSSIERS"
    ADMISSION_PRINCIPALE = "ADMISSION_PRINCIPALE"
    ADMISSION_COMPLEMENTAIRE = "ADMISSION_COMPLEMENTAIRE"
    APPRENTISSAGE = "APPRENTISSAGE"
    CAES = "CAES"
    DECISIONS_FINALES = "DECISIONS_FINALES"
    DEMANDES_MOTIFS = "DEMANDES_MOTIFS"
    RAPPORTS_PUBLICS = "RAPPORTS_PUBLICS"
    TABLEAU_SYNTHETIQUE = "TABLEAU_SYNTHETIQUE"
    ARCHIVE = "ARCHIVE"

    @property
    def libelle(self) -> str:
        """Its name, in French."""
        return _LIBELLES[self]


_LIBELLES = {
    CodeFenetre.SITE_GESTION: "Ouverture du site de gestion",
    CodeFenetre.ETABLISSEMENT: "Mise à jour des données de l'établissement",
    CodeFenetre.PARAMETRAGE: "Paramétrage des formations",
    CodeFenetre.CAPACITES_FRAIS: "Saisie des capacités d'accueil et des frais de scolarité",
    CodeFenetre.FORMATIONS_PUBLIQUES: "Affichage des formations au public",
    CodeFenetre.REMONTEE_SIECLE: "Remontée des fichiers SIECLE",
    CodeFenetre.VIVIER_INITIAL: "Constitution du vivier initial",
    CodeFenetre.ACTIVATION: "Envoi des messages d'activation aux élèves",
    CodeFenetre.INSCRIPTION_VOEUX: "Inscription et formulation des vœux",
    CodeFenetre.WEB_SERVICE_SIECLE: "Transfert automatisé des données de SIECLE",
    CodeFenetre.VERROU_SIECLE: "Verrouillage des données issues de SIECLE",
    CodeFenetre.REMONTEE_NOTES: "Remontée des notes de terminale",
    CodeFenetre.DOSSIERS: "Finalisation des dossiers et fiches Avenir",
    CodeFenetre.ADMISSION_PRINCIPALE: "Phase principale d'admission",
    CodeFenetre.ADMISSION_COMPLEMENTAIRE: "Phase complémentaire",
    CodeFenetre.APPRENTISSAGE: "Saisie des contrats d'apprentissage",
    CodeFenetre.CAES: "Propositions des commissions d'accès",
    CodeFenetre.DECISIONS_FINALES: "Notification des décisions de fin de procédure",
    CodeFenetre.DEMANDES_MOTIFS: "Demandes de communication des motifs",
    CodeFenetre.RAPPORTS_PUBLICS: "Saisie des rapports publics d'examen des vœux",
    CodeFenetre.TABLEAU_SYNTHETIQUE: "Tableau synthétique sur l'admission",
    CodeFenetre.ARCHIVE: "Archivage de la session",
}


class EtatFenetre(StrEnum):
    """Where a moment stands against a window."""

    PAS_OUVERTE = "PAS_OUVERTE"
    OUVERTE = "OUVERTE"
    EN_RETARD = "EN_RETARD"
    FERMEE = "FERMEE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fenetre:
    """A window, dated in its zone; every last day is inclusive (domaine.md §2).

    Args:
        ouverture: the first day.
        echeance: the last day on time: what comes later is accepted and marked late.
        fermeture: the last day at all: what comes later is refused.
        fuseau: where midnight is, by its IANA name.

    Raises:
        ValueError: the days are not in that order, or out of all measure, or there is no such zone; in French.
    """

    code: CodeFenetre
    ouverture: date
    echeance: date | None = None
    fermeture: date | None = None
    fuseau: str = PARIS

    def __post_init__(self) -> None:
        days = [day for day in (self.ouverture, self.echeance, self.fermeture) if day is not None]
        if days != sorted(days):
            raise ValueError(
                f"{self.code.libelle} : l'ouverture, l'échéance et la fermeture doivent se suivre dans cet ordre"
            )
        if any(day.year not in _YEARS for day in days):
            raise ValueError(f"{self.code.libelle} : chaque date doit être entre {_YEARS[0]} et {_YEARS[-1]}")
        if self.fuseau not in _zones():
            raise ValueError(
                f"« {self.fuseau[:40]} » n'est pas un fuseau horaire connu, donnez son nom IANA, comme Indian/Reunion"
            )

    @property
    def debut(self) -> datetime:
        """The UTC instant from which the action is accepted."""
        return self._midnight(self.ouverture)

    @property
    def retard(self) -> datetime | None:
        """The UTC instant from which the action is late."""
        return None if self.echeance is None else self._midnight(self.echeance + timedelta(days=1))

    @property
    def fin(self) -> datetime | None:
        """The UTC instant from which the action is refused."""
        return None if self.fermeture is None else self._midnight(self.fermeture + timedelta(days=1))

    def state(self, now: datetime) -> EtatFenetre:
        """Where `now`, an aware time, stands."""
        if now < self.debut:
            return EtatFenetre.PAS_OUVERTE
        if self.fin is not None and now >= self.fin:
            return EtatFenetre.FERMEE
        if self.retard is not None and now >= self.retard:
            return EtatFenetre.EN_RETARD
        return EtatFenetre.OUVERTE

    def accepts(self, now: datetime) -> bool:
        """Whether the action is accepted, on time or late."""
        return self.state(now) in {EtatFenetre.OUVERTE, EtatFenetre.EN_RETARD}

    def refusal(self, now: datetime) -> str | None:
        """Why the action is refused at `now`, in French, with the dates; None when it is accepted."""
        zone = "" if self.fuseau == PARIS else f" (heure de {self.fuseau.rpartition('/')[2].replace('_', ' ')})"
        match self.state(now):
            case EtatFenetre.PAS_OUVERTE:
                until = f" et le restera jusqu'au {self.fermeture:%d/%m/%Y} inclus" if self.fermeture else ""
                return f"{self.code.libelle} : cette opération ouvrira le {self.ouverture:%d/%m/%Y}{until}{zone}."
            case EtatFenetre.FERMEE:
                return (
                    f"{self.code.libelle} : cette opération est fermée, elle était ouverte du "
                    f"{self.ouverture:%d/%m/%Y} au {self.fermeture:%d/%m/%Y} inclus{zone}."
                )
            case EtatFenetre.OUVERTE | EtatFenetre.EN_RETARD:
                return None

    def _midnight(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(self.fuseau)).astimezone(UTC)


@cache
def _zones() -> frozenset[str]:
    """The zones of the pinned `tzdata`: those that every machine knows, whatever else this one has."""
    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendrier:
    """The windows of a session; an académie's own window stands in place of the nation's, zone included.

    Args:
        derogations: by académie (slug), then by code.
    """

    session: int
    fenetres: Mapping[CodeFenetre, Fenetre]
    derogations: Mapping[str, Mapping[CodeFenetre, Fenetre]] = field(default_factory=dict)

    def fenetre(self, code: CodeFenetre, academie: str | None = None) -> Fenetre | None:
        """The window that holds for an académie; None when the session has no such window."""
        own = self.derogations.get(academie, {}) if academie is not None else {}
        return own.get(code) or self.fenetres.get(code)
