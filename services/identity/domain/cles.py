"""How a signing key succeeds another without any client noticing: announced, then signing, then withdrawn. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from kit.errors import Refusal
from services.identity.domain.sessions import DUREE_JETON_D_ACCES

ANNONCE = timedelta(minutes=15)
"""≈ ours: published for so long before it signs. A verifier may hold keys for five minutes by our `cache-control`, then
fetches them every five minutes; our own processes look for new keys every half minute."""
RETRAIT = DUREE_JETON_D_ACCES + timedelta(minutes=1)
"""After it has signed for the last time: until the last token it signed has expired, with some drift."""
MEMOIRE = timedelta(days=1)
"""No session lasts longer: until then somebody may sign out with an ID token that it signed, as a hint of who it is."""


class EtatCle(StrEnum):
    """Where a signing key is in its life."""

    ANNONCEE = "ANNONCEE"
    """Published; it does not sign yet."""
    COURANTE = "COURANTE"
    """It signs."""
    REMPLACEE = "REMPLACEE"
    """Published still: what it signed may not have expired."""
    RETIREE = "RETIREE"
    """Published no more; it tells whom an old ID token was about, and nothing else."""
    OUBLIABLE = "OUBLIABLE"
    """Of no use to anybody."""

    @property
    def publiee(self) -> bool:
        return self in (EtatCle.ANNONCEE, EtatCle.COURANTE, EtatCle.REMPLACEE)


@dataclass(frozen=True, slots=True)
class CleDeSignature:
    """A key, by its id, and when it was made: all else follows from it."""

    id: str
    creee_le: datetime


class ChangementEnCours(Refusal):
    """The key announced last does not sign yet."""

    code = "CHANGEMENT_EN_COURS"

    def __init__(self) -> None:
        super().__init__("Un changement de clé est déjà en cours : recommencez quand la clé annoncée signera.")


def states(cles: Sequence[CleDeSignature], *, now: datetime) -> Mapping[str, EtatCle]:
    """The state of each key, of all there are, the oldest first: at any moment exactly one of them signs.

    The first one signs at once, for there was none whose verifiers could miss it.
    """
    successors = [*cles[1:], None]
    found: dict[str, EtatCle] = {}
    for rank, (cle, successor) in enumerate(zip(cles, successors, strict=True)):
        replaced = None if successor is None else successor.creee_le + ANNONCE
        if replaced is None or now < replaced:
            signs = rank == 0 or now >= cle.creee_le + ANNONCE
            found[cle.id] = EtatCle.COURANTE if signs else EtatCle.ANNONCEE
        elif now < replaced + RETRAIT:
            found[cle.id] = EtatCle.REMPLACEE
        else:
            found[cle.id] = EtatCle.RETIREE if now < replaced + RETRAIT + MEMOIRE else EtatCle.OUBLIABLE
    return found


def require_change(cles: Sequence[CleDeSignature], *, now: datetime) -> None:
    """Another key may be announced: the last one signs by now.

    Raises:
        ChangementEnCours: it does not.
    """
    if EtatCle.ANNONCEE in states(cles, now=now).values():
        raise ChangementEnCours
