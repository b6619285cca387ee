"""Where a person is signed in: its sessions, what they gave to clients, and ending them."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.identity.deps import Deps
from services.identity.domain.audit import Acte, Partie
from services.identity.domain.sessions import Session
from services.identity.store.sessions import list_familles, list_sessions
from services.identity.store.work import Work
from services.identity.usecases.audit import note
from services.identity.usecases.jetons import Connecte


@dataclass(frozen=True, slots=True, kw_only=True)
class Ouverte:
    """A session that lives, and the clients (ids) that hold something of it.

    Args:
        actuelle: whether it is the one that asks.
    """

    session: Session
    clients: Sequence[str]
    actuelle: bool


async def list_open(deps: Deps, connecte: Connecte) -> Sequence[Ouverte]:
    """The person's own sessions, the newest first."""
    now, compte = deps.clock(), connecte.compte.id
    familles = await list_familles(deps.database, compte, now=now)
    return [
        Ouverte(
            session=session,
            clients=sorted({famille.client for famille in familles if famille.session == session.id}),
            actuelle=session.id == connecte.session.id,
        )
        for session in await list_sessions(deps.database, compte, now=now)
    ]


async def close_one(deps: Deps, connecte: Connecte, session: str) -> None:
    """End another of the person's own sessions, and what it gave; one that is not its own is left alone."""
    own = {ouverte.session.id for ouverte in await list_open(deps, connecte)}
    if session not in own:
        return

    async def body(work: Work) -> None:
        now = deps.clock()
        await work.sessions.end(session, now=now)
        await work.familles.end_all_of_session(session, now=now)
        await note(deps, work, Acte.DECONNEXION, par=Partie.of(connecte.compte))

    await deps.transact(body)


async def close_others(deps: Deps, connecte: Connecte) -> None:
    """End all the person's sessions but the one that asks."""

    async def body(work: Work) -> None:
        await work.sign_out(connecte.compte.id, now=deps.clock(), sauf=connecte.session.id)
        await note(deps, work, Acte.DECONNEXION, par=Partie.of(connecte.compte))

    await deps.transact(body)
