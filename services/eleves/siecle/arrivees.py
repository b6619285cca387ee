"""Students who come from another lycée: the same persons, found again by their INE (domaine.md §8).

« A student is matched across files by INE-RNIE, then INE-BEA »; its number in a school's own base means nothing in
another. Who was sent last has the student: a file made before it arrived elsewhere does not bring it back.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from services.eleves.domain import DonneesSiecle, Eleve
from services.eleves.siecle.compte_rendu import Avertissement, CodeAvertissement, CodeRejet, Rejet
from services.eleves.siecle.rapprochement import Paire, Rapprochement


def unmatched_ines(rapprochement: Rapprochement) -> frozenset[str]:
    """The INE of the rows that no student of the school has: whether others have them is to be looked for."""
    new = (paire.ligne.siecle for paire in rapprochement.paires if paire.connu is None)
    return frozenset(ine for siecle in new for ine in _ines(siecle))


def match_arrivals(rapprochement: Rapprochement, ailleurs: Sequence[Eleve], *, exporte_le: datetime) -> Rapprochement:
    """Match the rows of unknown students with `ailleurs`, those of other schools that have one of their INE.

    Args:
        rapprochement: what the rows were matched with in their own school.
        ailleurs: students of other schools.
        exporte_le: when SIECLE made the file.
    """
    by_ine = _by_ine(ailleurs)
    paires: list[Paire] = []
    rejets = list(rapprochement.rejets)
    avertissements = list(rapprochement.avertissements)
    for paire in rapprochement.paires:
        found = _find(by_ine, paire)
        if not found:
            paires.append(paire)
        elif (rejet := _refusal(paire, found, exporte_le)) is not None:
            rejets.append(rejet)
        else:
            paires.append(replace(paire, id=found[0].id, connu=found[0]))
            avertissements.append(_arrival(paire))
    return replace(rapprochement, paires=tuple(paires), rejets=tuple(rejets), avertissements=tuple(avertissements))


def _ines(siecle: DonneesSiecle) -> Iterable[str]:
    return (ine for ine in (siecle.ine_rnie, siecle.ine_bea) if ine is not None)


def _by_ine(eleves: Iterable[Eleve]) -> Mapping[str, Sequence[Eleve]]:
    index: dict[str, list[Eleve]] = defaultdict(list)
    for eleve in eleves:
        for ine in _ines(eleve.siecle):
            index[ine].append(eleve)
    return index


def _find(by_ine: Mapping[str, Sequence[Eleve]], paire: Paire) -> Sequence[Eleve]:
    if paire.connu is not None:
        return ()
    return next((by_ine[ine] for ine in _ines(paire.ligne.siecle) if ine in by_ine), ())


def _refusal(paire: Paire, found: Sequence[Eleve], exporte_le: datetime) -> Rejet | None:
    if len(found) > 1:
        raison = "Plusieurs élèves d'autres établissements ont l'INE de cette ligne."
        return _reject(paire, CodeRejet.ELEVE_AMBIGU, raison)
    (eleve,) = found
    if eleve.siecle.naissance != paire.ligne.siecle.naissance:
        raison = "Un élève d'un autre établissement a l'INE de cette ligne, avec une autre date de naissance."
        return _reject(paire, CodeRejet.ELEVE_AMBIGU, raison)
    if eleve.present and exporte_le <= eleve.arrive_le:
        raison = "Un autre établissement a envoyé cet élève, dans un fichier qui n'est pas plus ancien que celui-ci."
        return _reject(paire, CodeRejet.ELEVE_AILLEURS, raison)
    return None


def _reject(paire: Paire, code: CodeRejet, raison: str) -> Rejet:
    ligne = paire.ligne
    return Rejet(ligne=ligne.ligne, eleve=ligne.etiquette, champ="INE_RNIE", code=code, raison=raison)


def _arrival(paire: Paire) -> Avertissement:
    return Avertissement(
        ligne=paire.ligne.ligne,
        eleve=paire.ligne.etiquette,
        champ="INE_RNIE",
        code=CodeAvertissement.ELEVE_ARRIVE,
        raison="Cet élève était dans un autre établissement : il compte désormais dans le vôtre.",
    )
