"""How many guesses are allowed (domaine.md §3: « lock after 10 failures in 10 minutes, growing delays »). Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Regle:
    """At most `nombre` tries within `fenetre`; the n-th lock lasts the n-th delay, the last one from then on."""

    nombre: int
    fenetre: timedelta
    delais: Sequence[timedelta]

    def recent(self, essais: Sequence[datetime], *, now: datetime) -> int:
        """How many of these tries still count."""
        return sum(1 for essai in essais if essai > now - self.fenetre)

    def delay(self, blocages: int) -> timedelta:
        """How long to lock after `blocages` earlier locks."""
        return self.delais[min(blocages, len(self.delais) - 1)]


_CROISSANTS = tuple(timedelta(minutes=minutes) for minutes in (10, 20, 40, 80, 160, 320, 640, 1440))

MOTS_DE_PASSE = Regle(nombre=10, fenetre=timedelta(minutes=10), delais=_CROISSANTS)
"""Of passwords for one address, whether it has an account or not."""
SECONDS_FACTEURS = Regle(nombre=10, fenetre=timedelta(minutes=10), delais=_CROISSANTS)
"""Of codes for one account, in however many sign-ins."""
ENVOIS = Regle(nombre=10, fenetre=timedelta(hours=1), delais=(timedelta(hours=1),))
"""Of codes sent to one account by e-mail, or by SMS to one account or number: nobody's mailbox or telephone is filled
by who knows the password."""
LIENS = Regle(nombre=3, fenetre=timedelta(hours=1), delais=(timedelta(hours=1),))
"""Of links for one address, whether it has an account or not."""
LIENS_PAR_ORIGINE = Regle(nombre=30, fenetre=timedelta(hours=1), delais=(timedelta(hours=1),))
"""≈ ours, of links asked from one place: a whole school may share an address."""
ADRESSES_DEMANDEES = Regle(nombre=5, fenetre=timedelta(days=1), delais=(timedelta(days=1),))
"""≈ ours, of new addresses asked for by one account: each is a message to somebody who may know nothing of it."""
ENTREES = Regle(nombre=30, fenetre=timedelta(minutes=10), delais=(timedelta(minutes=10),))
"""≈ ours, of sign-ins that one visit begins where no password is typed first: each is a row."""
INVITATIONS = Regle(nombre=300, fenetre=timedelta(hours=1), delais=(timedelta(hours=1),))
"""≈ ours: of persons invited by one account: a large lycée has fewer teachers than that."""


_COURTS = tuple(timedelta(minutes=minutes) for minutes in (10, 20, 40))


def of_address(nombre: int) -> Regle:
    """Of passwords or codes that failed from one address, or one network, for however many accounts.

    A whole school may share it, and whoever fails there on purpose must not keep it out for a day: locks are short, and
    known devices are not counted.
    """
    return Regle(nombre=nombre, fenetre=timedelta(minutes=10), delais=_COURTS)


AVIS = Regle(nombre=1, fenetre=timedelta(hours=1), delais=(timedelta(hours=1),))
"""≈ ours, of notices to the owner of an account that is locked."""


def sms_of_all(par_heure: int) -> Regle:
    """Of SMS sent to everyone: what a fraud may cost is bounded; other means go on meanwhile."""
    return Regle(nombre=par_heure, fenetre=timedelta(hours=1), delais=(timedelta(minutes=10),))
