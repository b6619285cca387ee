"""Reading a topic with a handler that remembers, and what is sent to it."""

import time
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from google.protobuf.wrappers_pb2 import StringValue

from kit.consumer.loop import Consumer
from kit.consumer.messages import Batch
from kit.consumer.subscriptions import Outcome, Subscription
from kit.testing.running import running
from kit.tests.publisher import TOPIC
from kit.versions import Version

TYPE = ("ce_type", b"google.protobuf.StringValue")
VERSION = ("version", str(Version(1, 1).rank).encode())
GOOD = [TYPE, VERSION]


@dataclass
class Recorder:
    """A handler that remembers what it was given, and fails as often as it is told to."""

    failures: int = 0
    given: list[tuple[str, str]] = field(default_factory=list)
    attempted_at: list[float] = field(default_factory=list)

    async def handle(self, batch: Batch[StringValue]) -> Outcome:
        self.attempted_at.append(time.monotonic())
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the store is away")
        self.given += [(event.key, event.message.value if event.message else "") for event in batch]
        return Outcome(len(batch))

    async def has(self, count: int) -> bool:
        return len(self.given) == count


def reading(recorder: Recorder, servers: str, prefix: str, *, lane: str = "") -> AbstractAsyncContextManager[None]:
    subscription = Subscription(topic=TOPIC, kind=StringValue, handle=recorder.handle, lane=lane)
    consumer = Consumer(service="lecteur", bootstrap_servers=servers, prefix=prefix, subscriptions=[subscription])
    return running(consumer.run)


def message(value: str) -> bytes:
    return StringValue(value=value).SerializeToString()


def of_trace(number: int) -> list[tuple[str, bytes]]:
    return [*GOOD, ("traceparent", f"00-{number:032x}-00f067aa0ba902b7-01".encode())]
