"""Students of terminale, and what SIECLE says of them (domaine.md §5.1, §5.2 and §6). Pure."""

from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from enum import IntEnum, StrEnum
from typing import NamedTuple, Self

from kit.versions import NEW, Version
from socle.series import Serie


class Sexe(StrEnum):
    MASCULIN = "MASCULIN"
    FEMININ = "FEMININ"


class Boursier(IntEnum):
    """Whether a student holds a national scholarship, and who certified it (domaine.md §5.2)."""

    NON = 0
    CERTIFIE_SIECLE = 1
    CERTIFIE_CHEF = 2


class TypeTache(StrEnum):
    """What the school has to do for a student, who is kept meanwhile (domaine.md §5.1)."""

    COURRIEL_ABSENT = "COURRIEL_ABSENT"
    COURRIEL_INVALIDE = "COURRIEL_INVALIDE"
    COURRIEL_EN_DOUBLE = "COURRIEL_EN_DOUBLE"
    COURRIEL_DEJA_PRIS = "COURRIEL_DEJA_PRIS"

    @property
    def consigne(self) -> str:
        """What happened and what to do, in French."""
        return _CONSIGNES[self]


_CONSIGNES = {
    TypeTache.COURRIEL_ABSENT: (
        "SIECLE ne donne pas d'adresse électronique à cet élève : demandez-lui une adresse personnelle, saisissez-la "
        "dans SIECLE puis refaites l'envoi."
    ),
    TypeTache.COURRIEL_INVALIDE: (
        "L'adresse électronique de cet élève n'est pas une adresse personnelle valable : corrigez-la dans SIECLE puis "
        "refaites l'envoi."
    ),
    TypeTache.COURRIEL_EN_DOUBLE: (
        "L'adresse électronique de cet élève est aussi celle d'un autre élève du fichier : demandez-lui une adresse à "
        "lui seul, saisissez-la dans SIECLE puis refaites l'envoi."
    ),
    TypeTache.COURRIEL_DEJA_PRIS: (
        "L'adresse électronique de cet élève est déjà celle d'une autre personne : demandez-lui une adresse à lui "
        "seul, saisissez-la dans SIECLE puis refaites l'envoi."
    ),
}


class Option(NamedTuple):
    """A subject (six characters) and why the student takes it (one letter of the SIECLE nomenclature)."""

    matiere: str
    modalite: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DonneesSiecle:
    """What SIECLE owns of a student: a later import replaces it whole (« modifiée ou complétée », Créteil, 12/2024).

    Args:
        prenoms: at least one.
        eleve_id: its number in the school's own base.
        classe: None when SIECLE gives none, which it does of those who left.
        specialites: codes of four characters, in order; of the voie générale only.
        statut: ST (pupil), AP (apprentice), …
        regime: boarding, half board, …; a code of the SIECLE nomenclature.
        boursier: whether SIECLE knows a national scholarship.
    """

    nom: str
    nom_usage: str | None
    prenoms: tuple[str, ...]
    naissance: date
    sexe: Sexe | None
    ine_rnie: str | None
    ine_bea: str | None
    eleve_id: str
    mef: str
    serie: Serie
    classe: str | None
    specialites: tuple[str, ...]
    options: tuple[Option, ...]
    statut: str
    regime: str
    doublement: bool
    entree: date | None
    boursier: bool

    @property
    def ines(self) -> frozenset[str]:
        """Its national numbers, of either kind."""
        return frozenset(ine for ine in (self.ine_rnie, self.ine_bea) if ine is not None)


@dataclass(frozen=True, slots=True)
class Courriel:
    """The address of a student, or the task that its lack makes: never both, never neither."""

    adresse: str | None = None
    tache: TypeTache | None = None

    def __post_init__(self) -> None:
        if (self.adresse is None) == (self.tache is None):
            raise ValueError("a student has an address or a task about it")


