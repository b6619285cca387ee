"""What an import says of a file, row by row: for the school that sent it only, since it names students (§5.1)."""

from dataclasses import dataclass
from enum import StrEnum

DETAILS = 1_000
"""≈ ours: how many rows a report details, more than the largest lycée has students of terminale (770, domaine.md §5.3);
all are counted."""


class CodeRejet(StrEnum):
    """Why a row is left out."""

    ELEVE_ID_ABSENT = "ELEVE_ID_ABSENT"
    ELEVE_ID_EN_DOUBLE = "ELEVE_ID_EN_DOUBLE"
    NOM_ABSENT = "NOM_ABSENT"
    PRENOM_ABSENT = "PRENOM_ABSENT"
    DATE_INVALIDE = "DATE_INVALIDE"
    INE_INVALIDE = "INE_INVALIDE"
    INE_EN_DOUBLE = "INE_EN_DOUBLE"
    CLASSE_ABSENTE = "CLASSE_ABSENTE"
    CLASSE_MULTIPLE = "CLASSE_MULTIPLE"
    CLASSE_INCONNUE = "CLASSE_INCONNUE"
    MEF_INVALIDE = "MEF_INVALIDE"
    MEF_INCONNU = "MEF_INCONNU"
    SERIE_INCONNUE = "SERIE_INCONNUE"
    ELEVE_AMBIGU = "ELEVE_AMBIGU"
    ELEVE_AILLEURS = "ELEVE_AILLEURS"

    @property
    def conseil(self) -> str:
        """What to do, in French."""
        return _CONSEILS.get(self, "Corrigez cette donnée dans SIECLE puis refaites l'export.")


_CONSEILS = {
    CodeRejet.ELEVE_ID_ABSENT: "Refaites l'export depuis SIECLE, sans modifier le fichier.",
    CodeRejet.ELEVE_ID_EN_DOUBLE: "Refaites l'export depuis SIECLE, sans modifier le fichier.",
    CodeRejet.INE_INVALIDE: "Vérifiez l'identifiant national de l'élève dans SIECLE (RNIE) puis refaites l'export.",
    CodeRejet.INE_EN_DOUBLE: "Rendez à chacun de ces élèves son identifiant dans SIECLE puis refaites l'export.",
    CodeRejet.CLASSE_ABSENTE: "Affectez l'élève à une division dans SIECLE puis refaites l'export.",
    CodeRejet.CLASSE_MULTIPLE: "Ne laissez à l'élève qu'une division dans SIECLE puis refaites l'export.",
    CodeRejet.CLASSE_INCONNUE: "Refaites ensemble les exports « ElevesSansAdresses » et « Structures ».",
    CodeRejet.MEF_INCONNU: "Joignez l'export « Nomenclature » de SIECLE au prochain envoi.",
    CodeRejet.SERIE_INCONNUE: (
        "Joignez l'export « Nomenclature » de SIECLE au prochain envoi ; s'il y est déjà, écrivez à votre académie."
    ),
    CodeRejet.ELEVE_AILLEURS: (
        "S'il est bien scolarisé chez vous, refaites l'export depuis SIECLE ; sinon, indiquez-y sa date de sortie."
    ),
    CodeRejet.ELEVE_AMBIGU: "Vérifiez dans SIECLE l'identifiant national et la date de naissance de l'élève.",
}


class CodeAvertissement(StrEnum):
    """What is worth a look, and stops nothing."""

    INE_ABSENT = "INE_ABSENT"
    INE_BEA_SUSPECT = "INE_BEA_SUSPECT"
    COURRIEL_ACADEMIQUE = "COURRIEL_ACADEMIQUE"
    OPTION_IGNOREE = "OPTION_IGNOREE"
    SEXE_INCONNU = "SEXE_INCONNU"
    FICHIER_PARTIEL = "FICHIER_PARTIEL"
    ELEVE_ARRIVE = "ELEVE_ARRIVE"
    INE_PARTAGE = "INE_PARTAGE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejet:
    """A row that is left out: where, who, which field, why and what to do."""

    ligne: int
    eleve: str
    champ: str
    code: CodeRejet
    raison: str

    @property
    def conseil(self) -> str:
        return self.code.conseil


@dataclass(frozen=True, slots=True, kw_only=True)
class Avertissement:
    """Something to look at. Without line and student, it is about the whole file."""

    ligne: int | None = None
    eleve: str | None = None
    champ: str
    code: CodeAvertissement
    raison: str
