"""The lycées, by the columns of the national directory or of the national statistics on lycées (domaine.md §9)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.offre.chargement.tableau import FichierRefuse, Lecture, Ligne, ValeurRefusee, read_columns, read_rows
from services.offre.domain import Etablissement, Origine, Secteur
from socle.academies import find_academie
from socle.identifiants import parse_uai_origine


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where one publication has what is kept; `year` orders the rows of a UAI that comes several times."""

    uai: str
    nom: str
    academie: str
    commune: str
    secteur: str
    year: str | None = None
    kind: str | None = None
    state: str | None = None

    def required(self) -> set[str]:
        return {self.uai, self.nom, self.academie, self.commune, self.secteur}


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
_SECTEURS = {"public": Secteur.PUBLIC, "privé": Secteur.PRIVE, "prive": Secteur.PRIVE}


@dataclass(frozen=True, slots=True)
class LigneLycee:
    """A good row: the origin side of an establishment, as said for a year (empty where the file has one only)."""

    numero: int
    annee: str
    etablissement: Etablissement


def read(path: Path) -> Lecture[LigneLycee]:
    """Read the lycées of a directory, one row each: where a UAI comes for several years, the last counts.

    Rows of the directory that are not open lycées (schools, services…) are passed over: they are no mistake.

    Raises:
        FichierRefuse: the columns are those of neither publication.
    """
    columns = _publication(path)
    lecture: Lecture[LigneLycee] = Lecture()
    for row in read_rows(path, lecture.rejets):
        if _is_lycee(row.valeurs, columns):
            lecture.collect(row, lambda r: _parse(r, columns))
    latest: dict[str, LigneLycee] = {}
    for line in lecture.bonnes:
        held = latest.get(line.etablissement.uai)
        if held is None or held.annee <= line.annee:
            latest[line.etablissement.uai] = line
    lecture.bonnes = list(latest.values())
    return lecture


def _publication(path: Path) -> _Columns:
    found = read_columns(path)
    for columns in _PUBLICATIONS:
        if columns.required() <= found:
            return columns
    expected = " ; ou ".join(", ".join(sorted(columns.required())) for columns in _PUBLICATIONS)
    raise FichierRefuse(f"Le fichier {path.name} n'a pas les colonnes d'un annuaire de lycées : {expected}.")


def _is_lycee(values: Mapping[str, str], columns: _Columns) -> bool:
    if columns.kind is not None and values.get(columns.kind) != "Lycée":
        return False
    return columns.state is None or values.get(columns.state, "OUVERT") == "OUVERT"


def _parse(row: Ligne, columns: _Columns) -> LigneLycee:
    values = row.valeurs
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
        secteur=_SECTEURS.get(values[columns.secteur].lower()),
    )
    annee = values.get(columns.year, "") if columns.year else ""
    return LigneLycee(row.numero, annee, Etablissement(uai=uai, origine=origine))
