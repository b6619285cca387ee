"""The national offer: one row a formation, with its host establishment (domaine.md §4 and §9)."""

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from services.offre.chargement.secteurs import read_secteur
from services.offre.chargement.tableau import (
    Lecture,
    Ligne,
    Remarque,
    ValeurRefusee,
    read_columns,
    read_rows,
    require_columns,
)
from services.offre.domain import Accueil, Etablissement, Formation, Position, derived_code
from socle.academies import find_academie
from socle.formations import TypeFormation
from socle.identifiants import parse_uai_accueil

CODE = "cod_aff_form"
_REQUIRED = (
    "cod_uai",
    "g_ea_lib_vx",
    "contrat_etab",
    "acad_mies",
    "lib_for_voe_ins",
    "fili",
    "select_form",
    "g_olocalisation_des_formations",
    "capa_fin",
)
_TYPES = {
    "Licence": TypeFormation.L,
    "Licence_Las": TypeFormation.LAS,
    "PASS": TypeFormation.PASS,
    "BUT": TypeFormation.BUT,
    "BTS": TypeFormation.BTS,
    "CPGE": TypeFormation.CPGE,
    "Ecole d'Ingénieur": TypeFormation.INGENIEUR,
    "IFSI": TypeFormation.IFSI,
    "EFTS": TypeFormation.EFTS,
    "Ecole de Commerce": TypeFormation.ECOLE_COMMERCE,
    "Autre formation": TypeFormation.AUTRE,
}
_SELECTIVE = {"formation sélective": True, "formation non sélective": False}
_PLACES = re.compile(r"[0-9]{1,5}")
"""≈ More digits are a slip of the keyboard: the largest formation of 2025 has 3,400 places."""


@dataclass(frozen=True, slots=True)
class LigneOffre:
    """A good row: a formation and the host side of its establishment."""

    numero: int
    etablissement: Etablissement
    formation: Formation


def read(path: Path, *, session: int) -> Lecture[LigneOffre]:
    """Read the offer of `session`.

    Raises:
        FichierRefuse: not such a table, or a column is missing.
    """
    columns = read_columns(path)
    require_columns(path, columns, _REQUIRED)
    lecture: Lecture[LigneOffre] = Lecture()
    rows = list(read_rows(path, lecture.rejets))
    codes = _codes(rows, lecture) if CODE not in columns else {r.numero: r.valeurs[CODE] for r in rows}
    seen: dict[str, int] = {}
    for row in rows:
        if row.numero in codes:
            lecture.collect(row, lambda r: _parse(r, codes[r.numero], session, seen, lecture))
    for remarques in (lecture.rejets, lecture.avertissements):
        remarques.sort(key=lambda remarque: remarque.ligne)
    return lecture


def _codes(rows: list[Ligne], lecture: Lecture[LigneOffre]) -> dict[int, str]:
    """A derived code by row number; rows that only their order tells apart are listed, whole copies are left out."""
    alike: dict[tuple[str, str, str, str], list[Ligne]] = defaultdict(list)
    for row in rows:
        alike[_identity(row)].append(row)
    codes: dict[int, str] = {}
    for identity, group in alike.items():
        first_of: dict[tuple[str, ...], int] = {}
        for row in sorted(group, key=_all_values):
            copy_of = first_of.setdefault(_all_values(row), row.numero)
            if copy_of != row.numero:
                lecture.rejets.append(Remarque(row.numero, "", f"copie exacte de la ligne {copy_of}"))
                continue
            codes[row.numero] = derived_code(*identity, len(first_of) - 1)
        if len(first_of) > 1:
            lecture.avertissements.extend(
                Remarque(
                    row.numero,
                    CODE,
                    "sans code officiel, cette ligne ne se distingue de ses semblables que par ses autres colonnes",
                )
                for row in group
                if row.numero in codes
            )
    return codes


def _identity(row: Ligne) -> tuple[str, str, str, str]:
    values = row.valeurs
    return (
        values["cod_uai"].upper(),
        values["lib_for_voe_ins"],
        values["fili"],
        values["g_olocalisation_des_formations"],
    )


def _all_values(row: Ligne) -> tuple[str, ...]:
    return tuple(row.valeurs[name] for name in sorted(row.valeurs))


def _parse(row: Ligne, code: str, session: int, seen: dict[str, int], lecture: Lecture[LigneOffre]) -> LigneOffre:
    values = row.valeurs
    if not code:
        raise ValeurRefusee(CODE, "code absent")
    if code in seen:
        raise ValeurRefusee(CODE, f"code {code} déjà porté par la ligne {seen[code]}")
    uai = _uai(row, lecture)
    academie = find_academie(values["acad_mies"])
    if academie is None:
        raise ValeurRefusee("acad_mies", f"académie inconnue : « {values['acad_mies']} »")
    etablissement = Etablissement(
        uai=uai,
        accueil=Accueil(
            nom=_required(values, "g_ea_lib_vx"),
            academie=academie.slug,
            secteur=read_secteur(row, "contrat_etab", lecture),
        ),
    )
    formation = Formation(
        session=session,
        code=code,
        uai=uai,
        academie=academie.slug,
        libelle=_required(values, "lib_for_voe_ins"),
        type=_one_of(values, "fili", _TYPES),
        selective=_one_of(values, "select_form", _SELECTIVE),
        capacite=_places(values["capa_fin"]),
        position=_position(values["g_olocalisation_des_formations"]),
    )
    seen[code] = row.numero
    return LigneOffre(row.numero, etablissement, formation)


def _uai(row: Ligne, lecture: Lecture[LigneOffre]) -> str:
    """A host's UAI: a wrong check letter draws a warning, since some real ones have it (domaine.md §8)."""
    try:
        uai, warning = parse_uai_accueil(row.valeurs["cod_uai"])
    except ValueError as error:
        raise ValeurRefusee("cod_uai", str(error)) from error
    if warning:
        lecture.avertissements.append(Remarque(row.numero, "cod_uai", warning))
    return uai


def _required(values: dict[str, str], column: str) -> str:
    if not values[column]:
        raise ValeurRefusee(column, "valeur absente")
    return values[column]


def _one_of[T](values: dict[str, str], column: str, known: dict[str, T]) -> T:
    try:
        return known[values[column]]
    except KeyError:
        raise ValeurRefusee(column, f"valeur inconnue : « {values[column]} » ; attendu : {', '.join(known)}") from None


def _places(value: str) -> int:
    if not _PLACES.fullmatch(value):
        raise ValeurRefusee("capa_fin", f"nombre de places attendu, de 0 à 99999, trouvé « {value} »")
    return int(value)


def _position(value: str) -> Position | None:
    """`latitude, longitude`; 38 real rows have none."""
    if not value:
        return None
    try:
        latitude, longitude = (float(part) for part in value.split(","))
    except ValueError:
        raise ValeurRefusee(
            "g_olocalisation_des_formations", f"« latitude, longitude » attendues, trouvé « {value} »"
        ) from None
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise ValeurRefusee("g_olocalisation_des_formations", f"position hors du globe : « {value} »")
    return Position(latitude, longitude)
