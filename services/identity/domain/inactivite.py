"""Accounts that nobody uses (domaine.md §3). Pure.

« Accounts unused for 13 months are flagged, then disabled after a warning. »
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from services.identity.domain.comptes import EtatCompte


class Suite(Enum):
    """What follows for an account."""

    RIEN = auto()
    AVERTIR = auto()
    DESACTIVER = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """How an account was used.

    Args:
        cree_le: when it was created; who never signed in is counted from there.
        connecte_le: when its owner last signed in.
        averti_le: when it was flagged and its owner last warned.
    """

    cree_le: datetime
    connecte_le: datetime | None
    averti_le: datetime | None

    @property
    def depuis(self) -> datetime:
        """Since when nobody has used it."""
        return self.connecte_le or self.cree_le

    @property
    def signale(self) -> bool:
        """Whether it is flagged: its owner was warned, and has not signed in since."""
        return self.averti_le is not None and self.averti_le >= self.depuis


@dataclass(frozen=True, slots=True, kw_only=True)
class RegleInactivite:
    """After how many months without use an account is flagged, and how long after the warning it is disabled."""

    mois: int
    preavis: timedelta

    def limit(self, now: datetime) -> datetime:
        """Who was last used before that moment is concerned."""
        return months_before(now, self.mois)

    def suite(self, usage: Usage, etat: EtatCompte, *, now: datetime) -> Suite:
        """What follows now.

        A warning counts for the time without use in which it was given: who signed in after it, or was disabled and
        is active again, is warned anew before anything else.
        """
        if etat is EtatCompte.DESACTIVE or usage.depuis > self.limit(now):
            return Suite.RIEN
        if not usage.signale or usage.averti_le is None:
            return Suite.AVERTIR
        return Suite.DESACTIVER if now >= usage.averti_le + self.preavis else Suite.RIEN


def months_before(moment: datetime, months: int) -> datetime:
    """The same day of the month and hour so many months earlier; the last day of a month that is too short."""
    year, month = divmod(moment.year * 12 + moment.month - 1 - months, 12)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))
