"""The watchman: once a day, sees to the accounts that nobody uses (domaine.md §3)."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from ulid import ULID

from kit.errors import Unavailable
from kit.logs import get_logger
from kit.mongo import leases
from kit.mongo.connection import is_away
from services.identity.deps import Deps
from services.identity.usecases.inactivite import Passage, flag_unused

_PERIOD_SECONDS = 60.0
_WHILE_AT_WORK = timedelta(minutes=5)
_UNTIL_THE_NEXT = timedelta(days=1)

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Veilleur:
    """Watches until cancelled.

    The lease says who is at work, and after that until when nobody need be: it outlives the process, so that a restart
    begins nothing anew; and whoever dies at work leaves it for five minutes only. Each passage holds it in a name of
    its own, this process's later ones included.
    """

    deps: Deps
    name: str = "inactivite"

    async def run(self) -> None:
        """Watch for ever; when the store is away, say so and try again."""
        while True:
            try:
                await self.pass_once()
            except Exception as error:
                if not (isinstance(error, Unavailable) or is_away(error)):
                    raise
                _log.warning("watch_interrupted", error=type(error).__name__)
            await asyncio.sleep(_PERIOD_SECONDS)

    async def pass_once(self) -> Passage | None:
        """Go over the accounts unless that was done within a day; what it did, None when it did not."""
        holder = str(ULID())

        async def still_ours() -> bool:
            return await leases.acquire(self.deps.database, self.name, holder, _WHILE_AT_WORK)

        if not await still_ours():
            return None
        passage = await flag_unused(self.deps, still_ours=still_ours)
        if passage is not None:
            await leases.acquire(self.deps.database, self.name, holder, _UNTIL_THE_NEXT)
            _log.info("unused_accounts_seen_to", warned=passage.avertis, disabled=passage.desactives)
        return passage