@dataclass(frozen=True, slots=True, kw_only=True)
class Eleve:
    """A student of terminale of one session.

    Args:
        id: opaque and time-sortable (a ULID, with its session before it).
        academie: slug.
        arrive_le: the date of the export that brought it to its present school, by SIECLE's own clock.
        boursier: who certified its scholarship; the head's word outlives an import.
        parti_le: the day it left the school; such a student is in the vivier no more.
        vivier_initial: whether it counts in the vivier initial: until this is frozen it follows the current one, then
            it stays (domaine.md §6: « students who left during the year count in the vivier initial »).
    """

    id: str
    session: int
    uai: str
    academie: str
    arrive_le: datetime
    siecle: DonneesSiecle
    courriel: Courriel
    boursier: Boursier
    parti_le: date | None = None
    vivier_initial: bool
    version: Version = NEW

    @property
    def present(self) -> bool:
        """Whether it is in the vivier: terminale students of the upload who have not left (domaine.md §6)."""
        return self.parti_le is None

    @property
    def etiquette(self) -> str:
        """How its school calls it."""
        return label(self.siecle.nom_usage or self.siecle.nom, self.siecle.prenoms)

    def with_siecle(self, siecle: DonneesSiecle, courriel: Courriel, *, vivier_gele: bool) -> Self:
        """The student as SIECLE now has it, present; one who had left is back."""
        return replace(
            self,
            siecle=siecle,
            courriel=courriel,
            boursier=_boursier(siecle, self.boursier),
            parti_le=None,
            vivier_initial=self.vivier_initial if vivier_gele else True,
        )

    def arrive(self, uai: str, *, academie: str, le: datetime) -> Self:
        """The student in another school, where it stays the same person: its file and its wishes follow it.

        ≈ So does its place in the vivier initial, lest the nation count it twice.
        """
        return replace(self, uai=uai, academie=academie, arrive_le=le, parti_le=None)

    def depart(self) -> Self:
        """What the académie that it leaves for another one is told: it counts there no more."""
        return replace(self, parti_le=self.parti_le or self.arrive_le.date(), vivier_initial=False)

    def leave(self, le: date, *, vivier_gele: bool) -> Self:
        """The student, who left on that day; one who had left already keeps its first day."""
        if self.parti_le is not None:
            return self
        return replace(self, parti_le=le, vivier_initial=self.vivier_initial and vivier_gele)

    def differences(self, other: "Eleve") -> tuple[str, ...]:
        """The names of what differs between two states of a student, the version apart; those of SIECLE one by one."""
        own = [f.name for f in fields(self) if f.name not in {"siecle", "version"}]
        return (
            *(f.name for f in fields(self.siecle) if getattr(self.siecle, f.name) != getattr(other.siecle, f.name)),
            *(name for name in own if getattr(self, name) != getattr(other, name)),
        )


def new_eleve(
    id: str,
    *,
    session: int,
    uai: str,
    academie: str,
    arrive_le: datetime,
    siecle: DonneesSiecle,
    courriel: Courriel,
    dans_vivier_initial: bool,
) -> Eleve:
    """A student that the school had not sent before."""
    return Eleve(
        id=id,
        session=session,
        uai=uai,
        academie=academie,
        arrive_le=arrive_le,
        siecle=siecle,
        courriel=courriel,
        boursier=_boursier(siecle, Boursier.NON),
        vivier_initial=dans_vivier_initial,
    )


def label(nom: str, prenoms: tuple[str, ...]) -> str:
    """A person as lists name it: the name, then the first forename."""
    return " ".join(part for part in (nom, *prenoms[:1]) if part)


def _boursier(siecle: DonneesSiecle, held: Boursier) -> Boursier:
    """SIECLE's word counts before the head's; what the head certified stays when SIECLE knows nothing."""
    if siecle.boursier:
        return Boursier.CERTIFIE_SIECLE
    return held if held is Boursier.CERTIFIE_CHEF else Boursier.NON
