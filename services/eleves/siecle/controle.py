"""Checking a whole file before anything changes (domaine.md §5.1): what is kept, left out, rejected, and worth a look.

Rejected rows never block the good ones; a file that is not this school's, or not of this year, is refused whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice

from services.eleves.domain import Courriel, DonneesSiecle
from services.eleves.siecle.compte_rendu import DETAILS, Avertissement, CodeRejet, Rejet
from services.eleves.siecle.documents import Depot, DocumentLu, EleveLu
from services.eleves.siecle.examen import Examen
from services.eleves.siecle.reference import Identifiants, Reference, identifiants
from services.eleves.siecle.refus import AutreAnnee, AutreEtablissement, ElevesAbsents, ParametresErrones

_NOMMEES = 3
"""≈ ours: how many of the other lines a message names, to stay a sentence."""

_AVANCE = timedelta(days=1)
"""≈ ours: a file tells no zone, and clocks differ."""


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
        rejets, avertissements: the first thousand of each.
        ecartes_non_terminale: how many rows are of another level, which is no mistake.
        rejetees: the identifiers of each rejected row: their students are in the file all the same.
    """

    session: int
    uai: str
    exporte_le: datetime
    lignes: tuple[LigneControlee, ...]
    rejets: tuple[Rejet, ...]
    avertissements: tuple[Avertissement, ...]
    ecartes_non_terminale: int
    rejetees: tuple[Identifiants, ...]


def check(depot: Depot, *, uai: str, session: int, depose_le: datetime) -> Controle:
    """Check what the establishment `uai` sends for `session` (that of 2025 is the school year 2024).

    Raises:
        FichierRefuse: another establishment's, another year's, without a heading, from later than `depose_le` (aware),
            when it was sent, or without any student of terminale.
    """
    for document in (depot.eleves, depot.structures, depot.nomenclature):
        if document is not None:
            _check_heading(document, uai=uai, annee=session - 1)
    exporte_le = _export_time(depot)
    _refuse_future(depot, exporte_le, depose_le)
    eleves = depot.eleves.eleves
    all_ids = [identifiants(lu) for lu in eleves]
    reference = Reference.of(depot, exporte_le=exporte_le.date())
    doubles = _doubles(all_ids)
    lignes: list[LigneControlee] = []
    rejetees: list[Identifiants] = []
    rejets: list[Rejet] = []
    avertissements: list[Avertissement] = []
    for rang, (lu, ids) in enumerate(zip(eleves, all_ids, strict=True)):
        examen = Examen(lu, ids, reference)
        if examen.autre_niveau:
            continue
        _reject_doubles(examen, rang, doubles, eleves)
        ligne = _examine(examen)
        if ligne is None:
            rejets += examen.rejets[: DETAILS - len(rejets)]
            rejetees.append(ids)
        else:
            lignes.append(ligne)
            avertissements += examen.avertissements[: DETAILS - len(avertissements)]
    ecartes = len(eleves) - len(lignes) - len(rejetees)
    if not lignes and not rejetees:
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


type _Doubles = Mapping[tuple[str, str], Sequence[int]]


def _doubles(all_ids: Sequence[Identifiants]) -> _Doubles:
    """The identifiers that several rows have, with their ranks (a line may hold any number of rows); students of any
    level count.
    """
    rangs: dict[tuple[str, str], list[int]] = {}
    for rang, ids in enumerate(all_ids):
        for key in ids.valeurs():
            rangs.setdefault(key, []).append(rang)
    return {key: those for key, those in rangs.items() if len(those) > 1}


def _reject_doubles(examen: Examen, rang: int, doubles: _Doubles, eleves: Sequence[EleveLu]) -> None:
    for key in examen.ids.valeurs():
        same = doubles.get(key, ())
        others = islice((other for other in same if other != rang), _NOMMEES)
        named = list(dict.fromkeys(str(eleves[other].ligne) for other in others))
        if not named:
            continue
        where = f"la ligne {named[0]}" if len(named) == 1 else f"les lignes {', '.join(named)}"
        if len(same) - 1 > _NOMMEES:
            where += f" et de {len(same) - 1 - _NOMMEES} autres"
        champ, _ = key
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


def _refuse_future(depot: Depot, exporte_le: datetime, depose_le: datetime) -> None:
    """A date to come would keep every student of the file from the schools that they go to until then."""
    if exporte_le.replace(tzinfo=UTC) > depose_le + _AVANCE:
        raise ParametresErrones(
            f"Le fichier « {depot.eleves.nom} » est daté du {exporte_le:%d/%m/%Y}, après le jour de son envoi : mettez "
            "à l'heure le poste qui l'a produit, puis refaites l'export depuis SIECLE."
        )


def _no_student(depot: Depot, ecartes: int) -> str:
    if not ecartes:
        return f"Le fichier « {depot.eleves.nom} » ne contient aucun élève : refaites l'export depuis SIECLE."
    return (
        f"Aucun des {ecartes} élèves du fichier « {depot.eleves.nom} » n'est en terminale : exportez les élèves de "
        "terminale depuis SIECLE."
    )
