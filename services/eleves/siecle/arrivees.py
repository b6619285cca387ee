"""Students who come from another lycée: the same persons, found again by their INE (domaine.md §8).

« A student is matched across files by INE-RNIE, then INE-BEA »; its number in a school's own base means nothing in
another. Who was sent last has the student: a file made before it arrived elsewhere does not bring it back.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from services.eleves.domain import DonneesSiecle, Eleve
from services.eleves.siecle.compte_rendu import Avertissement, CodeAvertissement, CodeRejet, Rejet
from services.eleves.siecle.designations import Designation, Doute, Identifiant, designate
from services.eleves.siecle.rapprochement import Paire, Rapprochement

_INE = (Identifiant.INE_RNIE, Identifiant.INE_BEA)


def ines_of(paires: Iterable[Paire]) -> frozenset[str]:
    """The INE of these rows, of either kind."""
    return frozenset(ine for paire in paires for ine in paire.ligne.siecle.ines)


def unmatched_ines(rapprochement: Rapprochement) -> frozenset[str]:
    """The INE of the rows that no student of the school has: whether others have them is to be looked for."""
    return ines_of(paire for paire in rapprochement.paires if paire.connu is None)


def match_arrivals(rapprochement: Rapprochement, ailleurs: Sequence[Eleve], *, exporte_le: datetime) -> Rapprochement:
    """Match the rows of unknown students with `ailleurs`, those of other schools that have one of their INE.

    Args:
        rapprochement: what the rows were matched with in their own school.
        ailleurs: students of other schools.
        exporte_le: when SIECLE made the file.
    """
    new = [paire.ligne for paire in rapprochement.paires if paire.connu is None]
    found = iter(designate(new, ailleurs, by=_INE, may_be=_same_birth))
    paires: list[Paire] = []
    rejets = list(rapprochement.rejets)
    for paire in rapprochement.paires:
        designation = None if paire.connu is not None else next(found)
        if designation is None:
            paires.append(paire)
        elif (rejet := _refusal(paire, designation, exporte_le)) is not None:
            rejets.append(rejet)
        else:
            (eleve,) = designation.eleves
            paires.append(replace(paire, id=eleve.id, connu=eleve))
    return replace(rapprochement, paires=tuple(paires), rejets=tuple(rejets))


def tell_arrivals(rapprochement: Rapprochement, arrives: Collection[str]) -> tuple[Avertissement, ...]:
    """What the school is told of the students of its file that an import brought from elsewhere: those of these ids."""
    return tuple(_arrival(paire) for paire in rapprochement.paires if paire.id in arrives)


def tell_shared(rapprochement: Rapprochement, shared: Collection[str]) -> tuple[Avertissement, ...]:
    """What the school is told of the students of its file with an INE of these, which a student elsewhere has too."""
    return tuple(_shared(paire) for paire in rapprochement.paires if not paire.ligne.siecle.ines.isdisjoint(shared))


def _same_birth(known: DonneesSiecle, read: DonneesSiecle) -> bool:
    return known.naissance == read.naissance


def _refusal(paire: Paire, designation: Designation, exporte_le: datetime) -> Rejet | None:
    match designation.doute:
        case Doute.PLUSIEURS_ELEVES:
            raison = "Plusieurs élèves d'autres établissements ont l'INE de cette ligne."
        case Doute.AUTRE_PERSONNE:
            raison = "Un élève d'un autre établissement a l'INE de cette ligne, avec une autre date de naissance."
        case Doute.PLUSIEURS_LIGNES:
            raison = "Plusieurs lignes désignent le même élève d'un autre établissement."
        case None:
            return _elsewhere(paire, designation, exporte_le)
    return _reject(paire, CodeRejet.ELEVE_AMBIGU, raison)


def _elsewhere(paire: Paire, designation: Designation, exporte_le: datetime) -> Rejet | None:
    (eleve,) = designation.eleves
    if not eleve.present or exporte_le > eleve.arrive_le:
        return None
    raison = "Un autre établissement a envoyé cet élève, dans un fichier qui n'est pas plus ancien que celui-ci."
    return _reject(paire, CodeRejet.ELEVE_AILLEURS, raison)


def _reject(paire: Paire, code: CodeRejet, raison: str) -> Rejet:
    ligne = paire.ligne
    return Rejet(ligne=ligne.ligne, eleve=ligne.etiquette, champ="INE_RNIE", code=code, raison=raison)


def _arrival(paire: Paire) -> Avertissement:
    return _warn(
        paire,
        CodeAvertissement.ELEVE_ARRIVE,
        "Cet élève était dans un autre établissement : il compte désormais dans le vôtre.",
    )


def _shared(paire: Paire) -> Avertissement:
    return _warn(
        paire,
        CodeAvertissement.INE_PARTAGE,
        "Un élève présent dans un autre établissement a le même INE, et les deux comptent : voyez avec votre académie "
        "qui doit corriger l'INE, ou indiquer une date de sortie, dans SIECLE.",
    )


def _warn(paire: Paire, code: CodeAvertissement, raison: str) -> Avertissement:
    ligne = paire.ligne
    return Avertissement(ligne=ligne.ligne, eleve=ligne.etiquette, champ="INE_RNIE", code=code, raison=raison)
