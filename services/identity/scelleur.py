"""The sealer: each second, binds the new lines of the audit trail to those before (domaine.md §3)."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

from ulid import ULID

from kit.errors import Unavailable
from kit.logs import get_logger
from kit.mongo import leases
from kit.mongo.connection import is_away
from services.identity.deps import Deps
from services.identity.usecases.audit import seal

_PERIOD_SECONDS = 1.0
_LEASE = timedelta(seconds=10)
_NAME = "sceaux"

_log = get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class Scelleur:
    """Seals until cancelled; of several processes, the one that holds the lease does.

    The lease only spares work: two that seal at once are kept apart by the number of the seal.
    """

    deps: Deps
    holder: str = field(default_factory=lambda: str(ULID()))

    async def run(self) -> None:
        """Seal for ever; when the store is away, say so and try again."""
        while True:
            try:
                if await leases.acquire(self.deps.database, _NAME, self.holder, _LEASE):
                    await self._seal_all()
            except Exception as error:
                if not (isinstance(error, Unavailable) or is_away(error)):
                    raise
                _log.warning("sealing_interrupted", error=type(error).__name__)
            await asyncio.sleep(_PERIOD_SECONDS)

    async def _seal_all(self) -> None:
        while await seal(self.deps) is not None:
            # After a time without sealing there are many: the lease is renewed with each.
            if not await leases.acquire(self.deps.database, _NAME, self.holder, _LEASE):
                return
