"""What the store acknowledged survives `kill -9`: on an embedded store of the test's own, which it may kill."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pymongo import InsertOne
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from infra.local import stack
from infra.local.stack import Ports
from infra.local.supervisor import Supervisor
from kit.mongo import Database, open_database
from kit.mongo.transactions import MAJORITY

_WRITERS = 4
_BEFORE_THE_KILL = 25


class Store:
    """A store that can be killed, and what it has acknowledged so far."""

    def __init__(self, supervisor: Supervisor, ports: Ports) -> None:
        self.supervisor = supervisor
        self.uri = f"{ports.mongodb_uri}&serverSelectionTimeoutMS=500&socketTimeoutMS=5000"
        self.acknowledged: set[str] = set()
        self.rounds = 0

    async def write_until_killed(self) -> None:
        """Write from several sides, kill the store once enough was acknowledged, and start it again."""
        self.rounds += 1
        before = len(self.acknowledged)
        enough = asyncio.Event()

        async def write(writer: int) -> None:
            database = open_database(self.uri, "durable")
            try:
                for number in range(1_000_000):
                    id = f"{self.rounds}/{writer}/{number}"
                    await (self._insert if writer % 2 else self._transact)(database, id)
                    self.acknowledged.add(id)
                    if len(self.acknowledged) >= before + _BEFORE_THE_KILL:
                        enough.set()
            except PyMongoError:
                # The store was killed: what was under way is unknown, and may be there or not, but whole.
                return
            finally:
                database.client.close()

        writing = [asyncio.create_task(write(writer)) for writer in range(_WRITERS)]
        await asyncio.wait_for(enough.wait(), 60)
        self.supervisor.kill9("mongodb")
        await asyncio.gather(*writing)
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
        database = open_database(self.uri, "durable")
        choses, agregats, outbox = [
            {document["_id"] for document in await database[name].find({}).to_list(None)}
            for name in ("choses", "agregats", "outbox")
        ]
        database.client.close()
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
    database = open_database(own_store.uri, "declared")
    await database.create_collection("choses", validator={"$jsonSchema": {"required": ["n"]}})
    await database.choses.create_index("code", name="code_1", unique=True)
    await database.choses.insert_one({"_id": "a", "n": 1, "code": "x"})
    own_store.supervisor.kill9("mongodb")
    await own_store.supervisor.restart("mongodb")
    assert (await database.choses.index_information())["code_1"]["unique"] is True
    for refused in ({"_id": "b", "code": "y"}, {"_id": "b", "n": 1, "code": "x"}):
        with pytest.raises(PyMongoError):
            await database.choses.insert_one(refused)
    assert await database.choses.count_documents({}) == 1
    database.client.close()
