"""The store calls of one request, recorded once and made again bare: the yardstick of what a service adds to its store.

A request makes rows (a sign-in, a session, tokens), then reads and changes them by their keys. When the calls are made
again, each key that the request made is replaced by another, everywhere alike: every call finds and changes as much as
the first time.
"""

import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, override

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from kit.mongo import Database, Document
from kit.mongo.transactions import MAJORITY, SNAPSHOT

_SHORTEST_KEY = 16
"""A shorter text is a word of the platform, not a key."""


@dataclass(frozen=True, slots=True)
class Appel:
    """A call of the driver: a command and what it was given; `transaction` tells the calls of one from others'."""

    nom: str
    corps: Document
    transaction: tuple[bytes, int] | None


@dataclass(slots=True)
class Enregistreur(CommandListener):
    """Keeps the calls that are made while `concerned`."""

    concerned: Callable[[], bool]
    appels: list[Appel] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @override
    def started(self, event: CommandStartedEvent) -> None:
        if not self.concerned():
            return
        command = event.command
        inside = command.get("autocommit") is False
        key = (bytes(command["lsid"]["id"]), int(command["txnNumber"])) if inside else None
        with self._lock:
            self.appels.append(Appel(event.command_name, dict(command), key))

    @override
    def succeeded(self, event: CommandSucceededEvent) -> None:
        """What was asked is enough."""

    @override
    def failed(self, event: CommandFailedEvent) -> None:
        """What was asked is enough."""


async def replay(database: Database, appels: Sequence[Appel]) -> None:
    """Make the calls again, in order, with keys of their own; those of a transaction in one."""
    renamed = {key: secrets.token_urlsafe(len(key))[: len(key)] for key in _made(appels)}
    at = 0
    while at < len(appels):
        transaction = appels[at].transaction
        if transaction is None:
            await _call(database, appels[at], renamed)
            at += 1
            continue
        async with await database.client.start_session() as session:
            session.start_transaction(read_concern=SNAPSHOT, write_concern=MAJORITY)
            while at < len(appels) and appels[at].transaction == transaction:
                if appels[at].nom not in ("commitTransaction", "abortTransaction"):
                    await _call(database, appels[at], renamed, session=session)
                at += 1
            await session.commit_transaction()


def _made(appels: Sequence[Appel]) -> Iterator[str]:
    """The keys that the calls made: of rows that they insert, and by which these are found."""
    for appel in appels:
        for document in appel.corps.get("documents", ()):
            for value in (document["_id"], document.get("condensat")):
                if isinstance(value, str) and len(value) >= _SHORTEST_KEY:
                    yield value


async def _call(database: Database, appel: Appel, renamed: Mapping[str, str], **options: Any) -> None:
    corps = _rename(appel.corps, renamed)
    collection = database[corps[appel.nom]]
    match appel.nom:
        case "insert":
            await collection.insert_many(corps["documents"], **options)
        case "update":
            await _update(collection, corps["updates"], options)
        case "delete":
            for deletion in corps["deletes"]:
                await collection.delete_many(deletion["q"], **options)
        case "findAndModify":
            await collection.find_one_and_update(corps["query"], corps["update"], **options)
        case "find":
            limit = corps.get("limit", 0)
            cursor = collection.find(corps["filter"], corps.get("projection"), limit=limit, **options)
            if "sort" in corps:
                cursor = cursor.sort(list(corps["sort"].items()))
            await cursor.to_list(limit or None)
        case "aggregate":
            await collection.aggregate(corps["pipeline"], **options).to_list(None)
        case other:
            raise ValueError(f"nothing is known of {other}")


async def _update(
    collection: AsyncIOMotorCollection[Document], updates: Sequence[Document], options: Mapping[str, Any]
) -> None:
    for update in updates:
        call = collection.update_many if update.get("multi") else collection.update_one
        await call(update["q"], update["u"], upsert=bool(update.get("upsert")), **options)


def _rename(value: Any, renamed: Mapping[str, str]) -> Any:
    """The value with each key replaced, also where it is a part of a longer text."""
    match value:
        case str():
            return renamed.get(value, value)
        case dict():
            return {name: _rename(held, renamed) for name, held in value.items()}
        case list():
            return [_rename(held, renamed) for held in value]
        case _:
            return value
