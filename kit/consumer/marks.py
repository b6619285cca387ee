"""Marks: what must be computed again, and the loop that computes it (architecture §4, « Indicators »).

A mark is written in the transaction of the change, so the two are seen together or not at all; it is deleted by name
once a computation is done that began after it was read. A mark that came meanwhile has another name and stays: whatever
crashes or pauses, and for however long, no change stays uncounted. (A mark written apart, before the change, is taken
by a computation that does not see the change yet, once the writer pauses longer than the debounce.)
A transaction writes one mark, whatever the number of its keys, and nobody changes one: writers are in nobody's way, and
the store has few rows to write and to forget.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import batched

from opentelemetry import metrics
from pymongo.read_concern import ReadConcern
from ulid import ULID

from kit.errors import Unavailable
from kit.logs import get_logger
from kit.mongo import leases
from kit.mongo.collections import Collection, Database, Document, Index
from kit.mongo.connection import is_away
from kit.mongo.transactions import Transaction, Transactor

type Recompute = Callable[[Transaction, Sequence[str]], Awaitable[None]]

_KEYS, _SINCE = "cles", "depuis"
_DEBOUNCE = timedelta(seconds=1)
_BATCH = 50
_KEYS_IN_A_MARK = 1000
_MARKS_IN_A_TURN = 500
_LEASE = timedelta(seconds=10)
_POLL_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 5.0
_RETRY_SECONDS = 1.0
_ASIDE_SECONDS = 1.0
"""How long a key that cannot be computed is left alone before it is tried again."""

_log = get_logger(__name__)
_AGE = metrics.get_meter("kit").create_gauge(
    "marks.age", unit="s", description="Age of the oldest mark that waits, by collection"
)


def marks(name: str, *, purpose: str) -> Collection:
    """The collection of the marks of one kind of thing; keys name no person."""
    return Collection(
        name=name,
        required={_KEYS: "array", _SINCE: "date"},
        indexes=(Index(keys={_SINCE: 1}),),
        purpose=purpose,
        readers="le service",
        kept="jusqu'au calcul, soit une seconde environ",
    )


async def mark(transaction: Transaction, collection: str, keys: Iterable[str]) -> None:
    """Have each of `keys` computed again, if the transaction commits."""
    await _write(transaction, collection, keys, since=datetime.now(UTC))


async def _write(transaction: Transaction, collection: str, keys: Iterable[str], *, since: datetime) -> None:
    together = batched(sorted(set(keys)), _KEYS_IN_A_MARK, strict=False)
    rows: list[Document] = [{_KEYS: list(some), _SINCE: since} for some in together]
    if rows:
        await transaction[collection].insert_many(rows, session=transaction.session, ordered=False)


async def waiting(transaction: Transaction, collection: str, keys: Sequence[str]) -> set[str]:
    """Those of `keys` that are still to be computed."""
    rows = transaction[collection].find({_KEYS: {"$in": list(keys)}}, session=transaction.session)
    return {key for row in await rows.to_list(None) for key in row[_KEYS]} & set(keys)


def transactions(database: Database) -> Transactor[Transaction]:
    """Transactions of a store without outbox: projections, marks and what is computed of them."""
    return Transactor(database=database, work=lambda t: t, write_outbox=_refuse, committed=lambda: None)


async def _refuse(_transaction: Transaction) -> None:
    raise TypeError("what is computed from the events of others is not published from here")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Due:
    """Marks that are due, and what is to be computed for them."""

    marks: Sequence[object]
    keys: Sequence[str]
    aside: Sequence[str]
    since: datetime


class _LeaseLost(Exception):
    """Another process computes now."""


@dataclass(slots=True, kw_only=True)
class Recomputer:
    """Computes what is marked, `debounce` after its first mark, until cancelled.

    One process does so at a time: each computation renews the lease in its own transaction, so that one that was begun
    under a lease lost since, however long it paused, cannot write over a newer one.

    Args:
        collection: of the marks.
        recompute: writes the results of the given keys, read and written in the given transaction; it may be run again,
            and leaves nothing behind of a key that has nothing left.
        batch: keys in a transaction, which must be over well within ten seconds.
    """

    database: Database
    collection: str
    recompute: Recompute
    debounce: timedelta = _DEBOUNCE
    batch: int = _BATCH
    holder: str = field(default_factory=lambda: str(ULID()))
    _aside: dict[str, float] = field(default_factory=dict)
    _led: bool = False

    async def run(self) -> None:
        """Compute for ever; what fails is said and tried again, and its marks stay.

        While changes keep coming the same keys are marked again and again: between two turns the store is left to the
        others for as long as the turn took, a few seconds at most.
        """
        try:
            while True:
                began, pause = time.monotonic(), _POLL_SECONDS
                try:
                    if await self._turn():
                        pause = min(max(_POLL_SECONDS, time.monotonic() - began), _LONGEST_PAUSE_SECONDS)
                except Exception as error:  # noqa: BLE001 - whatever it is, the marks stay and the service goes on
                    _log.warning("recompute_failed", marks=self.collection, exc_info=error)
                    pause = _RETRY_SECONDS
                await asyncio.sleep(pause)
        finally:
            await self._release()

    async def turn(self) -> int:
        """Compute what is due, unless another process is at it; return how many keys."""
        try:
            return await self._turn()
        finally:
            await self._release()

    async def _release(self) -> None:
        """Let the next process lead; one that never did has nothing to ask of a store that may be away."""
        if self._led:
            await leases.release(self.database, self._lease, self.holder)

    async def _turn(self) -> int:
        due = await self._due()
        if due is None or not await leases.acquire(self.database, self._lease, self.holder, _LEASE):
            return 0
        self._led = True
        try:
            failed = [key for keys in batched(due.keys, self.batch, strict=False) for key in await self._try(keys)]
            await self._settle(due, [*failed, *due.aside])
        except _LeaseLost:
            _log.info("recompute_left_to_another", marks=self.collection)
            return 0
        return len(due.keys) - len(failed)

    @property
    def _lease(self) -> str:
        return f"{self.collection}.calcul"

    async def _due(self) -> _Due | None:
        """The oldest marks that are due: of what every later snapshot sees, so that it is computed with its change."""
        now = datetime.now(UTC)
        seen_by_all = self.database[self.collection].with_options(read_concern=ReadConcern("majority"))
        ripe = seen_by_all.find({_SINCE: {"$lte": now - self.debounce}}).sort(_SINCE, 1).limit(_MARKS_IN_A_TURN)
        rows = await ripe.to_list(None)
        _AGE.set((now - rows[0][_SINCE]).total_seconds() if rows else 0, {"collection": self.collection})
        aside = self._left_aside()
        taken = [row for row in rows if not aside.issuperset(row[_KEYS])]
        if not taken:
            return None
        keys = dict.fromkeys(key for row in taken for key in row[_KEYS])
        return _Due(
            marks=[row["_id"] for row in taken],
            keys=[key for key in keys if key not in aside],
            aside=[key for key in keys if key in aside],
            since=taken[0][_SINCE],
        )

    def _left_aside(self) -> set[str]:
        now = time.monotonic()
        self._aside = {key: until for key, until in self._aside.items() if now < until}
        return set(self._aside)

    async def _try(self, keys: Sequence[str]) -> Sequence[str]:
        """Compute them together; or, where one cannot be, each by itself, so that it holds no other back.

        Returns:
            Those that could not be computed.
        """
        try:
            await self._compute(keys)
        except Exception as error:
            if _is_of_the_store(error):
                raise
            _log.warning("recompute_failed", marks=self.collection, keys=len(keys), exc_info=error)
            if len(keys) > 1:
                return [key for one in keys for key in await self._try([one])]
            self._aside[keys[0]] = time.monotonic() + _ASIDE_SECONDS
            return keys
        return ()

    async def _compute(self, keys: Sequence[str]) -> None:
        async def body(transaction: Transaction) -> None:
            await self._lead(transaction)
            await self.recompute(transaction, keys)

        await transactions(self.database)(body)

    async def _settle(self, due: _Due, remaining: Sequence[str]) -> None:
        """Forget the marks, but for the keys that are still to be computed."""

        async def body(transaction: Transaction) -> None:
            await self._lead(transaction)
            await transaction[self.collection].delete_many(
                {"_id": {"$in": list(due.marks)}}, session=transaction.session
            )
            await _write(transaction, self.collection, remaining, since=due.since)

        await transactions(self.database)(body)

    async def _lead(self, transaction: Transaction) -> None:
        if not await leases.renew(self.database, self._lease, self.holder, _LEASE, transaction.session):
            raise _LeaseLost


def _is_of_the_store(error: Exception) -> bool:
    """Whether it says nothing of the keys: the next turn tries again."""
    return isinstance(error, Unavailable | _LeaseLost) or is_away(error)
