"""Fictitious lycées with their students: the same seed gives the same ones, the nation over."""

import math
import random
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from generateur import marginales
from generateur.nomenclature import (
    AUTRES_NIVEAUX,
    FACULTATIVES,
    LANGUES,
    SPECIALITES,
    TERMINALES,
    TRONC_COMMUN,
    Mef,
)
from generateur.noms import DEBUTS_DE_NOMS, FINS_DE_NOMS, PRENOMS_FEMININS, PRENOMS_MASCULINS
from socle.identifiants import ine_bea_letter
from socle.series import Serie

_LETTRES_INE = "ABCDEFGHJK"
_DOMAINE = "courriel.example"  # reserved: no mail can reach anybody


@dataclass(frozen=True, slots=True, kw_only=True)
class EleveFictif:
    """A student, with what SIECLE would say of it.

    Args:
        serie: None out of terminale.
        sexe: 1 or 2, as SIECLE writes it.
        options: pairs of a subject and a letter of election.
        bourse: a code of the SIECLE nomenclature.
        balises: what is written instead, by tag: how a fault is put in.
    """

    eleve_id: str
    ine_rnie: str
    ine_bea: str | None
    nom: str
    nom_usage: str | None
    prenoms: tuple[str, ...]
    naissance: date
    sexe: str
    serie: Serie | None
    mef: Mef
    classe: str | None
    options: tuple[tuple[str, str], ...]
    courriel: str | None
    bourse: str | None
    statut: str
    regime: str
    doublement: bool
    entree: date
    sortie: date | None = None
    balises: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ecole:
    """A lycée as SIECLE exports it at one moment."""

    uai: str
    session: int
    exportee_le: datetime
    divisions: tuple[str, ...]
    eleves: tuple[EleveFictif, ...]


def generate_ecole(uai: str, *, session: int, terminales: int, autres: int = 0, seed: int) -> Ecole:
    """A lycée of `terminales` students of terminale and `autres` of other levels, at most 10,000 in all."""
    rng = random.Random(f"ecole-{session}-{uai}-{seed}")  # noqa: S311 - fictitious data
    classes = [*_terminale_classes(rng, terminales), *_other_classes(rng, autres)]
    eleves = [
        _eleve(rng, uai, session, rank, serie, mef, classe)
        for rank, (serie, mef, classe) in enumerate(
            (serie, mef, classe) for serie, mef, classe, size in classes for _ in range(size)
        )
    ]
    return Ecole(
        uai=uai,
        session=session,
        exportee_le=datetime(session - 1, 12, 9, 8, 30),  # noqa: DTZ001 - SIECLE writes no zone
        divisions=tuple(dict.fromkeys(classe for _, _, classe, _ in classes)),
        eleves=tuple(_share_addresses(rng, eleves)),
    )


def alter(ecole: Ecole, *, part: float, seed: int, departs: int = 0, arrivees: int = 0) -> Ecole:
    """The same lycée a month later: `part` of its students changed in one thing, some gone, some come."""
    rng = random.Random(f"suite-{ecole.uai}-{seed}")  # noqa: S311 - fictitious data
    ranks = rng.sample(range(len(ecole.eleves)), round(part * len(ecole.eleves)) + departs)
    changed, gone = set(ranks[departs:]), set(ranks[:departs])
    kept = [_changed(rng, eleve, ecole) if rank in changed else eleve for rank, eleve in enumerate(ecole.eleves)]
    kept = [eleve for rank, eleve in enumerate(kept) if rank not in gone]
    (serie, mef, classe, _size), *_ = _terminale_classes(rng, 1)
    first = max((int(eleve.eleve_id) for eleve in ecole.eleves), default=100_000) - 100_000 + 1
    come = [_eleve(rng, ecole.uai, ecole.session, first + n, serie, mef, classe) for n in range(arrivees)]
    divisions = tuple(dict.fromkeys((*ecole.divisions, *((classe,) if come else ()))))
    return replace(
        ecole, exportee_le=ecole.exportee_le + timedelta(days=28), eleves=(*kept, *come), divisions=divisions
    )


type _Classe = tuple[Serie | None, Mef, str, int]


def _terminale_classes(rng: random.Random, students: int) -> Iterator[_Classe]:
    """Classes of one série each, at the national shares."""
    parts = marginales.PART_DES_SERIES
    number = math.ceil(students / marginales.ELEVES_PAR_CLASSE)
    for rank in range(number):
        serie = rng.choices(list(parts), list(parts.values()))[0]
        mef = rng.choice(TERMINALES[serie])
        size = students * (rank + 1) // number - students * rank // number
        yield serie, mef, f"{mef.classe}{rank + 1:02d}", size


def _other_classes(rng: random.Random, students: int) -> Iterator[_Classe]:
    number = math.ceil(students / marginales.ELEVES_PAR_CLASSE)
    for rank in range(number):
        mef = rng.choice(AUTRES_NIVEAUX)
        size = students * (rank + 1) // number - students * rank // number
        yield None, mef, f"{mef.classe} {rank + 1:02d}", size


