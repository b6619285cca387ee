"""What the store acknowledged survives `kill -9`: on an embedded store of the test's own, which it may kill."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pymongo import InsertOne
from pymongo.errors import DuplicateKeyError, PyMongoError, WriteError
from pymongo.read_concern import ReadConcern

from infra.local import stack
from infra.local.stack import Ports
from infra.local.supervisor import Supervisor
from kit.mongo import Database, open_database
from kit.mongo.transactions import MAJORITY

_WRITERS = 4
_BEFORE_THE_KILL = 25
_VALIDATION = 121


class Store:
    """A store that can be killed, and what it has acknowledged so far.

    Each side opens clients of its own after a kill: one that lived through it looks for the store every half second,
    and finds it or not in the time it gives itself.
    """

    def __init__(self, supervisor: Supervisor, ports: Ports) -> None:
        self.supervisor = supervisor
        self.uri = ports.mongodb_uri
        self.acknowledged: set[str] = set()
        self.rounds = 0

    @contextlib.contextmanager
    def opened(self, name: str, options: str = "") -> Iterator[Database]:
        """The database `name` of a client that is closed whatever happens."""
        database = open_database(f"{self.uri}{options}", name)
        try:
            yield database
        finally:
            database.client.close()

    async def write_until_killed(self) -> None:
        """Write from several sides, kill the store once enough was acknowledged, and start it again."""
        self.rounds += 1
        before = len(self.acknowledged)
        enough, killed = asyncio.Event(), asyncio.Event()

        async def write(writer: int) -> None:
            with self.opened("durable", "&serverSelectionTimeoutMS=500&socketTimeoutMS=5000") as database:
                for number in range(1_000_000):
                    id = f"{self.rounds}/{writer}/{number}"
                    try:
                        await (self._insert if writer % 2 else self._transact)(database, id)
                    except PyMongoError as error:
                        if killed.is_set():
                            # What was under way is unknown: there or not, but whole.
                            return
                        if not error.has_error_label("TransientTransactionError"):
                            raise
                    else:
                        self.acknowledged.add(id)
                        if len(self.acknowledged) >= before + _BEFORE_THE_KILL:
                            enough.set()

        async def kill() -> None:
            async with asyncio.timeout(60):
                await enough.wait()
            killed.set()
            self.supervisor.kill9("mongodb")

        await asyncio.gather(kill(), *(write(writer) for writer in range(_WRITERS)))
        await self.supervisor.restart("mongodb")

    async def _insert(self, database: Database, id: str) -> None:
        await database.choses.bulk_write([InsertOne({"_id": id}), InsertOne({"_id": f"{id}/bis"})])

    async def _transact(self, database: Database, id: str) -> None:
        async with await database.client.start_session() as session:
            session.start_transaction(read_concern=ReadConcern("snapshot"), write_concern=MAJORITY)
            await database.agregats.insert_one({"_id": id}, session=session)
            await database.outbox.insert_one({"_id": id}, session=session)
            await session.commit_transaction()

    async def check(self) -> None:
        """Nothing acknowledged is missing, and no transaction is there by half."""
        with self.opened("durable") as database:
            choses, agregats, outbox = [
                {document["_id"] for document in await database[name].find({}).to_list(None)}
                for name in ("choses", "agregats", "outbox")
            ]
        assert self.acknowledged - choses - agregats == set()
        assert {f"{id}/bis" for id in self.acknowledged & choses} <= choses
        assert agregats == outbox


@pytest.fixture
async def own_store(tmp_path: Path) -> AsyncIterator[Store]:
    ports = Ports.free()
    supervisor = Supervisor(tmp_path)
    await supervisor.start([stack.mongodb(ports, tmp_path)])
    yield Store(supervisor, ports)
    supervisor.kill()


async def test_what_was_acknowledged_survives_kill_9_whole(own_store: Store) -> None:
    await own_store.write_until_killed()
    await own_store.check()


@pytest.mark.long
async def test_what_was_acknowledged_survives_kill_9_fifteen_times_in_a_row(own_store: Store) -> None:
    for _ in range(15):
        await own_store.write_until_killed()
        await own_store.check()


async def test_what_was_declared_survives_kill_9_with_the_data(own_store: Store) -> None:
    with own_store.opened("declared") as database:
        await database.create_collection("choses", validator={"$jsonSchema": {"required": ["n"]}})
        await database.choses.create_index("code", name="code_1", unique=True)
        await database.choses.insert_one({"_id": "a", "n": 1, "code": "x"})
        own_store.supervisor.kill9("mongodb")
    await own_store.supervisor.restart("mongodb")
    with own_store.opened("declared") as database:
        assert (await database.choses.index_information())["code_1"]["unique"] is True
        with pytest.raises(WriteError) as refused:
            await database.choses.insert_one({"_id": "b", "code": "y"})
        assert refused.value.code == _VALIDATION
        with pytest.raises(DuplicateKeyError):
            await database.choses.insert_one({"_id": "b", "n": 1, "code": "x"})
        assert await database.choses.count_documents({}) == 1
