"""The seals that guard the audit trail, and what is wrong with a trail. Pure.

Lines are appended freely; each second those not yet sealed are bound by a seal that names the one before. Whoever
removes or changes a line, or cuts the end off, would have to make every later seal again, and the last of them is also
published (ADR 016).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from services.identity.domain.audit import LigneAudit, digest_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Sceau:
    """A seal on some lines, bound to the seal before it.

    Args:
        numero: from 1, without gap.
        generation: of the store that sealed (it grows when the store is restored from a backup).
        precedent: the hash of the seal before; empty for the first.
        lignes: how many lines it seals.
        condensat: its own hash, which the next one names.
    """

    numero: int
    generation: int
    le: datetime
    precedent: str
    lignes: int
    condensat: str

    @property
    def jour(self) -> str:
        """The UTC day, under which its hash is published."""
        return f"{self.le:%Y-%m-%d}"


def seal(lignes: Sequence[LigneAudit], *, numero: int, precedent: str, generation: int, le: datetime) -> Sceau:
    """The seal number `numero` on these lines, in the order of their identifiers, after the one of hash `precedent`."""
    digests = [ligne.digest() for ligne in sorted(lignes, key=lambda ligne: ligne.id)]
    condensat = digest_of(numero, generation, le.isoformat(timespec="milliseconds"), precedent, len(digests), *digests)
    return Sceau(
        numero=numero,
        generation=generation,
        le=le,
        precedent=precedent,
        lignes=len(digests),
        condensat=condensat,
    )


class Defaut(StrEnum):
    """What is wrong with a trail."""

    SCEAU_ABSENT = "SCEAU_ABSENT"
    CHAINE_ROMPUE = "CHAINE_ROMPUE"
    LIGNES_EN_MOINS = "LIGNES_EN_MOINS"
    LIGNES_EN_TROP = "LIGNES_EN_TROP"
    LIGNES_MODIFIEES = "LIGNES_MODIFIEES"
    LIGNE_ANTIDATEE = "LIGNE_ANTIDATEE"
    LIGNES_SANS_SCEAU_CONNU = "LIGNES_SANS_SCEAU_CONNU"
    ADRESSES_MODIFIEES = "ADRESSES_MODIFIEES"
    PUBLIE_AUTREMENT = "PUBLIE_AUTREMENT"
    FIN_COUPEE = "FIN_COUPEE"
    PERDU_A_LA_RESTAURATION = "PERDU_A_LA_RESTAURATION"


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomalie:
    """Something wrong, at a seal: of those lines or of the chain itself."""

    defaut: Defaut
    numero: int
    le: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Publie:
    """A seal as it was published."""

    generation: int
    numero: int
    condensat: str


_RETARD = timedelta(minutes=10)
"""≈ ours: how much older than the seal before its own a line may say it is: a transaction lasts for seconds, and the
clocks of two processes differ by less."""


@dataclass(slots=True)
class Verification:
    """Goes through the seals of a trail in order, then compares it with what was published.

    A seal with its lines goes to `check`; `check_end` says what is missing after the last of them.

    Args:
        publies: those that are known, of whichever days are left.
        restaurations: the generations that began with a restoration which is known to have taken place.
    """

    publies: Sequence[Publie] = ()
    restaurations: frozenset[int] = frozenset()
    _numbered: dict[int, list[Publie]] = field(default_factory=dict)
    _last: int = 0
    _precedent: Sceau | None = None
    _debuts: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for publie in self.publies:
            self._numbered.setdefault(publie.numero, []).append(publie)

    def check(self, sceau: Sceau, lignes: Sequence[LigneAudit | None]) -> Iterable[Anomalie]:
        """What is wrong with this seal, the next of the trail, and the lines that are said to be under it.

        A line is None where what is kept cannot be one.
        """
        for absent in range(self._last + 1, sceau.numero):
            yield Anomalie(defaut=Defaut.SCEAU_ABSENT, numero=absent)
        if sceau.numero == self._last + 1 and not self._follows(sceau):
            yield Anomalie(defaut=Defaut.CHAINE_ROMPUE, numero=sceau.numero, le=sceau.le)
        if (defaut := _compare(sceau, lignes)) is not None:
            yield Anomalie(defaut=defaut, numero=sceau.numero, le=sceau.le)
        before = self._precedent
        if before is not None and any(ligne and ligne.le < before.le - _RETARD for ligne in lignes):
            yield Anomalie(defaut=Defaut.LIGNE_ANTIDATEE, numero=sceau.numero, le=sceau.le)
        if not self._is_as_published(sceau):
            yield Anomalie(defaut=Defaut.PUBLIE_AUTREMENT, numero=sceau.numero, le=sceau.le)
        self._debuts.setdefault(sceau.generation, sceau.numero)
        self._last, self._precedent = sceau.numero, sceau

    def check_end(self) -> Iterable[Anomalie]:
        """Whether the trail ends before what was published of it, or lost some of it when the store was restored."""
        latest = max(self._debuts, default=0)
        if any(publie.numero > self._last and publie.generation >= latest for publie in self.publies):
            yield Anomalie(defaut=Defaut.FIN_COUPEE, numero=self._last + 1)
        for generation, debut in sorted(self._debuts.items()):
            lost = any(publie.generation < generation and publie.numero >= debut for publie in self.publies)
            if lost and generation not in self.restaurations:
                yield Anomalie(defaut=Defaut.PERDU_A_LA_RESTAURATION, numero=debut)

    def _follows(self, sceau: Sceau) -> bool:
        if self._precedent is None:
            return not sceau.precedent
        return sceau.precedent == self._precedent.condensat and sceau.generation >= self._precedent.generation

    def _is_as_published(self, sceau: Sceau) -> bool:
        """Whether no published seal of that number says otherwise; one of an earlier generation was lost since."""
        return all(
            publie.generation < sceau.generation
            or (publie.generation == sceau.generation and publie.condensat == sceau.condensat)
            for publie in self._numbered.get(sceau.numero, ())
        )


def _compare(sceau: Sceau, lignes: Sequence[LigneAudit | None]) -> Defaut | None:
    if len(lignes) < sceau.lignes:
        return Defaut.LIGNES_EN_MOINS
    if len(lignes) > sceau.lignes:
        return Defaut.LIGNES_EN_TROP
    readable = [ligne for ligne in lignes if ligne is not None]
    if len(readable) < len(lignes):
        return Defaut.LIGNES_MODIFIEES
    again = seal(readable, numero=sceau.numero, precedent=sceau.precedent, generation=sceau.generation, le=sceau.le)
    return None if again.condensat == sceau.condensat else Defaut.LIGNES_MODIFIEES
