"""A Kafka record as a handler sees it: decoded, with its version."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiokafka import ConsumerRecord
from google.protobuf.message import DecodeError, Message

from kit.versions import Version


class Unreadable(Exception):
    """The record breaks its contract: it goes to the dead letters, since reading it again would not help."""


@dataclass(frozen=True, slots=True)
class Received[M: Message]:
    """The state of `key` at `version`; `message` is None when the aggregate is gone."""

    key: str
    version: Version
    message: M | None


def decode[M: Message](record: ConsumerRecord, kind: Callable[[], M]) -> Received[M]:
    """Read a record of a topic that holds messages of `kind`.

    Raises:
        Unreadable: no key or version, a type other than `kind`, or bytes that are not such a message.
    """
    headers = dict(record.headers)
    if record.key is None:
        raise Unreadable("no key")
    try:
        key = record.key.decode()
        version = Version.from_rank(int(headers["version"]))
    except (KeyError, ValueError) as error:
        raise Unreadable("no key, or no version") from error
    if record.value is None:
        return Received(key, version, None)
    message = kind()
    announced = headers.get("ce_type", b"").decode(errors="replace")
    if announced != message.DESCRIPTOR.full_name:
        raise Unreadable("unknown type")
    try:
        message.ParseFromString(record.value)
    except DecodeError as error:
        raise Unreadable("not a message of its type") from error
    return Received(key, version, message)


def trace_headers(record: ConsumerRecord) -> tuple[tuple[str, str], ...]:
    """The trace the record continues, as a carrier for propagation."""
    return tuple((n, v.decode()) for n, v in record.headers if n in ("traceparent", "tracestate"))


type Batch[M: Message] = Sequence[Received[M]]
