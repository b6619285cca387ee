"""Records of Kafka: what is read of one, and what breaks the contract."""

from typing import Any

import pytest
from aiokafka import ConsumerRecord
from google.protobuf.wrappers_pb2 import StringValue
from hypothesis import given
from hypothesis import strategies as st

from kit.consumer.messages import Received, Unreadable, decode, traceparent
from kit.tests.publisher import event
from kit.versions import Version

TYPE = ("ce_type", b"google.protobuf.StringValue")
VERSION = ("version", str(Version(1, 1).rank).encode())
VALUE = StringValue(value="x").SerializeToString()


def record(key: bytes | None, value: bytes | None, headers: Any) -> ConsumerRecord[Any, Any]:
    return ConsumerRecord("t", 0, 0, 0, 0, key, value, None, 0, 0, tuple(headers))


def test_what_a_service_publishes_is_read_back_with_its_version() -> None:
    headers = event("a", 3, "x").headers(source="essai", time="")
    assert decode(record(b"a", VALUE, headers), StringValue) == Received("a", Version(1, 3), StringValue(value="x"))


def test_a_record_without_value_says_that_the_aggregate_is_gone() -> None:
    headers = event("a", 4, None).headers(source="essai", time="")
    assert decode(record(b"a", None, headers), StringValue) == Received("a", Version(1, 4), None)


@pytest.mark.parametrize(
    ("key", "value", "headers", "reason"),
    [
        (b"k", b"\xff\xff", [TYPE, VERSION], "not a message of its type"),
        (b"k", VALUE, [("ce_type", b"autre.Chose"), VERSION], "unknown type"),
        (b"k", VALUE, [("ce_type", None), VERSION], "unknown type"),
        (b"k", VALUE, [("ce_type", b"\xff"), VERSION], "unknown type"),
        (b"k", VALUE, [VERSION], "unknown type"),
        (b"k", VALUE, [TYPE], "no key, or no version"),
        (b"k", VALUE, [TYPE, ("version", None)], "no key, or no version"),
        (b"k", VALUE, [TYPE, ("version", b"un")], "no key, or no version"),
        (b"k", VALUE, [TYPE, ("version", b"0")], "no version"),
        (b"k", VALUE, [TYPE, ("version", b"-1")], "no version"),
        # More than a store can hold: a handler would fail on it for ever.
        (b"k", VALUE, [TYPE, ("version", str(2**63).encode())], "no version"),
        (b"k", None, [], "no key, or no version"),
        (None, VALUE, [TYPE, VERSION], "no key"),
        (b"\xff", VALUE, [TYPE, VERSION], "no key, or no version"),
    ],
)
def test_a_record_that_breaks_its_contract_is_unreadable_for_a_reason(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]], reason: str
) -> None:
    with pytest.raises(Unreadable) as raised:
        decode(record(key, value, headers), StringValue)
    assert str(raised.value) == reason


HEADERS = st.lists(st.tuples(st.sampled_from(["version", "ce_type", "traceparent", "autre"]), st.none() | st.binary()))


@given(st.none() | st.binary(), st.none() | st.binary(), HEADERS)
def test_whatever_comes_is_read_or_unreadable_and_never_anything_else(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]]
) -> None:
    came = record(key, value, headers)
    assert isinstance(traceparent(came), str)
    try:
        read = decode(came, StringValue)
    except Unreadable:
        return
    assert read.key.encode() == key
