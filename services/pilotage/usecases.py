"""What is done with the calendar."""

from collections.abc import Callable

from kit.clock import technical_clock
from kit.errors import NotFound
from kit.mongo import Transactor
from services.pilotage import domain, policy
from services.pilotage.domain import CalendrierSession
from services.pilotage.store.calendriers import Work
from socle.fenetres import CodeFenetre, Fenetre
from socle.principal import Principal


async def load_shipped(transact: Transactor[Work]) -> int:
    """Save the calendars that come with the product, where the session has none yet; return how many were."""

    async def body(work: Work) -> int:
        shipped = domain.shipped()
        held = await work.calendriers.find(c.id for c in shipped)
        missing = [c for c in shipped if c.id not in held]
        await work.calendriers.save_all(missing)
        return len(missing)

    return await transact(body)


async def change_window(
    transact: Transactor[Work], principal: Principal | None, session: int, fenetre: Fenetre
) -> CalendrierSession:
    """Set a window of the nation.

    Raises:
        Unauthenticated, Forbidden: not the national team, or proved too long ago.
        NotFound: no such session.
    """
    policy.require_steer(principal, now=technical_clock())
    return await _change(transact, session, lambda held: held.change(fenetre))


async def override_window(
    transact: Transactor[Work], principal: Principal | None, session: int, academie: str, fenetre: Fenetre
) -> CalendrierSession:
    """Give an académie its own window.

    Raises:
        Unauthenticated, Forbidden: not the national team, or proved too long ago.
        NotFound: no such session.
        FenetreInconnue: the nation has no such window.
    """
    policy.require_steer(principal, now=technical_clock())
    return await override_window_locally(transact, session, academie, fenetre)


async def override_window_locally(
    transact: Transactor[Work], session: int, academie: str, fenetre: Fenetre
) -> CalendrierSession:
    """The same for whoever has the machine: the command that prepares a demonstration.

    Raises:
        NotFound: no such session.
        FenetreInconnue: the nation has no such window.
    """
    return await _change(transact, session, lambda held: held.override(academie, fenetre))


async def withdraw_override(
    transact: Transactor[Work], principal: Principal | None, session: int, academie: str, code: CodeFenetre
) -> CalendrierSession:
    """Take an académie's own window away.

    Raises:
        Unauthenticated, Forbidden: not the national team, or proved too long ago.
        NotFound: no such session.
    """
    policy.require_steer(principal, now=technical_clock())
    return await _change(transact, session, lambda held: held.withdraw(academie, code))


async def _change(
    transact: Transactor[Work], session: int, change: Callable[[CalendrierSession], CalendrierSession]
) -> CalendrierSession:
    async def body(work: Work) -> CalendrierSession:
        held = (await work.calendriers.find([str(session)])).get(str(session))
        if held is None:
            raise NotFound(
                f"La session {session} n'a pas de calendrier : choisissez-en une qui en a un.", champ="session"
            )
        return await work.calendriers.save(change(held))

    return await transact(body)
