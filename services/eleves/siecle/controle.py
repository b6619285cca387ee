"""Checking a whole file before anything changes (domaine.md §5.1): what is kept, left out, rejected, and worth a look.

Rejected rows never block the good ones; a file that is not this school's, or not of this year, is refused whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice

from services.eleves.domain import Courriel, DonneesSiecle
from services.eleves.siecle.compte_rendu import Avertissement, CodeRejet, Rejet
from services.eleves.siecle.documents import Depot, DocumentLu, EleveLu
from services.eleves.siecle.examen import Examen
from services.eleves.siecle.reference import Identifiants, Reference, identifiants
from services.eleves.siecle.refus import AutreAnnee, AutreEtablissement, ElevesAbsents, ParametresErrones

_NOMMEES = 3
"""≈ ours: how many of the other lines a message names, to stay a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LigneControlee:
    """A good row.

    Args:
        courriel: the address as read, or the task that its lack makes; whether nobody else has it is not known yet.
        sorti_le: the day it left, when it has left at the date of the file.
    """

    ligne: int
    etiquette: str
    siecle: DonneesSiecle
    courriel: Courriel
    sorti_le: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Controle:
    """What the check of a file gives.

    Args:
        exporte_le: when SIECLE made the file, by its own clock.
        ecartes_non_terminale: how many rows are of another level, which is no mistake.
        rejetees: the identifiers of the rejected rows: their students are in the file all the same.
    """

    session: int
    uai: str
    exporte_le: datetime
    lignes: tuple[LigneControlee, ...]
    rejets: tuple[Rejet, ...]
    avertissements: tuple[Avertissement, ...]
    ecartes_non_terminale: int
    rejetees: tuple[Identifiants, ...]


def check(depot: Depot, *, uai: str, session: int) -> Controle:
    """Check what the establishment `uai` sends for `session` (that of 2025 is the school year 2024).

    Raises:
        FichierRefuse: another establishment's, another year's, without a heading, or without any student of terminale.
    """
    for document in (depot.eleves, depot.structures, depot.nomenclature):
        if document is not None:
            _check_heading(document, uai=uai, annee=session - 1)
    exporte_le = _export_time(depot)
    eleves = [(lu, identifiants(lu)) for lu in depot.eleves.eleves]
    reference = Reference.of(depot, exporte_le=exporte_le.date())
    doubles = _doubles(eleves)
    lignes: list[LigneControlee] = []
    rejetees: list[Identifiants] = []
    rejets: list[Rejet] = []
    avertissements: list[Avertissement] = []
    for lu, ids in eleves:
        examen = Examen(lu, ids, reference)
        if examen.autre_niveau:
            continue
        _reject_doubles(examen, doubles)
        ligne = _examine(examen)
        if ligne is None:
            rejets += examen.rejets
            rejetees.append(ids)
        else:
            lignes.append(ligne)
            avertissements += examen.avertissements
    ecartes = len(eleves) - len(lignes) - len(rejetees)
    if not lignes and not rejets:
        raise ElevesAbsents(_no_student(depot, ecartes))
    return Controle(
        session=session,
        uai=uai,
        exporte_le=exporte_le,
        lignes=tuple(lignes),
        rejets=tuple(rejets),
        avertissements=tuple(avertissements),
        ecartes_non_terminale=ecartes,
        rejetees=tuple(rejetees),
    )


def _examine(examen: Examen) -> LigneControlee | None:
    siecle, courriel = examen.siecle(), examen.courriel()
    if siecle is None or examen.rejets:
        return None
    return LigneControlee(
        ligne=examen.lu.ligne,
        etiquette=examen.etiquette,
        siecle=siecle,
        courriel=courriel,
        sorti_le=examen.sorti_le,
    )


type _Doubles = dict[tuple[str, str], list[int]]


def _doubles(eleves: Sequence[tuple[EleveLu, Identifiants]]) -> _Doubles:
    """The lines on which each identifier stands, of those that stand on several; students of any level count."""
    lines: _Doubles = {}
    for lu, ids in eleves:
        for champ, value in ids.valeurs():
            lines.setdefault((champ, value), []).append(lu.ligne)
    return {key: where for key, where in lines.items() if len(where) > 1}


def _reject_doubles(examen: Examen, doubles: _Doubles) -> None:
    for champ, value in examen.ids.valeurs():
        same = doubles.get((champ, value), ())
        others = [str(line) for line in islice((line for line in same if line != examen.lu.ligne), _NOMMEES)]
        if not others:
            continue
        where = f"la ligne {others[0]}" if len(others) == 1 else f"les lignes {', '.join(others)}"
        if len(same) - 1 > _NOMMEES:
            where += f" et de {len(same) - 1 - _NOMMEES} autres"
        code = CodeRejet.ELEVE_ID_EN_DOUBLE if champ == "ELEVE_ID" else CodeRejet.INE_EN_DOUBLE
        examen.reject(champ, code, f"Cet identifiant est aussi celui de {where} : aucune de ces lignes n'est retenue.")


def _check_heading(document: DocumentLu, *, uai: str, annee: int) -> None:
    read = "".join(document.parametres.uai.split()).upper()
    if not read or not document.parametres.annee_scolaire:
        raise ParametresErrones(
            f"Le fichier « {document.nom} » n'indique pas l'établissement et l'année scolaire (PARAMETRES) : refaites "
            "l'export depuis SIECLE."
        )
    if read != uai:
        raise AutreEtablissement(
            f"Le fichier « {document.nom} » est celui de l'établissement {read[:20]} : envoyez celui de {uai}."
        )
    if document.parametres.annee_scolaire != str(annee):
        raise AutreAnnee(
            f"Le fichier « {document.nom} » est celui de l'année scolaire {document.parametres.annee_scolaire[:20]} : "
            f"envoyez celui de {annee}-{annee + 1}."
        )


def _export_time(depot: Depot) -> datetime:
    parametres = depot.eleves.parametres
    for text, form in ((parametres.horodatage, "%d/%m/%Y %H:%M:%S"), (parametres.date_export, "%d/%m/%Y")):
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - the file does not tell its zone
        except ValueError:
            continue
    raise ParametresErrones(
        f"Le fichier « {depot.eleves.nom} » n'indique pas sa date (HORODATAGE ou DATE_EXPORT) : refaites l'export "
        "depuis SIECLE."
    )


def _no_student(depot: Depot, ecartes: int) -> str:
    if not ecartes:
        return f"Le fichier « {depot.eleves.nom} » ne contient aucun élève : refaites l'export depuis SIECLE."
    return (
        f"Aucun des {ecartes} élèves du fichier « {depot.eleves.nom} » n'est en terminale : exportez les élèves de "
        "terminale depuis SIECLE."
    )
