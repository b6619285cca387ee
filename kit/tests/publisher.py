"""A service of the tests that publishes: its outbox, its relays, and what its readers see of it."""

from dataclasses import dataclass
from functools import partial

from google.protobuf.wrappers_pb2 import StringValue

from kit.mongo import Database, Transaction, Transactor
from kit.outbox import rows
from kit.outbox.events import Event
from kit.outbox.relay import Relay
from kit.testing.topics import once_committed
from kit.versions import Version

TOPIC = "essai.choses.v1"


def event(key: str, n: int, value: str | None, *, topic: str = TOPIC) -> Event:
    """The state `value` of `key` at its version `n`; None when it is gone."""
    message = None if value is None else StringValue(value=value)
    return Event(topic=topic, key=key, version=Version(1, n), message=message)


@dataclass(frozen=True, slots=True)
class Publisher:
    database: Database
    bootstrap_servers: str
    prefix: str

    @property
    def topic(self) -> str:
        return self.prefix + TOPIC

    def relay[R: Relay](self, kind: type[R]) -> R:
        """The relay of one of the service's processes."""
        return kind(
            service="essai", database=self.database, bootstrap_servers=self.bootstrap_servers, prefix=self.prefix
        )

    async def publish(self, *events: Event, relay: Relay | None = None) -> None:
        """Commit `events`, and wake `relay` as a service does."""
        transact: Transactor[Transaction] = Transactor(
            database=self.database,
            work=lambda transaction: transaction,
            write_outbox=partial(rows.write, source="essai"),
            committed=relay.wake if relay else lambda: None,
        )

        async def body(transaction: Transaction) -> None:
            for one in events:
                transaction.publish(one)

        await transact(body)

    async def change(self, *versions: tuple[str, int]) -> None:
        """Commit the events of these versions of these keys."""
        await self.publish(*(event(key, n, f"{key}{n}") for key, n in versions))

    async def waiting(self) -> int:
        """How many events the outbox holds."""
        return await self.database.outbox.count_documents({})

    async def nothing_waits(self) -> bool:
        return await self.waiting() == 0

    async def sent(self, count: int) -> list[tuple[str, int]]:
        """The key and version of every event that readers see, in order within a key, once there are `count`.

        A broker answers a commit before it has marked every partition: until then readers do not see all of it.
        """
        return [
            (record.key.decode(), Version.from_rank(int(dict(record.headers)["version"])).n)
            for record in await once_committed(self.bootstrap_servers, self.topic, count)
        ]
