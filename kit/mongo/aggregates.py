"""Saving aggregates: with a guard on the version that was read, and with the events that tell the others."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol

from google.protobuf.message import Message
from pymongo import InsertOne, ReplaceOne

from kit.errors import Conflict
from kit.mongo.collections import Document
from kit.mongo.transactions import Transaction
from kit.outbox.events import Event
from kit.versions import NEW, Version


class Aggregate(Protocol):
    """A frozen dataclass with an identifier and a version, compared by value."""

    @property
    def id(self) -> str: ...
    @property
    def version(self) -> Version: ...

    __dataclass_fields__: ClassVar[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind[A: Aggregate]:
    """How one kind of aggregate is stored and told.

    Args:
        document: its fields as stored, without identifier and version.
        aggregate: the aggregate of a stored document.
        publish: what others are told of it, each by a topic and its message; nothing when nobody is.
    """

    collection: str
    document: Callable[[A], Document]
    aggregate: Callable[[str, Version, Document], A]
    publish: Sequence[Callable[[A], tuple[str, Message]]] = ()

    def read(self, document: Document) -> A:
        return self.aggregate(document["_id"], Version.from_rank(document["version"]), document)


@dataclass(slots=True)
class Aggregates[A: Aggregate]:
    """The aggregates of one kind within a transaction; it remembers what it read, to know what changed."""

    transaction: Transaction
    kind: Kind[A]
    generation: int
    _read: dict[str, A] = field(default_factory=dict)

    async def find(self, ids: Iterable[str]) -> dict[str, A]:
        """Those that exist, by identifier."""
        return await self.select({"_id": {"$in": list(ids)}})

    async def select(self, where: Document) -> dict[str, A]:
        """Those that match, by identifier."""
        cursor = self.transaction[self.kind.collection].find(where, session=self.transaction.session)
        found = {document["_id"]: self.kind.read(document) for document in await cursor.to_list(None)}
        self._read.update(found)
        return found

    async def save(self, aggregate: A) -> A:
        """Save one; see `save_all`."""
        return (await self.save_all([aggregate]))[0]

    async def save_all(self, aggregates: Sequence[A]) -> list[A]:
        """Write those that differ from what was read, each with its events; return all at their present versions.

        An unchanged one writes and publishes nothing.

        Raises:
            Conflict: one was changed by somebody else since it was read.
        """
        saved = [self._next(aggregate) for aggregate in aggregates]
        changed = [(new, old) for new, old in zip(saved, aggregates, strict=True) if new is not old]
        if not changed:
            return saved
        result = await self.transaction[self.kind.collection].bulk_write(
            [self._write(new, old.version) for new, old in changed],
            ordered=False,
            session=self.transaction.session,
        )
        if result.inserted_count + result.matched_count != len(changed):
            raise _changed()
        for new, _ in changed:
            self._read[new.id] = new
            for published in self.kind.publish:
                topic, message = published(new)
                self.transaction.publish(Event(topic=topic, key=new.id, version=new.version, message=message))
        return saved

    async def republish(self, aggregates: Sequence[A]) -> list[A]:
        """Write these as they were read and tell them again, at their next version: the generation has grown.

        Raises:
            Conflict: one was changed by somebody else since it was read.
        """
        for aggregate in aggregates:
            self._read.pop(aggregate.id, None)
        return await self.save_all(aggregates)

    async def delete(self, aggregate: A) -> None:
        """Forget one as it was read, and tell that it is gone: a tombstone at the version after its last.

        Raises:
            Conflict: it was changed by somebody else since it was read.
        """
        result = await self.transaction[self.kind.collection].delete_one(
            {"_id": aggregate.id, "version": aggregate.version.rank}, session=self.transaction.session
        )
        if result.deleted_count != 1:
            raise _changed()
        self._read.pop(aggregate.id, None)
        version = aggregate.version.next(self.generation)
        for published in self.kind.publish:
            topic, _ = published(aggregate)
            self.transaction.publish(Event(topic=topic, key=aggregate.id, version=version, message=None))

    def _next(self, aggregate: A) -> A:
        if self._read.get(aggregate.id) == aggregate:
            return aggregate
        return replace(aggregate, version=aggregate.version.next(self.generation))

    def _write(self, aggregate: A, read: Version) -> InsertOne[Document] | ReplaceOne[Document]:
        document = {
            "_id": aggregate.id,
            "version": aggregate.version.rank,
            **self.kind.document(aggregate),
        }
        if read == NEW:
            return InsertOne(document)
        return ReplaceOne({"_id": aggregate.id, "version": read.rank}, document)


def _changed() -> Conflict:
    return Conflict("Ces données ont été modifiées entre-temps : relisez-les puis recommencez.")
