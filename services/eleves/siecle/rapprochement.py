"""Matching the rows of a file with the students that the school has sent before (domaine.md §5.1 and §8).

« A student is matched across files by INE-RNIE, then INE-BEA, then (UAI, ELEVE_ID), else it is new; ambiguity is a
rejected row. »
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from services.eleves.domain import Courriel, DonneesSiecle, Eleve, TypeTache
from services.eleves.siecle.compte_rendu import Avertissement, CodeAvertissement, CodeRejet, Rejet
from services.eleves.siecle.controle import Controle, LigneControlee
from services.eleves.siecle.reference import Identifiants

_PART_ABSENTE = 0.2
_ABSENTS_PLAUSIBLES = 5
"""≈ ours (ADR 012): when a file lacks more of the students of its school than this share, and than this number, it is a
complement."""


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
        deja_partis: how many rows are of students who had left before the school ever sent them: nothing to keep.
    """

    paires: tuple[Paire, ...]
    absents: tuple[Eleve, ...]
    rejets: tuple[Rejet, ...]
    avertissements: tuple[Avertissement, ...]
    deja_partis: int


def match(controle: Controle, connus: Sequence[Eleve], *, new_id: Callable[[LigneControlee], str]) -> Rapprochement:
    """Match the good rows of a file with `connus`, all the students of its school in its session.

    An address that several rows have goes to the one that holds it already, else to the first in the file
    (« exactly one keeps it »); the others are kept without it, with a task.
    """
    index = _Index.of(connus)
    found = [(ligne, index.find(ligne.siecle)) for ligne in controle.lignes]
    rows_of = Counter(eleve.id for _, eleve in found if isinstance(eleve, Eleve))
    rejets: list[Rejet] = []
    paires: list[Paire] = []
    deja_partis = 0
    for ligne, eleve in found:
        if isinstance(eleve, _Ambigu):
            rejets.append(_ambiguous(ligne, eleve.raison))
        elif eleve is None and ligne.sorti_le is not None:
            deja_partis += 1
        elif eleve is None:
            paires.append(Paire(ligne=ligne, id=new_id(ligne), connu=None, courriel=ligne.courriel))
        elif rows_of[eleve.id] > 1:
            rejets.append(_ambiguous(ligne, "Plusieurs lignes désignent le même élève déjà reçu."))
        else:
            paires.append(Paire(ligne=ligne, id=eleve.id, connu=eleve, courriel=ligne.courriel))
    doubtful = {known.id for _, eleve in found if isinstance(eleve, _Ambigu) for known in eleve.eleves}
    absents, avertissements = _absents(connus, set(rows_of) | doubtful | index.ids_of(controle.rejetees))
    return Rapprochement(
        paires=tuple(_share_courriels(paires)),
        absents=absents,
        rejets=tuple(rejets),
        avertissements=avertissements,
        deja_partis=deja_partis,
    )


@dataclass(frozen=True, slots=True)
class _Ambigu:
    """Why a row cannot be matched, and the known students that it may be about."""

    raison: str
    eleves: tuple[Eleve, ...]


@dataclass(frozen=True, slots=True)
class _Index:
    """The known students by each of their identifiers; several may share one that is not theirs alone."""

    by_rnie: Mapping[str, Sequence[Eleve]]
    by_bea: Mapping[str, Sequence[Eleve]]
    by_eleve_id: Mapping[str, Sequence[Eleve]]

    @classmethod
    def of(cls, connus: Iterable[Eleve]) -> "_Index":
        by_rnie, by_bea, by_eleve_id = (defaultdict[str, list[Eleve]](list) for _ in range(3))
        for eleve in connus:
            if eleve.siecle.ine_rnie:
                by_rnie[eleve.siecle.ine_rnie].append(eleve)
            if eleve.siecle.ine_bea:
                by_bea[eleve.siecle.ine_bea].append(eleve)
            by_eleve_id[eleve.siecle.eleve_id].append(eleve)
        return cls(by_rnie, by_bea, by_eleve_id)

    def find(self, siecle: DonneesSiecle) -> Eleve | _Ambigu | None:
        """The student of a row, by the first identifier that somebody has."""
        candidates = (
            ("l'INE-RNIE", self.by_rnie.get(siecle.ine_rnie or "", ())),
            ("l'INE-BEA", self.by_bea.get(siecle.ine_bea or "", ())),
            ("l'identifiant SIECLE", self.by_eleve_id.get(siecle.eleve_id, ())),
        )
        for name, eleves in candidates:
            if len(eleves) > 1:
                return _Ambigu(f"Plusieurs élèves déjà reçus ont {name} de cette ligne.", tuple(eleves))
            if eleves and not _may_be(eleves[0].siecle, siecle):
                return _Ambigu(_somebody_else(name), tuple(eleves))
            if eleves:
                return eleves[0]
        return None

    def ids_of(self, rejetees: Iterable[Identifiants]) -> set[str]:
        """The known students that rejected rows are about, as far as can be told."""
        return {
            eleve.id
            for ids in rejetees
            for eleves in (
                self.by_rnie.get(ids.ine_rnie, ()),
                self.by_bea.get(ids.ine_bea, ()),
                self.by_eleve_id.get(ids.eleve_id, ()),
            )
            for eleve in eleves
        }


def _may_be(known: DonneesSiecle, read: DonneesSiecle) -> bool:
    """Whether two states can be of one person: a corrected INE is, with the same birth date; other than that, not."""
    same_ine = known.ine_rnie is None or read.ine_rnie is None or known.ine_rnie == read.ine_rnie
    return same_ine or known.naissance == read.naissance


def _somebody_else(name: str) -> str:
    return f"Un élève déjà reçu a {name} de cette ligne, avec un autre INE et une autre date de naissance."


def _ambiguous(ligne: LigneControlee, raison: str) -> Rejet:
    return Rejet(ligne=ligne.ligne, eleve=ligne.etiquette, champ="INE_RNIE", code=CodeRejet.ELEVE_AMBIGU, raison=raison)


def _share_courriels(paires: Sequence[Paire]) -> list[Paire]:
    by_adresse: dict[str, list[Paire]] = defaultdict(list)
    for paire in paires:
        if paire.courriel.adresse is not None:
            by_adresse[paire.courriel.adresse].append(paire)
    keepers = {_keeper(adresse, sharers).id for adresse, sharers in by_adresse.items()}
    en_double = Courriel(tache=TypeTache.COURRIEL_EN_DOUBLE)
    return [
        paire if paire.courriel.adresse is None or paire.id in keepers else replace(paire, courriel=en_double)
        for paire in paires
    ]


def _keeper(adresse: str, sharers: Sequence[Paire]) -> Paire:
    holders = (paire for paire in sharers if paire.connu is not None and paire.connu.courriel.adresse == adresse)
    return next(holders, sharers[0])


def _absents(connus: Sequence[Eleve], seen: set[str]) -> tuple[tuple[Eleve, ...], tuple[Avertissement, ...]]:
    present = [eleve for eleve in connus if eleve.present]
    absents = tuple(eleve for eleve in present if eleve.id not in seen)
    if len(absents) <= max(_ABSENTS_PLAUSIBLES, _PART_ABSENTE * len(present)):
        return absents, ()
    raison = (
        f"{len(absents)} élèves déjà reçus ne sont pas dans ce fichier : il est pris comme un complément, et ces "
        "élèves restent comptés. S'ils ont quitté l'établissement, indiquez leur date de sortie dans SIECLE."
    )
    return (), (Avertissement(champ="fichier", code=CodeAvertissement.FICHIER_PARTIEL, raison=raison),)
