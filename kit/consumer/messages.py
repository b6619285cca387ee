"""A Kafka record as a handler sees it: decoded, with its version."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiokafka import ConsumerRecord
from google.protobuf.message import DecodeError, Message

from kit.versions import Version

_LARGEST_RANK = 2**63 - 1


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
    headers = _headers(record)
    if record.key is None:
        raise Unreadable("no key")
    try:
        key = record.key.decode()
        rank = int(headers["version"])
    except (KeyError, ValueError) as error:
        raise Unreadable("no key, or no version") from error
    if not 0 < rank <= _LARGEST_RANK:
        raise Unreadable("no version")
    version = Version.from_rank(rank)
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


def traceparent(record: ConsumerRecord) -> str:
    """The trace the record continues, or nothing; its identifiers alone, not the text that vendors add to it."""
    return _headers(record).get("traceparent", b"").decode(errors="replace")


def _headers(record: ConsumerRecord) -> dict[str, bytes]:
    """The headers that have a value: Kafka allows some without, and whoever may write to the topic sends them."""
    return {name: value for name, value in record.headers if value is not None}


type Batch[M: Message] = Sequence[Received[M]]
