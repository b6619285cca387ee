"""The outbox's rows: one per version, read in order at one instant, forgotten all together."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from hypothesis import given
from hypothesis import strategies as st
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import MongoClient
from pymongo.errors import BulkWriteError, OperationFailure
from pymongo.monitoring import CommandListener

from kit.mongo import Database
from kit.mongo.migrations import Layout
from kit.outbox import rows
from kit.outbox.events import Event
from kit.outbox.rows import OUTBOX, row_id
from kit.tests.publisher import TOPIC, Publisher, event
from kit.versions import Version

_DUPLICATE_KEY = 11000

NAMES = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1)
EVENTS = st.builds(
    Event,
    topic=NAMES,
    key=NAMES,
    version=st.builds(Version, st.integers(1, 2**20), st.integers(1, 2**40 - 1)),
    message=st.none(),
)


@given(st.lists(EVENTS))
def test_rows_sort_by_topic_then_key_then_version(events: list[Event]) -> None:
    by_row = sorted(events, key=row_id)
    assert by_row == sorted(events, key=lambda e: (e.topic.encode(), e.key.encode(), e.version))


def test_an_event_carries_its_identity_and_its_version_and_a_tombstone_has_no_type() -> None:
    headers = dict(
        event("a", 3, "x").headers(source="essai", time="2025-01-06T09:00:00Z", trace=[("traceparent", "t")])
    )
    assert headers == {
        "ce_specversion": b"1.0",
        "ce_id": b"essai.choses.v1/a/1.3",
        "ce_source": b"/services/essai",
        "ce_time": b"2025-01-06T09:00:00Z",
        "ce_type": b"google.protobuf.StringValue",
        "content-type": b"application/protobuf",
        "version": str(Version(1, 3).rank).encode(),
        "traceparent": b"t",
    }
    gone = dict(event("a", 4, None).headers(source="essai", time=""))
    assert "ce_type" not in gone
    assert "content-type" not in gone


async def leads(_session: Any) -> bool:
    return True


@pytest.mark.stack
async def test_one_version_of_an_aggregate_is_one_event(publisher: Publisher) -> None:
    await publisher.change(("a", 1))
    with pytest.raises(BulkWriteError) as refused:
        await publisher.change(("b", 1), ("a", 1))
    assert [error["code"] for error in refused.value.details["writeErrors"]] == [_DUPLICATE_KEY]
    assert await publisher.waiting() == 1


@pytest.mark.stack
async def test_sent_rows_are_forgotten_all_or_none(publisher: Publisher) -> None:
    await publisher.change(("a", 1), ("a", 2))
    ids = [row.id for row in await rows.read(publisher.database, after="", limit=10)]
    async with await publisher.database.client.start_session() as session, session.start_transaction():
        await publisher.database.outbox.update_one({"_id": ids[1]}, {"$set": {"key": "z"}}, session=session)
        with pytest.raises(OperationFailure) as conflict:
            await rows.delete(publisher.database, ids, leading=leads)
        assert conflict.value.has_error_label("TransientTransactionError")
        assert await publisher.waiting() == 2
    assert await rows.delete(publisher.database, ids, leading=leads)
    assert await publisher.nothing_waits()


@pytest.mark.stack
async def test_one_that_no_longer_leads_forgets_nothing(publisher: Publisher) -> None:
    async def led(_session: Any) -> bool:
        return False

    await publisher.change(("a", 1))
    ids = [row.id for row in await rows.read(publisher.database, after="", limit=10)]
    assert not await rows.delete(publisher.database, ids, leading=led)
    assert await publisher.waiting() == 1


class BetweenPages(CommandListener):
    """Empties the outbox in the middle of a read, when the driver asks for the second page of a cursor."""

    def __init__(self, uri: str, database: str) -> None:
        self._uri, self._database = uri, database
        self.happened = False

    def started(self, event: Any) -> None:
        if event.command_name == "getMore" and not self.happened:
            self.happened = True
            with MongoClient[dict[str, Any]](self._uri) as other:
                other[self._database].outbox.delete_many({})

    def succeeded(self, event: Any) -> None:
        """Nothing to do."""

    def failed(self, event: Any) -> None:
        """Nothing to do."""


@pytest.fixture
async def interrupted(mongodb_uri: str, database: Database) -> AsyncIterator[tuple[Database, BetweenPages]]:
    listener = BetweenPages(mongodb_uri, database.name)
    client: AsyncIOMotorClient[Any] = AsyncIOMotorClient(mongodb_uri, tz_aware=True, event_listeners=[listener])
    yield client[database.name], listener
    client.close()


@pytest.mark.stack
async def test_rows_are_read_as_they_were_at_one_instant_whatever_another_deletes_meanwhile(
    database: Database, interrupted: tuple[Database, BetweenPages]
) -> None:
    await Layout(collections=[OUTBOX]).migrate(database)
    # More than the sixteen megabytes that come in one answer.
    large = StringValue(value="x" * 150_000).SerializeToString()
    await database.outbox.insert_many(
        [
            {
                "_id": row_id(event("a", n, "x")),
                "topic": TOPIC,
                "key": "a",
                "value": large,
                "headers": [],
                "cree_le": datetime.now(UTC),
            }
            for n in range(1, 151)
        ]
    )
    reading, listener = interrupted
    read = await rows.read(reading, after="", limit=500)
    assert listener.happened
    assert len(read) == 150


@pytest.mark.stack
async def test_the_oldest_waiting_event_tells_the_age_of_the_outbox(publisher: Publisher) -> None:
    assert await rows.oldest(publisher.database) is None
    await publisher.change(("a", 1), ("b", 1))
    long_ago = datetime(2025, 1, 6, 9, tzinfo=UTC)
    await publisher.database.outbox.update_one({"key": "b"}, {"$set": {"cree_le": long_ago}})
    assert await rows.oldest(publisher.database) == long_ago
