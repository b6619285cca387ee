"""Which of the students that are known the rows of a file are about (domaine.md §8).

« A student is matched across files by INE-RNIE, then INE-BEA, then (UAI, ELEVE_ID), else it is new; ambiguity is a
rejected row. » One identifier after the other, for the whole file: whom a row has found by a stronger one has the
identifiers of that row from then on, as it will have once the row is applied. So a file means the same again once it
has been applied, or a part of it (ADR 012).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from services.eleves.domain import DonneesSiecle, Eleve
from services.eleves.siecle.controle import LigneControlee


class Identifiant(StrEnum):
    """What a student is found by, as messages name it; the strongest first."""

    INE_RNIE = "l'INE-RNIE"
    INE_BEA = "l'INE-BEA"
    ELEVE_ID = "l'identifiant SIECLE"

    def of(self, siecle: DonneesSiecle) -> str | None:
        match self:
            case Identifiant.INE_RNIE:
                return siecle.ine_rnie
            case Identifiant.INE_BEA:
                return siecle.ine_bea
            case Identifiant.ELEVE_ID:
                return siecle.eleve_id


class Doute(StrEnum):
    """Why it cannot be told whom a row is about."""

    PLUSIEURS_ELEVES = "PLUSIEURS_ELEVES"
    AUTRE_PERSONNE = "AUTRE_PERSONNE"
    PLUSIEURS_LIGNES = "PLUSIEURS_LIGNES"


@dataclass(frozen=True, slots=True)
class Designation:
    """The student that a row is about, or those that it may be about.

    Args:
        identifiant: what they were found by.
    """

    identifiant: Identifiant
    eleves: tuple[Eleve, ...]
    doute: Doute | None = None


type MayBe = Callable[[DonneesSiecle, DonneesSiecle], bool]
"""Whether what is known and what is read can be of one person."""


def designate(
    lignes: Sequence[LigneControlee], eleves: Collection[Eleve], *, by: Sequence[Identifiant], may_be: MayBe
) -> Sequence[Designation | None]:
    """Whom each row is about among `eleves`; None for a row about nobody among them.

    Of rows that may be about one student, each is in doubt. No identifier stands in two rows (`controle.check`).
    """
    found = _find(lignes, eleves, by, may_be)
    by_identifiant = {identifiant: _holders(identifiant, eleves, {}) for identifiant in by}
    for rang, ligne in enumerate(lignes):
        if rang not in found and (same := _find_same(ligne, by_identifiant, may_be)) is not None:
            found[rang] = same
    rows_of = Counter(eleve.id for designation in found.values() for eleve in designation.eleves)
    for rang, designation in found.items():
        if designation.doute is None and any(rows_of[eleve.id] > 1 for eleve in designation.eleves):
            found[rang] = replace(designation, doute=Doute.PLUSIEURS_LIGNES)
    return [found.get(rang) for rang in range(len(lignes))]


type _Holders = Mapping[str, Sequence[Eleve]]


def _holders(identifiant: Identifiant, eleves: Collection[Eleve], matched: Mapping[str, DonneesSiecle]) -> _Holders:
    """Who has each value, by what the rows say of those that are matched already; several may share one."""
    holders: dict[str, list[Eleve]] = defaultdict(list)
    for eleve in eleves:
        value = identifiant.of(matched.get(eleve.id, eleve.siecle))
        if value:
            holders[value].append(eleve)
    return holders


def _find(
    lignes: Sequence[LigneControlee], eleves: Collection[Eleve], by: Sequence[Identifiant], may_be: MayBe
) -> dict[int, Designation]:
    found: dict[int, Designation] = {}
    matched: dict[str, DonneesSiecle] = {}
    for identifiant in by:
        holders = _holders(identifiant, eleves, matched)
        for rang, ligne in enumerate(lignes):
            those = holders.get(identifiant.of(ligne.siecle) or "", ())
            if not those or rang in found:
                continue
            found[rang] = _designation(identifiant, those, ligne.siecle, may_be)
            if found[rang].doute is None:
                matched[those[0].id] = ligne.siecle
    return found


def _designation(identifiant: Identifiant, those: Sequence[Eleve], siecle: DonneesSiecle, may_be: MayBe) -> Designation:
    if len(those) > 1:
        return Designation(identifiant, tuple(those), Doute.PLUSIEURS_ELEVES)
    if not may_be(those[0].siecle, siecle):
        return Designation(identifiant, tuple(those), Doute.AUTRE_PERSONNE)
    return Designation(identifiant, tuple(those))


def _find_same(
    ligne: LigneControlee, by_identifiant: Mapping[Identifiant, _Holders], may_be: MayBe
) -> Designation | None:
    """Whom a row is about too, though another row has it by a stronger identifier."""
    for identifiant, holders in by_identifiant.items():
        those = holders.get(identifiant.of(ligne.siecle) or "", ())
        same = tuple(eleve for eleve in those if may_be(eleve.siecle, ligne.siecle))
        if same:
            return Designation(identifiant, same)
    return None