def _eleve(
    rng: random.Random, uai: str, session: int, rank: int, serie: Serie | None, mef: Mef, classe: str
) -> EleveFictif:
    feminine = rng.random() < _part_feminine(serie)
    prenoms = rng.sample(PRENOMS_FEMININS if feminine else PRENOMS_MASCULINS, rng.choice(marginales.NOMBRES_DE_PRENOMS))
    nom = (rng.choice(DEBUTS_DE_NOMS) + rng.choice(FINS_DE_NOMS)).upper()
    number = int(uai[:7]) * 10_000 + rank
    doublement = rng.random() < marginales.PART_DOUBLANTE
    apprenti = serie is Serie.PRO and rng.random() < marginales.PART_APPRENTIE_PRO
    return EleveFictif(
        eleve_id=str(100_000 + rank),
        ine_rnie=_ine_rnie(number),
        ine_bea=_ine_bea(number) if uai[0] == "0" and rng.random() < marginales.PART_AVEC_INE_BEA else None,
        nom=nom,
        nom_usage=rng.choice(DEBUTS_DE_NOMS).upper() + "EL" if rng.random() < marginales.PART_AVEC_NOM_USAGE else None,
        prenoms=tuple(prenoms),
        naissance=date(session - 18 - doublement, 1, 1) + timedelta(days=rng.randrange(365)),
        sexe="2" if feminine else "1",
        serie=serie,
        mef=mef,
        classe=classe,
        options=_options(rng, serie),
        courriel=_courriel(rng, prenoms[0], nom, number),
        bourse=rng.choice(marginales.BOURSES) if rng.random() < marginales.PART_BOURSIERE else None,
        statut="AP" if apprenti else "ST",
        regime=rng.choice(marginales.REGIMES),
        doublement=doublement,
        entree=date(session - 3, 9, 1),
    )


def _part_feminine(serie: Serie | None) -> float:
    return marginales.PART_FEMININE_AUTRES_NIVEAUX if serie is None else marginales.PART_FEMININE[serie]


def _ine_rnie(number: int) -> str:
    """One number a student: eleven digits, the last two written with letters."""
    digits, letters = divmod(number, 100)
    return f"{digits:09d}{_LETTRES_INE[letters // 10]}{_LETTRES_INE[letters % 10]}"


def _ine_bea(number: int) -> str:
    digits = f"{number:010d}"
    return digits + ine_bea_letter(digits)


def _options(rng: random.Random, serie: Serie | None) -> tuple[tuple[str, str], ...]:
    langues = [(code, "O") for code in rng.sample(LANGUES, 2)]
    communes = [(code, "S") for code in TRONC_COMMUN]
    specialites = [(code, "O") for code in rng.sample(SPECIALITES, 2)] if serie is Serie.GENERALE else []
    facultative = [(rng.choice(FACULTATIVES), "F")] if rng.random() < marginales.PART_OPTION_FACULTATIVE else []
    return (*communes, *langues, *specialites, *facultative)


def _courriel(rng: random.Random, prenom: str, nom: str, number: int) -> str | None:
    draw = rng.random()
    if draw < marginales.PART_SANS_COURRIEL:
        return None
    if draw < marginales.PART_SANS_COURRIEL + marginales.PART_COURRIEL_INVALIDE:
        return f"{_ascii(prenom)}.{_ascii(nom)}@courriel"
    return f"{_ascii(prenom)}.{_ascii(nom)}.{number:x}@{_DOMAINE}"


def _ascii(text: str) -> str:
    letters = (
        unicodedata.normalize("NFD", text.replace("Œ", "OE").replace("œ", "oe")).encode("ascii", "ignore").decode()
    )
    return "".join(c for c in letters.lower() if c.isalnum())


def _share_addresses(rng: random.Random, eleves: list[EleveFictif]) -> Iterator[EleveFictif]:
    """Siblings whose parents gave their own address."""
    for rank, eleve in enumerate(eleves):
        shared = rng.random() < marginales.PART_COURRIEL_PARTAGE
        yield replace(eleve, courriel=eleves[rank - 1].courriel) if shared and rank else eleve


def _changed(rng: random.Random, eleve: EleveFictif, ecole: Ecole) -> EleveFictif:
    match rng.choice(("courriel", "regime", "prenom", "bourse")):
        case "courriel":
            number = int(ecole.uai[:7]) * 10_000 + int(eleve.eleve_id)
            return replace(eleve, courriel=f"nouvelle.adresse.{number:x}@{_DOMAINE}")
        case "regime":
            return replace(eleve, regime="29" if eleve.regime != "29" else "0")
        case "prenom":
            return replace(eleve, prenoms=(*eleve.prenoms[:1], "Ajout"))
        case _:
            return replace(eleve, bourse=None if eleve.bourse else "1")
