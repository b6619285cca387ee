"""Fictitious offers and directories of lycées, with the columns of the national files."""

import csv
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, cycle, islice
from pathlib import Path

from generateur import marginales
from generateur.dossiers import FormationOfferte
from generateur.noms import COMMUNES, NOMS_DE_LYCEES, SPECIALITES
from socle.academies import ACADEMIES, Academie, uai_prefixes
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
    """What one seed gives: the establishments of an académie, or of several, and the rows of their offer."""

    etablissements: tuple[Etablissement, ...]
    formations: tuple[dict[str, str], ...]


CODE = "cod_aff_form"
"""The official code: the national file has had it or not, by year."""


def generate(academie: Academie, *, lycees: int, superieurs: int, formations: int, seed: int) -> Offre:
    """An offer of `formations` rows by `lycees` lycées and `superieurs` other establishments of `academie`.

    The same arguments give the same offer; two académies share no number.

    Raises:
        ValueError: more establishments than the académie has numbers for, a thousand a département.
    """
    rng = random.Random(f"offre-{academie.slug}-{seed}")  # noqa: S311 - fictitious data
    etablissements = tuple(_etablissements(rng, academie, lycees, superieurs))
    hosts = [e for e in etablissements if not e.lycee or rng.random() < marginales.PART_LYCEES_ACCUEIL]
    by_type = _hosts_by_type(hosts or [etablissements[0]])
    kinds = _types(rng, tuple(by_type), formations)
    rows = tuple(_formation(rng, rng.choice(by_type[kind]), kind, rank) for rank, kind in enumerate(kinds))
    return Offre(etablissements, rows)


def _hosts_by_type(hosts: Sequence[Etablissement]) -> dict[TypeFormation, Sequence[Etablissement]]:
    """Who may offer each type: lycées what lycées offer, the others the rest."""
    lycees, others = [host for host in hosts if host.lycee], [host for host in hosts if not host.lycee]
    either = {kind: lycees or others if kind in marginales.TYPES_DES_LYCEES else others for kind in _FILIERES}
    return {kind: found for kind, found in either.items() if found}


def _types(rng: random.Random, types: Sequence[TypeFormation], count: int) -> list[TypeFormation]:
    """The types of `count` formations, in no order: some of each, the others at the national shares."""
    even = int(count * marginales.PART_EGALE)
    kinds = list(islice(cycle(types), even))
    kinds += rng.choices(types, [marginales.PART_DES_FORMATIONS[t] for t in types], k=count - even)
    rng.shuffle(kinds)
    return kinds


def generate_nation(*, lycees: int, superieurs: int, formations: int, seed: int) -> Offre:
    """An offer of that size over all the académies of the ministry, in shares that follow their départements."""
    academies = [academie for academie in ACADEMIES if academie.domaine_courriel]
    weights = list(accumulate(len(academie.departements) for academie in academies))

    def part(total: int, rank: int) -> int:
        before = weights[rank - 1] if rank else 0
        return total * weights[rank] // weights[-1] - total * before // weights[-1]

    return join(
        generate(
            academie,
            lycees=max(1, part(lycees, rank)),
            superieurs=part(superieurs, rank),
            formations=part(formations, rank),
            seed=seed,
        )
        for rank, academie in enumerate(academies)
    )


def join(offres: Iterable[Offre]) -> Offre:
    """The offers of several académies as one, in their order."""
    each = list(offres)
    return Offre(
        tuple(chain.from_iterable(offre.etablissements for offre in each)),
        tuple(chain.from_iterable(offre.formations for offre in each)),
    )


def _etablissements(rng: random.Random, academie: Academie, lycees: int, superieurs: int) -> Iterator[Etablissement]:
    for rank in range(lycees + superieurs):
        digits = _uai_digits(academie, rank)
        commune = rng.choice(COMMUNES)
        is_lycee = rank < lycees
        kind = "Lycée" if is_lycee else "Institut supérieur"
        yield Etablissement(
            uai=digits + uai_letter(digits),
            nom=f"{kind} {NOMS_DE_LYCEES[rank % len(NOMS_DE_LYCEES)]} ({commune})",
            commune=commune,
            secteur="Public" if rng.random() < marginales.PART_PUBLIQUE else "Privé",
            academie=academie,
            lycee=is_lycee,
        )


def _uai_digits(academie: Academie, rank: int) -> str:
    """Numbers from 9000 on in each département: real ones are lower."""
    prefixes = uai_prefixes(academie)
    turn, number = divmod(rank, 1000)
    if turn >= len(prefixes):
        raise ValueError(f"{academie.nom}: {rank + 1} establishments, {len(prefixes)} thousand numbers")
    return f"{prefixes[turn]}9{number:03d}"


def _formation(rng: random.Random, host: Etablissement, kind: TypeFormation, rank: int) -> dict[str, str]:
    capacite = rng.randint(*marginales.CAPACITES[kind])
    latitude, longitude = rng.uniform(*marginales.LATITUDES), rng.uniform(*marginales.LONGITUDES)
    return {
        "cod_uai": host.uai,
        "g_ea_lib_vx": host.nom,
        "contrat_etab": host.secteur,
        "region_etab_aff": host.academie.nom_region_academique,
        "acad_mies": host.academie.nom,
        "lib_for_voe_ins": f"{_FILIERES[kind]} - {rng.choice(SPECIALITES)}",
        "fili": _FILIERES[kind],
        "select_form": "formation non sélective" if kind in marginales.NON_SELECTIVES else "formation sélective",
        "g_olocalisation_des_formations": f"{latitude:.5f}, {longitude:.5f}",
        "capa_fin": str(capacite),
        CODE: f"{host.academie.code}{rank:05d}",
        **_past_figures(rng, capacite),
    }


def _past_figures(rng: random.Random, capacite: int) -> dict[str, str]:
    """What the file tells of the session before, in the order of its columns."""
    general = rng.uniform(0, 100)
    techno = rng.uniform(0, 100 - general)
    return {
        "voe_tot": str(round(capacite * rng.lognormvariate(*marginales.VOEUX_PAR_PLACE))),
        "acc_tot": str(round(capacite * rng.uniform(*marginales.PART_REMPLIE))),
        **{name: f"{rng.uniform(*bounds):.1f}" for name, bounds in marginales.POURCENTAGES_PASSES.items()},
        "pct_bg": f"{general:.1f}",
        "pct_bt": f"{techno:.1f}",
        "pct_bp": f"{100 - general - techno:.1f}",
    }


def write_offre(offre: Offre, path: Path, *, codes: bool = True) -> None:
    """The rows of the offer, with the columns of the national file; without official codes when `codes` is not."""
    left_out = frozenset() if codes else frozenset({CODE})
    _write(path, tuple({k: v for k, v in row.items() if k not in left_out} for row in offre.formations))


def formations_offertes(rows: Iterable[Mapping[str, str]], *, session: int) -> list[FormationOfferte]:
    """What candidates may wish for, of rows that have the official code.

    Raises:
        ValueError: they have not.
    """
    types = {filiere: kind for kind, filiere in _FILIERES.items()}
    try:
        return [
            FormationOfferte(
                id=f"{session}/{row[CODE]}",
                type=types[row["fili"]],
                selective=row["select_form"] == "formation sélective",
                capacite=int(row["capa_fin"]),
            )
            for row in rows
        ]
    except KeyError as error:
        raise ValueError(f"the offer has no {error}: candidates wish for formations by their official code") from None


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
