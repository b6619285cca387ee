"""What a service does with which topic: one handler a topic."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiokafka import ConsumerRecord
from google.protobuf.message import Message

from kit.consumer.messages import Batch, Received, decode

LARGEST_BATCH = 500
"""Events that a handler is given at once, at most: what it writes in one transaction is bounded by that."""

type Handler[M: Message] = Callable[[Batch[M]], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many events of a batch were applied; the others were older than what is held, or repeated."""

    applied: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription[M: Message]:
    """Events of `topic` (a name without prefix) are messages of `kind`, and go to `handle` in order, in batches.

    A handler is idempotent: a batch may come again, whole or in part, after a failure or a crash.

    Args:
        check: raises `Unreadable` for what decodes and breaks its contract all the same, so that it is buried alone and
            the rest of its batch goes on. For topics that others than the platform write.
        projection: the collection that `handle` keeps and nothing else changes, so that `rebuild` may make it again;
            None for a reaction, which cannot be replayed.
        rebuilt: awaited once `rebuild` has made the projection again, where something is computed from it.
        lane: topics of one lane wait for each other's handlers, and for no others: what is promised soon has its own.
            Each process of the service reads a named lane whole, so that it waits for no other process either.
        after_others: its events are handled once all is that the other topics of its lane, which is a named one, held
            when they were read. For what says how far the others are known: partitions have no order among them.
    """

    topic: str
    kind: Callable[[], M]
    handle: Handler[M]
    check: Callable[[Received[M]], object] | None = None
    projection: str | None = None
    rebuilt: Callable[[], Awaitable[None]] | None = None
    lane: str = ""
    after_others: bool = False

    def read(self, record: ConsumerRecord) -> Received[M]:
        """The record as `handle` may be given it.

        Raises:
            Unreadable: it breaks the contract of the topic.
        """
        received = decode(record, self.kind)
        if self.check is not None:
            self.check(received)
        return received
