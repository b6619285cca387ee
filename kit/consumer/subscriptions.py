"""What a service does with which topic: one handler a topic."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from google.protobuf.message import Message

from kit.consumer.messages import Batch

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
        projection: the collection that `handle` keeps and nothing else changes, so that `rebuild` may make it again;
            None for a reaction, which cannot be replayed.
    """

    topic: str
    kind: Callable[[], M]
    handle: Handler[M]
    projection: str | None = None
