"""How recently a person proved who it is: what changes an account needs it (domaine.md §3)."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Concatenate

from kit.errors import Refusal
from services.identity.deps import Deps
from services.identity.domain.audit import Acte, Partie
from services.identity.store.work import Work
from services.identity.usecases.audit import refusals_noted
from services.identity.usecases.jetons import Connecte, is_enough
from socle.principal import ACR_SENSIBLE

type _Propre[**P, T] = Callable[Concatenate[Deps, Connecte, P], Awaitable[T]]


class PreuveTropAncienne(Refusal):
    """The person signed in too long ago for what it asks (domaine.md §3: « a sensitive act older than 10 minutes »)."""

    code = "PREUVE_TROP_ANCIENNE"

    def __init__(self) -> None:
        super().__init__("Votre connexion n'est plus assez récente pour cela : reconnectez-vous pour continuer.")


def is_recent(deps: Deps, connecte: Connecte) -> bool:
    """Whether the person proved itself a moment ago, with all the factors of the account."""
    return is_enough(deps, connecte, max_age=deps.acte_sensible, acr=ACR_SENSIBLE)


def sensitive_own[**P, T](acte: Acte) -> Callable[[_Propre[P, T]], _Propre[P, T]]:
    """A use case that changes one's own account, by who has just proved who it is; what is refused is written.

    It then raises `PreuveTropAncienne` too: where the sign-in is not recent enough, or was with fewer factors than
    all those of the account.
    """

    def decorate(do: _Propre[P, T]) -> _Propre[P, T]:
        @wraps(do)
        async def guarded(deps: Deps, connecte: Connecte, /, *args: P.args, **kwargs: P.kwargs) -> T:
            async with refusals_noted(deps, acte, par=Partie.of(connecte.compte)):
                if not is_recent(deps, connecte):
                    raise PreuveTropAncienne
                return await do(deps, connecte, *args, **kwargs)

        return guarded

    return decorate


async def require_held(deps: Deps, work: Work, connecte: Connecte) -> None:
    """Its session lives, and does not end before this transaction does.

    Raises:
        PreuveTropAncienne: it has ended meanwhile.
    """
    if not await work.sessions.hold(connecte.session.id, now=deps.clock()):
        raise PreuveTropAncienne
