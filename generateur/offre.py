"""Fictitious offers and directories of lycées, with the columns of the national files."""

import csv
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from generateur.marginales import CAPACITES, NON_SELECTIVES, PART_DES_VOEUX, PART_LYCEES_ACCUEIL, PART_PUBLIQUE
from generateur.noms import COMMUNES, NOMS_DE_LYCEES, SPECIALITES
from socle.academies import Academie
from socle.formations import TypeFormation
from socle.identifiants import uai_letter

_FILIERES = {
    TypeFormation.L: "Licence",
    TypeFormation.LAS: "Licence_Las",
    TypeFormation.PASS: "PASS",
    TypeFormation.BUT: "BUT",
    TypeFormation.BTS: "BTS",
    TypeFormation.CPGE: "CPGE",
    TypeFormation.INGENIEUR: "Ecole d'Ingénieur",
    TypeFormation.IFSI: "IFSI",
    TypeFormation.EFTS: "EFTS",
    TypeFormation.ECOLE_COMMERCE: "Ecole de Commerce",
    TypeFormation.AUTRE: "Autre formation",
}
_CORSICA = {"2A": "620", "2B": "720"}
"""How UAI numbers write the two départements that have a letter."""
_IN_A_LYCEE = (TypeFormation.BTS, TypeFormation.CPGE, TypeFormation.AUTRE)


@dataclass(frozen=True, slots=True)
class Etablissement:
    """A fictitious establishment; `lycee` tells whether it has terminale students."""

    uai: str
    nom: str
    commune: str
    secteur: str
    academie: Academie
    lycee: bool


@dataclass(frozen=True, slots=True)
class Offre:
    """What one seed gives: the establishments of an académie and the rows of its offer."""

    etablissements: tuple[Etablissement, ...]
    formations: tuple[dict[str, str], ...]


def generate(academie: Academie, *, lycees: int, superieurs: int, formations: int, seed: int) -> Offre:
    """An offer of `formations` rows by `lycees` lycées and `superieurs` other establishments of `academie`.

    The same arguments give the same offer.
    """
    rng = random.Random(f"offre-{academie.slug}-{seed}")  # noqa: S311 - fictitious data
    etablissements = tuple(_etablissements(rng, academie, lycees, superieurs))
    hosts = [e for e in etablissements if not e.lycee or rng.random() < PART_LYCEES_ACCUEIL] or [etablissements[0]]
    rows = tuple(_formation(rng, rng.choice(hosts), rank) for rank in range(formations))
    return Offre(etablissements, rows)


def _etablissements(rng: random.Random, academie: Academie, lycees: int, superieurs: int) -> Iterator[Etablissement]:
    first = academie.departements[0]
    departement = _CORSICA.get(first, first).zfill(3)
    for rank in range(lycees + superieurs):
        digits = f"{departement}9{rank:03d}"
        commune = rng.choice(COMMUNES)
        is_lycee = rank < lycees
        kind = "Lycée" if is_lycee else "Institut supérieur"
        yield Etablissement(
            uai=digits + uai_letter(digits),
            nom=f"{kind} {NOMS_DE_LYCEES[rank % len(NOMS_DE_LYCEES)]} ({commune})",
            commune=commune,
            secteur="Public" if rng.random() < PART_PUBLIQUE else "Privé",
            academie=academie,
            lycee=is_lycee,
        )


def _formation(rng: random.Random, host: Etablissement, rank: int) -> dict[str, str]:
    types = _IN_A_LYCEE if host.lycee else tuple(PART_DES_VOEUX)
    kind = rng.choices(types, [PART_DES_VOEUX[t] for t in types])[0]
    least, most = CAPACITES[kind]
    return {
        "cod_uai": host.uai,
        "g_ea_lib_vx": host.nom,
        "contrat_etab": host.secteur,
        "region_etab_aff": host.academie.nom_region_academique,
        "acad_mies": host.academie.nom,
        "lib_for_voe_ins": f"{_FILIERES[kind]} - {rng.choice(SPECIALITES)}",
        "fili": _FILIERES[kind],
        "select_form": "formation non sélective" if kind in NON_SELECTIVES else "formation sélective",
        "g_olocalisation_des_formations": f"{rng.uniform(48, 49):.5f}, {rng.uniform(2, 3):.5f}",
        "capa_fin": str(rng.randint(least, most)),
        "cod_aff_form": str(90_000 + rank),
    }


def write_offre(offre: Offre, path: Path) -> None:
    """The rows of the offer, as the national file has them."""
    _write(path, offre.formations)


def write_lycees(offre: Offre, path: Path) -> None:
    """The lycées among its establishments, with the columns of the national statistics."""
    _write(
        path,
        tuple(
            {
                "rentree_scolaire": "2024-2025",
                "academie": e.academie.nom.upper(),
                "uai": e.uai,
                "nom_de_l_etablissment": e.nom,
                "nom_de_la_commune": e.commune,
                "secteur": e.secteur.lower(),
            }
            for e in offre.etablissements
            if e.lycee
        ),
    )


def _write(path: Path, rows: tuple[dict[str, str], ...]) -> None:
    with path.open("w", encoding="utf-8", newline="") as text:
        writer = csv.DictWriter(text, list(rows[0]), delimiter=";", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
