"""An event: a fact with the whole published state after it (architecture §4)."""

from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.message import Message

from kit.versions import Version

type Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The state of the aggregate `key` at `version`, for `topic` (without prefix).

    `message` is None when the aggregate is gone: a tombstone, which compaction keeps for a while and then forgets.
    """

    topic: str
    key: str
    version: Version
    message: Message | None

    def headers(self, *, source: str, time: str, trace: Sequence[tuple[str, str]] = ()) -> Headers:
        """CloudEvents attributes in Kafka's binary mode, the version, and the trace the change belongs to."""
        headers = [
            ("ce_specversion", "1.0"),
            ("ce_id", f"{self.topic}/{self.key}/{self.version.generation}.{self.version.n}"),
            ("ce_source", f"/services/{source}"),
            ("ce_time", time),
            ("version", str(self.version.rank)),
        ]
        if self.message is not None:
            headers.append(("ce_type", self.message.DESCRIPTOR.full_name))
            headers.append(("content-type", "application/protobuf"))
        return [(name, value.encode()) for name, value in [*headers, *trace]]
