"""The loop that does the imports, one at a time in each process, and ends and clears away what is over."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta

from opentelemetry import propagate, trace
from ulid import ULID

from kit.errors import Conflict, Unavailable
from kit.logs import get_logger
from kit.mongo.connection import is_away
from services.eleves.deps import Deps
from services.eleves.encours import GARDE
from services.eleves.imports import BAIL, AutreTitulaire, ImportSiecle
from services.eleves.store.imports import anyone_waits
from services.eleves.usecases.annonces import end_overdue
from services.eleves.usecases.imports import apply_import, fail, give_up, renew, take_again, take_next

_SWEEP_SECONDS = 1.0
"""≈ ours, as the relay's sweep is (architecture §4): what another process received is begun within it."""

_ESSAIS = 20
"""≈ ours (ADR 012). A store that is away for a while costs a try a second; a file that no process survives costs one
each twenty seconds."""

_ENCORE = 3
"""≈ ours (ADR 012): tries beyond those that go to giving its addresses back, for which the files are read once more."""

_RETRY_SECONDS = 1.0
"""≈ ours: long enough for a store that restarts not to be pressed."""

_CLEAR_EVERY = timedelta(hours=1)
"""≈ ours: files are kept for an hour more than their thirty days, at most."""

_log = get_logger(__name__)
_tracer = trace.get_tracer(__name__)


@dataclass(slots=True, kw_only=True)
class Importation:
    """Does imports until cancelled; what a process that died had begun is gone on with.

    Args:
        battement: how often it says that it is still at work.
    """

    titulaire: str = field(default_factory=lambda: str(ULID()))
    battement: timedelta = BAIL / 4
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """Files were just received: begin now rather than at the next sweep."""
        self._woken.set()

    async def run(self, deps: Deps) -> None:
        """Work for ever; while the store is away, say so and wait."""
        cleared = deps.clock() - _CLEAR_EVERY
        while True:
            try:
                if deps.clock() - cleared >= _CLEAR_EVERY:
                    cleared = deps.clock()
                    await self._clear(deps)
                await self._end_overdue(deps)
                while await anyone_waits(deps.database, now=deps.clock()) and await self.do_next(deps):
                    await self._end_overdue(deps)
            except Exception as error:
                if not _is_passing(error):
                    raise
                _log.warning("imports_interrupted", error=type(error).__name__)
                await asyncio.sleep(_RETRY_SECONDS)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), _SWEEP_SECONDS)
            self._woken.clear()

    async def do_next(self, deps: Deps) -> bool:
        """Do the import that has waited longest; False when there is none but of schools that have one under way."""
        held = await take_next(deps, titulaire=self.titulaire)
        if held is None:
            return False
        async with self._at_work(deps, held):
            await self._do(deps, held)
        return True

    @contextlib.asynccontextmanager
    async def _at_work(self, deps: Deps, held: ImportSiecle) -> AsyncIterator[None]:
        """Say again and again that the import is being done, however long one of its steps takes."""
        beating = asyncio.create_task(self._beat(deps, held.id))
        try:
            yield
        finally:
            beating.cancel()
            await asyncio.wait({beating})
            if not beating.cancelled():
                beating.result()

    async def _beat(self, deps: Deps, id: str) -> None:
        while True:
            await asyncio.sleep(self.battement.total_seconds())
            try:
                await renew(deps, id, titulaire=self.titulaire)
            except AutreTitulaire:
                return
            except Exception as error:
                if not _is_passing(error):
                    raise
                _log.warning("import_not_renewed", error=type(error).__name__)

    async def _do(self, deps: Deps, held: ImportSiecle) -> None:
        """One import, in the trace of its upload, gone on with while the store is away or others are in its way."""
        with _tracer.start_as_current_span(
            "import siecle", context=propagate.extract(held.trace), kind=trace.SpanKind.CONSUMER
        ):
            again = False
            while True:
                try:
                    if again:
                        held = await take_again(deps, held.id, titulaire=self.titulaire)
                    return await self._try(deps, held)
                except AutreTitulaire:
                    _log.warning("import_taken_over")
                    return None
                except Exception as error:
                    if not _is_passing(error):
                        raise
                    _log.warning("import_interrupted", error=type(error).__name__)
                again = True
                await asyncio.sleep(_RETRY_SECONDS)

    async def _give_up(self, deps: Deps, held: ImportSiecle) -> None:
        """End it; what it had claimed is given back where the files can be read, which may be what went wrong."""
        try:
            await give_up(deps, held, titulaire=self.titulaire)
        except Exception as error:
            if _is_passing(error) or isinstance(error, AutreTitulaire):
                raise
            _log.exception("import_claims_kept", exc_info=error)
            await fail(deps, held, titulaire=self.titulaire)

    async def _try(self, deps: Deps, held: ImportSiecle) -> None:
        essais = held.travail.essais if held.travail else 0
        if essais > _ESSAIS + _ENCORE:
            # Its files cannot even be read.
            return await fail(deps, held, titulaire=self.titulaire)
        if essais > _ESSAIS:
            # Processes that took it have died of it, one after the other.
            _log.error("import_given_up", essais=essais)
            return await self._give_up(deps, held)
        try:
            done = await apply_import(deps, held, titulaire=self.titulaire)
        except (AutreTitulaire, Conflict):
            raise
        except Exception as error:
            if _is_passing(error):
                raise
            _log.exception("import_failed", exc_info=error)
            await self._give_up(deps, held)
        else:
            _log.info("import_done", etat=done.etat, essais=essais)

    async def _end_overdue(self, deps: Deps) -> None:
        ended = await end_overdue(deps)
        if ended:
            _log.info("deposits_expired", count=ended)

    async def _clear(self, deps: Deps) -> None:
        cleared = await deps.files.delete_older(deps.clock() - GARDE)
        if cleared:
            _log.info("uploads_cleared", count=cleared)


def _is_passing(error: Exception) -> bool:
    """Whether the same may succeed in a moment: the store is away, or somebody else was faster."""
    return isinstance(error, (Unavailable, Conflict)) or is_away(error)
