"""What the exports of SIECLE hold, as written: every field is the text of the file, without blanks around (§5.1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True, kw_only=True)
class Parametres:
    """The heading of an export: whose it is, and of when."""

    uai: str = ""
    annee_scolaire: str = ""
    date_export: str = ""
    horodatage: str = ""


class OptionLue(NamedTuple):
    """A subject that a student takes, and why it does."""

    matiere: str
    modalite: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EleveLu:
    """A student, with the line of the file; a field that is absent is empty.

    Phone and address are not read: nothing here needs them.

    Args:
        divisions: the codes of its classes (structures of type D); one, in a sound file.
        bourses: the codes of its scholarships.
    """

    ligne: int
    eleve_id: str
    id_national: str
    ine_rnie: str
    ine_bea: str
    nom_de_famille: str
    nom_usage: str
    prenoms: tuple[str, str, str]
    naissance: str
    sexe: str
    doublement: str
    regime: str
    statut: str
    mef: str
    entree: str
    sortie: str
    courriel: str
    divisions: tuple[str, ...] = ()
    options: tuple[OptionLue, ...] = ()
    bourses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ElevesLus:
    """`ElevesSansAdresses` or `ElevesAvecAdresses`."""

    nom: str
    parametres: Parametres
    eleves: tuple[EleveLu, ...]


@dataclass(frozen=True, slots=True)
class StructuresLues:
    """`Structures`: the codes of the school's classes."""

    nom: str
    parametres: Parametres
    divisions: frozenset[str]


@dataclass(frozen=True, slots=True)
class MefLu:
    """What a nomenclature says of a MEF."""

    mefstat: str
    libelle: str


@dataclass(frozen=True, slots=True)
class NomenclatureLue:
    """`Nomenclature`: the school's MEF, by code."""

    nom: str
    parametres: Parametres
    mefs: Mapping[str, MefLu]


type DocumentLu = ElevesLus | StructuresLues | NomenclatureLue


@dataclass(frozen=True, slots=True)
class Depot:
    """What was sent together: the students, and what helps to check them."""

    eleves: ElevesLus
    structures: StructuresLues | None = None
    nomenclature: NomenclatureLue | None = None
