"""Creates the topics that infra/topics.yaml declares: `python -m infra.topics`."""

import asyncio
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError

_FILE = Path(__file__).with_name("topics.yaml")
_MS = {"h": 3_600_000, "d": 86_400_000}
_DEAD_LETTERS_KEPT_MS = 30 * _MS["d"]
_WAIT_SECONDS = 1.0


class TopicsRefused(Exception):
    """The topics that exist cannot be made what the file declares."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as declared; `keep_ms` is None for a compacted one."""

    name: str
    partitions: int
    writer: str
    readers: tuple[str, ...]
    purpose: str
    keep_ms: int | None

    def config(self) -> dict[str, str]:
        if self.keep_ms is not None:
            return {"cleanup.policy": "delete", "retention.ms": str(self.keep_ms)}
        return {"cleanup.policy": "compact"}

    def new(self, prefix: str) -> list[NewTopic]:
        """The topic and its dead letters, to be created."""
        dead = {"cleanup.policy": "delete", "retention.ms": str(_DEAD_LETTERS_KEPT_MS)}
        return [
            NewTopic(prefix + self.name, self.partitions, 1, topic_configs=self.config()),
            NewTopic(f"{prefix}{self.name}.dlq", self.partitions, 1, topic_configs=dead),
        ]


def load(file: Path = _FILE) -> list[Topic]:
    """The declared topics."""
    declared = yaml.safe_load(file.read_text(encoding="utf-8"))
    return [
        Topic(
            name=name,
            partitions=declared["partitions"],
            writer=topic["writer"],
            readers=tuple(topic["readers"]),
            purpose=topic["purpose"],
            keep_ms=_milliseconds(topic["keep"]) if "keep" in topic else None,
        )
        for name, topic in declared["topics"].items()
    ]


def _milliseconds(text: str) -> int:
    match = re.fullmatch(r"(\d+)([hd])", text)
    if match is None:
        raise TopicsRefused(f"keep: {text!r} is not a number of hours (1h) or days (30d)")
    return int(match[1]) * _MS[match[2]]


async def create(bootstrap_servers: str, prefix: str, topics: Sequence[Topic]) -> int:
    """Create those that are missing, all at once; return how many topics (dead letters included) were created.

    Waits for Kafka, and says so, for as long as it is away.

    Raises:
        TopicsRefused: one exists with another number of partitions, which never changes.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    while True:
        try:
            await admin.start()
            break
        except KafkaConnectionError:
            sys.stderr.write(f"waiting for Kafka at {bootstrap_servers}\n")
            await asyncio.sleep(_WAIT_SECONDS)
    try:
        wanted = {new.name: new for topic in topics for new in topic.new(prefix)}
        existing = set(await admin.list_topics()) & set(wanted)
        for described in await admin.describe_topics(sorted(existing)) if existing else ():
            count = len(described["partitions"])
            if count != wanted[described["topic"]].num_partitions:
                raise TopicsRefused(f"topic {described['topic']} has {count} partitions, which never change")
        missing = [new for name, new in wanted.items() if name not in existing]
        if missing:
            await admin.create_topics(missing)
        return len(missing)
    finally:
        await admin.close()


def main() -> None:
    """Create the topics on KAFKA_BOOTSTRAP_SERVERS, under PREFIXE_TOPICS."""
    servers = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if not servers:
        raise SystemExit("setting KAFKA_BOOTSTRAP_SERVERS: Field required")
    try:
        count = asyncio.run(create(servers, os.environ.get("PREFIXE_TOPICS", ""), load()))
    except TopicsRefused as error:
        raise SystemExit(str(error)) from None
    sys.stdout.write(f"{count} topics created\n")


if __name__ == "__main__":
    main()
