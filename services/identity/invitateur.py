"""The loop that invites the persons of the lists that were sent, one row after the other."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ulid import ULID

from kit.errors import Unavailable
from kit.logs import get_logger
from kit.mongo import leases
from kit.mongo.connection import is_away
from services.identity.deps import Deps
from services.identity.store.depots import Ligne
from services.identity.usecases.depots import give_up, treat, waiting

_SWEEP_SECONDS = 5.0
"""≈ ours: what another process received, or a crash left, is gone on with within it."""
_BAIL = timedelta(seconds=20)
"""≈ ours, as for imports (ADR 012): how long a process may be silent at work before another goes on."""

_log = get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class Invitateur:
    """Invites until cancelled. One process at a time, lest two hinder each other; each row is treated once anyway."""

    deps: Deps
    name: str = "invitations"
    titulaire: str = field(default_factory=lambda: str(ULID()))
    _tenu_le: datetime | None = None
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """A list was just received: begin now rather than at the next sweep."""
        self._woken.set()

    async def run(self) -> None:
        """Work for ever; when the store is away, say so and try again."""
        while True:
            try:
                await self.pass_once()
            except Exception as error:
                if not (isinstance(error, Unavailable) or is_away(error)):
                    raise
                _log.warning("invitations_interrupted", error=type(error).__name__)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), _SWEEP_SECONDS)
            self._woken.clear()

    async def pass_once(self) -> None:
        """Treat all rows that wait, unless another process does."""
        try:
            while lignes := await waiting(self.deps):
                for ligne in lignes:
                    if not await self._still_ours():
                        return
                    await self._treat(ligne)
        finally:
            if self._tenu_le is not None:
                self._tenu_le = None
                await leases.release(self.deps.database, self.name, self.titulaire)

    async def _treat(self, ligne: Ligne) -> None:
        try:
            await treat(self.deps, ligne)
        except Exception as error:
            if isinstance(error, Unavailable) or is_away(error):
                raise
            _log.exception("invitation_failed", exc_info=error)
            await give_up(self.deps, ligne)

    async def _still_ours(self) -> bool:
        """Whether this process is at work; it says so four times as often as it has to."""
        now = self.deps.clock()
        if self._tenu_le is None or now - self._tenu_le > _BAIL / 4:
            if not await leases.acquire(self.deps.database, self.name, self.titulaire, _BAIL):
                return False
            self._tenu_le = now
        return True
