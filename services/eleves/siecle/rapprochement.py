"""Matching the rows of a file with the students that the school has sent before (domaine.md §5.1 and §8).

What depends on what the school had sent before looks at the students of other exports only: what this one brought, it
may have brought a minute ago, before a crash, or the last time the same file was sent (ADR 012).
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.eleves.domain import Courriel, DonneesSiecle, Eleve, TypeTache
from services.eleves.siecle.compte_rendu import Avertissement, CodeAvertissement, CodeRejet, Rejet
from services.eleves.siecle.controle import Controle, LigneControlee
from services.eleves.siecle.designations import Designation, Doute, Identifiant, designate
from services.eleves.siecle.reference import Identifiants

_PART_ABSENTE = 0.2
_ABSENTS_PLAUSIBLES = 5
"""≈ ours (ADR 012): when a file lacks more of the students that its school had sent before than this share, and than
this number, it is a complement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paire:
    """A row and the student it is about.

    Args:
        id: the student's, or the one that it will have.
        connu: its present state; None for a new one.
        courriel: the address it should have, to be claimed for it, or its task.
    """

    ligne: LigneControlee
    id: str
    connu: Eleve | None
    courriel: Courriel

    def refuse_courriel(self) -> "Paire":
        """The same, once its address turned out to be somebody else's in the nation."""
        return replace(self, courriel=Courriel(tache=TypeTache.COURRIEL_DEJA_PRIS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rapprochement:
    """What a file means for a school.

    Args:
        paires: the rows that are applied, in the order of the file.
        absents: the students that the school had sent, and this file does not have any more: they have left.
        rejets: one for each row that cannot be matched.
        deja_partis: how many rows are of students who had left before the school ever sent them: nothing to keep.
        premier_envoi: whether the school had sent nobody before this export.
    """

    paires: tuple[Paire, ...]
    absents: tuple[Eleve, ...]
    rejets: tuple[Rejet, ...]
    avertissements: tuple[Avertissement, ...]
    deja_partis: int
    premier_envoi: bool


def match(controle: Controle, connus: Sequence[Eleve], *, new_id: Callable[[LigneControlee], str]) -> Rapprochement:
    """Match the good rows of a file with `connus`, all the students of its school in its session."""
    designations = designate(controle.lignes, connus, by=tuple(Identifiant), may_be=_may_be)
    rejets: list[Rejet] = []
    paires: list[Paire] = []
    deja_partis = 0
    for ligne, designation in zip(controle.lignes, designations, strict=True):
        if designation is None and ligne.sorti_le is not None:
            deja_partis += 1
        elif designation is None:
            paires.append(Paire(ligne=ligne, id=new_id(ligne), connu=None, courriel=ligne.courriel))
        elif designation.doute is not None:
            rejets.append(_ambiguous(ligne, designation, designation.doute))
        else:
            (eleve,) = designation.eleves
            paires.append(Paire(ligne=ligne, id=eleve.id, connu=eleve, courriel=ligne.courriel))
    seen = {eleve.id for designation in designations if designation is not None for eleve in designation.eleves}
    absents, avertissements = _absents(connus, seen | _ids_of(connus, controle.rejetees), controle.exporte_le)
    return Rapprochement(
        paires=tuple(paires),
        absents=absents,
        rejets=tuple(rejets),
        avertissements=avertissements,
        deja_partis=deja_partis,
        premier_envoi=not any(_came_before(eleve, controle.exporte_le) for eleve in connus),
    )


def share_courriels(rapprochement: Rapprochement) -> Rapprochement:
    """Leave an address that several rows have to the student that holds it already, else to the first in the file.

    « Exactly one keeps it »: the others are kept without it, with a task.
    """
    by_adresse: dict[str, list[Paire]] = defaultdict(list)
    for paire in rapprochement.paires:
        if paire.courriel.adresse is not None:
            by_adresse[paire.courriel.adresse].append(paire)
    keepers = {_keeper(adresse, sharers).id for adresse, sharers in by_adresse.items()}
    en_double = Courriel(tache=TypeTache.COURRIEL_EN_DOUBLE)
    shared = (
        paire if paire.courriel.adresse is None or paire.id in keepers else replace(paire, courriel=en_double)
        for paire in rapprochement.paires
    )
    return replace(rapprochement, paires=tuple(shared))


def _keeper(adresse: str, sharers: Sequence[Paire]) -> Paire:
    holders = (paire for paire in sharers if paire.connu is not None and paire.connu.courriel.adresse == adresse)
    return next(holders, sharers[0])


def _came_before(eleve: Eleve, exporte_le: datetime) -> bool:
    """Whether another export than this one brought the student to its school."""
    return eleve.arrive_le != exporte_le


def _ids_of(connus: Iterable[Eleve], rejetees: Collection[Identifiants]) -> set[str]:
    """The known students that rejected rows are about, as far as can be told."""
    rnie, bea = {ids.ine_rnie for ids in rejetees}, {ids.ine_bea for ids in rejetees}
    numbers = {ids.eleve_id for ids in rejetees}
    return {
        eleve.id
        for eleve in connus
        if eleve.siecle.ine_rnie in rnie or eleve.siecle.ine_bea in bea or eleve.siecle.eleve_id in numbers
    }


def _may_be(known: DonneesSiecle, read: DonneesSiecle) -> bool:
    """Whether two states can be of one person: a corrected INE is, with the same birth date; other than that, not."""
    same_ine = known.ine_rnie is None or read.ine_rnie is None or known.ine_rnie == read.ine_rnie
    return same_ine or known.naissance == read.naissance


def _ambiguous(ligne: LigneControlee, designation: Designation, doute: Doute) -> Rejet:
    match doute:
        case Doute.PLUSIEURS_ELEVES:
            raison = f"Plusieurs élèves déjà reçus ont {designation.identifiant} de cette ligne."
        case Doute.AUTRE_PERSONNE:
            raison = (
                f"Un élève déjà reçu a {designation.identifiant} de cette ligne, avec un autre INE et une autre date "
                "de naissance."
            )
        case Doute.PLUSIEURS_LIGNES:
            raison = "Plusieurs lignes désignent le même élève déjà reçu."
    return Rejet(ligne=ligne.ligne, eleve=ligne.etiquette, champ="INE_RNIE", code=CodeRejet.ELEVE_AMBIGU, raison=raison)


def _absents(
    connus: Sequence[Eleve], seen: set[str], exporte_le: datetime
) -> tuple[tuple[Eleve, ...], tuple[Avertissement, ...]]:
    """Those who have left; nobody, with a warning, when the file is a complement.

    Applying it changes neither how many it lacks nor how many of those sent before it has: whatever was applied of it
    before, it is the same again.
    """
    absents = tuple(eleve for eleve in connus if eleve.present and eleve.id not in seen)
    found_again = sum(eleve.id in seen and _came_before(eleve, exporte_le) for eleve in connus)
    if len(absents) <= max(_ABSENTS_PLAUSIBLES, _PART_ABSENTE * (len(absents) + found_again)):
        return absents, ()
    raison = (
        f"{len(absents)} élèves déjà reçus ne sont pas dans ce fichier : il est pris comme un complément, et ces "
        "élèves restent comptés. S'ils ont quitté l'établissement, indiquez leur date de sortie dans SIECLE."
    )
    return (), (Avertissement(champ="fichier", code=CodeAvertissement.FICHIER_PARTIEL, raison=raison),)
