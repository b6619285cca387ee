"""The lycées, by the columns of the national directory or of the national statistics on lycées (domaine.md §9)."""

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from pathlib import Path

from services.offre.chargement.secteurs import read_secteur
from services.offre.chargement.tableau import (
    FichierRefuse,
    Lecture,
    Ligne,
    Remarque,
    ValeurRefusee,
    read_columns,
    read_rows,
    require_columns,
)
from services.offre.domain import Etablissement, Origine
from socle.academies import find_academie
from socle.identifiants import parse_uai_origine


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where one publication has what is kept.

    `year` orders the rows of a UAI that comes several times; by `kind` and `state` lycées are told from the rest.
    """

    uai: str
    nom: str
    academie: str
    commune: str
    secteur: str
    year: str | None = None
    kind: str | None = None
    state: str | None = None

    def required(self) -> tuple[str, ...]:
        return tuple(column for column in astuple(self) if column is not None)


_PUBLICATIONS = (
    _Columns(
        uai="Identifiant_de_l_etablissement",
        nom="Nom_etablissement",
        academie="Libelle_academie",
        commune="Nom_commune",
        secteur="Statut_public_prive",
        kind="Type_etablissement",
        state="etat",
    ),
    _Columns(
        uai="uai",
        nom="nom_de_l_etablissment",
        academie="academie",
        commune="nom_de_la_commune",
        secteur="secteur",
        year="rentree_scolaire",
    ),
)
_LYCEE = "Lycée"
_OPEN = ("OUVERT", "A FERMER")
"""A lycée whose closing is announced still has its students."""
_NOT_OPEN = ("A OUVRIR", "FERME")


@dataclass(frozen=True, slots=True)
class LigneLycee:
    """A good row: the origin side of an establishment, as said for a year (empty where the file has one only)."""

    numero: int
    annee: str
    etablissement: Etablissement


def read(path: Path) -> Lecture[LigneLycee]:
    """Read the lycées of a directory, one row each: where a UAI comes for several years, the last counts.

    Where it comes several times for one year, as an annexe does after its lycée, the first row counts and the others
    are listed. Rows of the directory that are not open lycées (schools, services…) are passed over: no mistake of its.

    Raises:
        FichierRefuse: the columns are those of neither publication, or some of them are missing.
    """
    columns = _publication(path)
    lecture: Lecture[LigneLycee] = Lecture()
    for row in read_rows(path, lecture.rejets):
        if _may_be_read(row.valeurs, columns):
            lecture.collect(row, lambda r: _parse(r, columns, lecture))
    latest: dict[str, LigneLycee] = {}
    for line in lecture.bonnes:
        held = latest.get(line.etablissement.uai)
        if held is not None and held.annee == line.annee:
            raison = f"établissement déjà lu à la ligne {held.numero}, qui compte : celle-ci est laissée de côté"
            lecture.avertissements.append(Remarque(line.numero, columns.uai, raison))
        elif held is None or held.annee < line.annee:
            latest[line.etablissement.uai] = line
    lecture.bonnes = list(latest.values())
    return lecture


def _publication(path: Path) -> _Columns:
    found = read_columns(path)
    for columns in _PUBLICATIONS:
        if columns.uai in found:
            require_columns(path, found, columns.required())
            return columns
    expected = " ; ou ".join(", ".join(columns.required()) for columns in _PUBLICATIONS)
    raise FichierRefuse(f"Le fichier {path.name} n'a pas les colonnes d'un annuaire de lycées : {expected}.")


def _may_be_read(values: Mapping[str, str], columns: _Columns) -> bool:
    if columns.kind is not None and values[columns.kind] != _LYCEE:
        return False
    return columns.state is None or values[columns.state] not in _NOT_OPEN


def _parse(row: Ligne, columns: _Columns, lecture: Lecture[LigneLycee]) -> LigneLycee:
    values = row.valeurs
    if columns.state is not None and values[columns.state] not in _OPEN:
        known = ", ".join((*_OPEN, *_NOT_OPEN))
        raise ValeurRefusee(columns.state, f"état inconnu : « {values[columns.state]} » ; attendu : {known}")
    try:
        uai = parse_uai_origine(values[columns.uai])
    except ValueError as error:
        raise ValeurRefusee(columns.uai, str(error)) from error
    academie = find_academie(values[columns.academie])
    if academie is None:
        raise ValeurRefusee(columns.academie, f"académie inconnue : « {values[columns.academie]} »")
    if not values[columns.nom]:
        raise ValeurRefusee(columns.nom, "valeur absente")
    origine = Origine(
        nom=values[columns.nom],
        academie=academie.slug,
        commune=values[columns.commune] or None,
        secteur=read_secteur(row, columns.secteur, lecture),
    )
    annee = values[columns.year] if columns.year else ""
    return LigneLycee(row.numero, annee, Etablissement(uai=uai, origine=origine))
