"""How recently a person proved who it is: what changes an account needs it (domaine.md §3)."""

from kit.errors import Refusal
from services.identity.deps import Deps
from services.identity.domain.sessions import ACR_SENSIBLE, ACTE_SENSIBLE
from services.identity.store.work import Work
from services.identity.usecases.jetons import Connecte, is_enough


class PreuveTropAncienne(Refusal):
    """The person signed in too long ago for what it asks (domaine.md §3: « a sensitive act older than 10 minutes »)."""

    code = "PREUVE_TROP_ANCIENNE"

    def __init__(self) -> None:
        super().__init__("Vous vous êtes connecté il y a plus de dix minutes : reconnectez-vous pour continuer.")


def is_recent(deps: Deps, connecte: Connecte) -> bool:
    """Whether the person proved itself within the last ten minutes, with all the factors of the account."""
    return is_enough(deps, connecte, max_age=ACTE_SENSIBLE, acr=ACR_SENSIBLE)


def require_recent(deps: Deps, connecte: Connecte) -> None:
    """A sensitive act needs a sign-in of the last ten minutes, with all the factors of the account.

    Raises:
        PreuveTropAncienne: it was before, or with fewer.
    """
    if not is_recent(deps, connecte):
        raise PreuveTropAncienne


async def require_held(deps: Deps, work: Work, connecte: Connecte) -> None:
    """Its session lives, and does not end before this transaction does.

    Raises:
        PreuveTropAncienne: it has ended meanwhile.
    """
    if not await work.sessions.hold(connecte.session.id, now=deps.clock()):
        raise PreuveTropAncienne
