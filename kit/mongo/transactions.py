"""Transactions: the only way a service changes its store."""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from kit.errors import Unavailable
from kit.logs import get_logger
from kit.mongo.collections import Database, Document, Session
from kit.outbox.events import Event

MAJORITY = WriteConcern("majority", j=True)
SNAPSHOT = ReadConcern("snapshot")
_ATTEMPTS = 5
_DEADLINE_SECONDS = 10.0
_SHORTEST_SECONDS = 0.02

_log = get_logger(__name__)


@dataclass(slots=True)
class Transaction:
    """One run of a body: its session, and the events that will be published if, and only if, it commits."""

    database: Database
    session: Session
    events: list[Event] = field(default_factory=list)

    def __getitem__(self, collection: str) -> AsyncIOMotorCollection[Document]:
        return self.database[collection]

    def publish(self, event: Event) -> None:
        """Write `event` to the outbox with this transaction."""
        self.events.append(event)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transactor[W]:
    """Runs bodies in transactions.

    Args:
        database: the service's own.
        work: makes what a body sees of a transaction (the service's stores).
        write_outbox: writes the events of a transaction into its outbox.
        committed: called after a commit that published something, to wake the relay.
    """

    database: Database
    work: Callable[[Transaction], W]
    write_outbox: Callable[[Transaction], Awaitable[None]]
    committed: Callable[[], None]

    async def __call__[T](self, body: Callable[[W], Awaitable[T]]) -> T:
        """Run `body` and commit; run it again, with jitter, while another transaction is in its way.

        `body` may be run up to five times: it has no effect outside the work it is given, and calls nobody.

        Raises:
            Unavailable: the store could not take the change within ten seconds, or did not say whether it did.
        """
        deadline = time.monotonic() + _DEADLINE_SECONDS
        for attempt in range(1, _ATTEMPTS + 1):
            started = time.monotonic()
            try:
                return await self._attempt(body, deadline)
            except PyMongoError as error:
                if not error.has_error_label("TransientTransactionError"):
                    raise
                if attempt == _ATTEMPTS or time.monotonic() > deadline:
                    _log.warning("transaction_given_up", attempts=attempt, error=type(error).__name__)
                    raise Unavailable from error
                # What stood in the way is likely to last as long as this did: a large batch waits longer than a click.
                length = max(_SHORTEST_SECONDS, time.monotonic() - started)
                await asyncio.sleep(random.uniform(0, length * 2**attempt))  # noqa: S311 - jitter, not a secret
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _attempt[T](self, body: Callable[[W], Awaitable[T]], deadline: float) -> T:
        async with await self.database.client.start_session() as session:
            session.start_transaction(read_concern=SNAPSHOT, write_concern=MAJORITY)
            transaction = Transaction(self.database, session)
            try:
                result = await body(self.work(transaction))
                if transaction.events:
                    await self.write_outbox(transaction)
            except BaseException:
                await _abort(session)
                raise
            await _commit(session, deadline)
        if transaction.events:
            self.committed()
        return result


async def _abort(session: Session) -> None:
    """Give the transaction up; a store that is away has given it up already, and the first error says more."""
    with contextlib.suppress(PyMongoError):
        await session.abort_transaction()


async def _commit(session: Session, deadline: float) -> None:
    """Commit, and only commit, again while the store does not say whether it did."""
    while True:
        try:
            await session.commit_transaction()
        except PyMongoError as error:
            if not error.has_error_label("UnknownTransactionCommitResult"):
                raise
            if time.monotonic() > deadline:
                raise Unavailable from error
            await asyncio.sleep(0.05)
        else:
            return
