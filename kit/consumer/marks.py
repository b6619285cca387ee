"""Marks: what must be computed again, and the loop that computes it (architecture §4, « Indicators »).

A mark is written in the transaction of the change, and deleted in the transaction that computes from what it sees. So a
change and its mark are seen together or not at all, and a mark that came during a computation outlives it: whatever
crashes or pauses, and for however long, no change stays uncounted. (A mark written apart, before the change, is taken
and deleted by a computation that does not see the change yet, once the writer pauses longer than the debounce.)
Marks are only ever inserted and deleted, so writers are in nobody's way.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from opentelemetry import metrics
from pymongo import DeleteMany
from ulid import ULID

from kit.errors import Unavailable
from kit.logs import get_logger
from kit.mongo import leases
from kit.mongo.collections import Collection, Database, Index
from kit.mongo.connection import is_away
from kit.mongo.transactions import Transaction, Transactor

type Recompute = Callable[[Transaction, Sequence[str]], Awaitable[None]]

_KEY, _SINCE = "cle", "depuis"
_DEBOUNCE = timedelta(seconds=1)
_BATCH = 50
_LEASE = timedelta(seconds=10)
_POLL_SECONDS = 0.25
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
        required={_KEY: "string", _SINCE: "date"},
        indexes=(Index(keys={_SINCE: 1}), Index(keys={_KEY: 1})),
        purpose=purpose,
        readers="le service",
        kept="jusqu'au calcul, soit une seconde environ",
    )


async def mark(transaction: Transaction, collection: str, keys: Iterable[str]) -> None:
    """Have each of `keys` computed again, if the transaction commits."""
    now = datetime.now(UTC)
    rows = [{_KEY: key, _SINCE: now} for key in sorted(set(keys))]
    if rows:
        await transaction[collection].insert_many(rows, session=transaction.session, ordered=False)


async def waiting(transaction: Transaction, collection: str, keys: Sequence[str]) -> set[str]:
    """Those of `keys` that are still to be computed."""
    rows = transaction[collection].find({_KEY: {"$in": list(keys)}}, {_KEY: 1}, session=transaction.session)
    return {row[_KEY] for row in await rows.to_list(None)}


def transactions(database: Database) -> Transactor[Transaction]:
    """Transactions of a store without outbox: projections, marks and what is computed of them."""
    return Transactor(database=database, work=lambda t: t, write_outbox=_refuse, committed=lambda: None)


async def _refuse(_transaction: Transaction) -> None:
    raise TypeError("what is computed from the events of others is not published from here")


@dataclass(slots=True, kw_only=True)
class Recomputer:
    """Computes what is marked, `debounce` after its first mark, until cancelled.

    One process does so at a time, by lease: that spares work, while it is the transactions that keep results right.

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

    async def run(self) -> None:
        """Compute for ever; what fails is said and tried again, and its marks stay."""
        led = False
        try:
            while True:
                pause = _POLL_SECONDS
                try:
                    keys = await self._due()
                    if keys and await leases.acquire(self.database, self._lease, self.holder, _LEASE):
                        led = True
                        await self._compute_apart(keys)
                        pause = 0
                except Exception as error:  # noqa: BLE001 - whatever it is, the marks stay and the service goes on
                    _log.warning("recompute_failed", marks=self.collection, exc_info=error)
                    pause = _RETRY_SECONDS
                await asyncio.sleep(pause)
        finally:
            if led:
                await leases.release(self.database, self._lease, self.holder)

    async def turn(self) -> int:
        """Compute one batch of what is due, whoever leads; return how many keys."""
        keys = await self._due()
        if keys:
            await self._compute(keys)
        return len(keys)

    @property
    def _lease(self) -> str:
        return f"{self.collection}.calcul"

    async def _due(self) -> Sequence[str]:
        now = datetime.now(UTC)
        ripe = self.database[self.collection].find({_SINCE: {"$lte": now - self.debounce}})
        # A key may have many marks: more are read than are wanted of keys, and the rest waits for the next turn.
        rows = await ripe.sort(_SINCE, 1).limit(20 * self.batch).to_list(None)
        _AGE.set((now - rows[0][_SINCE]).total_seconds() if rows else 0, {"collection": self.collection})
        return [key for key in dict.fromkeys(row[_KEY] for row in rows) if not self._is_aside(key)][: self.batch]

    def _is_aside(self, key: str) -> bool:
        if time.monotonic() < self._aside.get(key, 0.0):
            return True
        self._aside.pop(key, None)
        return False

    async def _compute_apart(self, keys: Sequence[str]) -> None:
        """Compute them together; or, where one cannot be, each by itself, so that it holds no other back."""
        try:
            await self._compute(keys)
        except Exception as error:
            if isinstance(error, Unavailable) or is_away(error):
                raise
            _log.warning("recompute_apart", marks=self.collection, keys=len(keys), exc_info=error)
            await self._compute_each(keys)

    async def _compute_each(self, keys: Sequence[str]) -> None:
        for key in keys:
            try:
                await self._compute([key])
            except Exception as error:
                if isinstance(error, Unavailable) or is_away(error):
                    raise
                _log.warning("recompute_failed", marks=self.collection, exc_info=error)
                self._aside[key] = time.monotonic() + _ASIDE_SECONDS

    async def _compute(self, keys: Sequence[str]) -> None:
        async def body(transaction: Transaction) -> None:
            # First, so that the snapshot in which results are read begins here: a later mark is not in it, and stays.
            taken = [DeleteMany({_KEY: key}) for key in keys]
            await transaction[self.collection].bulk_write(taken, ordered=False, session=transaction.session)
            await self.recompute(transaction, keys)

        await transactions(self.database)(body)
