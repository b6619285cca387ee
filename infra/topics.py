"""The topics that infra/topics.yaml declares, and their creation: `python -m infra.topics creer`."""

import argparse
import asyncio
import logging
import os
import re
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import yaml
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaConnectionError, TopicAlreadyExistsError, for_code

_FILE = Path(__file__).with_name("topics.yaml")
_HOUR = 3_600_000
_MS = {"h": _HOUR, "d": 24 * _HOUR}
_DEAD_LETTERS = {"cleanup.policy": "delete", "retention.ms": str(30 * _MS["d"])}
_NOMINATIVE = {
    "max.compaction.lag.ms": str(24 * _HOUR),
    "segment.ms": str(12 * _HOUR),
    "delete.retention.ms": str(30 * _MS["d"]),
}
"""A person who is erased is gone from the disk within a day and a half, and readers have a month to hear of it (§4)."""

_ACADEMIE = "{academie}"
_NAME = re.compile(r"(\{academie\}\.)?[a-z]+\.[a-z]+\.v[1-9]\d*")
_SLUG = re.compile(r"[a-z]+(-[a-z]+)*")
_REQUIRED = frozenset({"writer", "readers", "purpose"})
_OPTIONAL = frozenset({"keep", "nominative"})

OUVERTES = ("creteil",)
"""The académies that have topics of their own where no others are asked for."""

_POLL_SECONDS = 0.1
_LED_SECONDS = 30.0
_SAY_AGAIN_SECONDS = 10.0


class TopicsRefused(Exception):
    """The file declares what cannot be, or the topics that exist cannot be made what it declares."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as declared; `keep_ms` is None for a compacted one, which holds the last state of each key."""

    name: str
    partitions: int
    writer: str
    readers: tuple[str, ...]
    purpose: str
    keep_ms: int | None
    nominative: bool = False

    def config(self) -> dict[str, str]:
        """Its configuration, in Kafka's words."""
        if self.keep_ms is not None:
            return {"cleanup.policy": "delete", "retention.ms": str(self.keep_ms)}
        return {"cleanup.policy": "compact"} | (_NOMINATIVE if self.nominative else {})

    def new(self, prefix: str) -> list[NewTopic]:
        """The topic and its dead letters, to be created."""
        return [
            NewTopic(prefix + self.name, self.partitions, 1, topic_configs=self.config()),
            NewTopic(f"{prefix}{self.name}.dlq", self.partitions, 1, topic_configs=_DEAD_LETTERS),
        ]


def load(file: Path = _FILE, *, academies: Sequence[str] = OUVERTES) -> list[Topic]:
    """The declared topics; a name that begins by `{academie}` stands for one topic of each académie.

    Raises:
        TopicsRefused: an entry is not as it should be; it is named.
    """
    wrong = [slug for slug in academies if not _SLUG.fullmatch(slug)]
    if wrong:
        raise TopicsRefused(f"{wrong[0]!r} is not the short name of an académie, such as aix-marseille")
    declared = yaml.safe_load(file.read_text(encoding="utf-8"))
    return list(
        chain.from_iterable(
            _topics(name, declared["partitions"], fields, academies) for name, fields in declared["topics"].items()
        )
    )


def _topics(name: str, partitions: int, fields: Mapping[str, Any], academies: Sequence[str]) -> list[Topic]:
    if not _NAME.fullmatch(name):
        raise TopicsRefused(f"topic {name}: a name is <service>.<aggregates>.v<number>")
    if wrong := sorted((_REQUIRED - fields.keys()) | (fields.keys() - _REQUIRED - _OPTIONAL)):
        raise TopicsRefused(f"topic {name}: missing or unknown: {', '.join(wrong)}")
    keep, nominative = fields.get("keep"), bool(fields.get("nominative", False))
    if nominative and keep is not None:
        raise TopicsRefused(f"topic {name}: nominative states are compacted, not kept for a while")
    return [
        Topic(
            name=full_name,
            partitions=partitions,
            writer=fields["writer"],
            readers=tuple(fields["readers"]),
            purpose=fields["purpose"],
            keep_ms=None if keep is None else _milliseconds(name, keep),
            nominative=nominative,
        )
        for full_name in (
            [name.replace(_ACADEMIE, slug) for slug in academies] if name.startswith(_ACADEMIE) else [name]
        )
    ]


def _milliseconds(name: str, text: str) -> int:
    match = re.fullmatch(r"(\d+)([hd])", str(text))
    if match is None:
        raise TopicsRefused(f"topic {name}: keep: {text!r} is not a number of hours (1h) or days (30d)")
    return int(match[1]) * _MS[match[2]]


async def create(bootstrap_servers: str, prefix: str, topics: Sequence[Topic]) -> int:
    """Create those that are missing, all at once; return how many topics (dead letters included) were created.

    They can be written to when it returns. Those that existed are given the configuration that is declared. Waits for
    Kafka, and says so, while it is away.

    Raises:
        TopicsRefused: one exists with another number of partitions, which never changes, or Kafka refuses one.
    """
    admin = await _connected(bootstrap_servers)
    try:
        wanted = {new.name: new for topic in topics for new in topic.new(prefix)}
        missing = sorted(wanted.keys() - set(await admin.list_topics()))
        created = await _create(admin, [wanted[name] for name in missing]) if missing else set()
        partitions = await _led(admin, wanted.keys())
        if existing := [wanted[name] for name in sorted(wanted.keys() - created)]:
            _check_partitions(existing, partitions)
            await _configure(admin, existing)
        return len(created)
    finally:
        await admin.close()


async def _connected(bootstrap_servers: str) -> AIOKafkaAdminClient:
    said = -_SAY_AGAIN_SECONDS
    while True:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
        try:
            await admin.start()
        except KafkaConnectionError:
            await admin.close()
            if time.monotonic() - said >= _SAY_AGAIN_SECONDS:
                sys.stderr.write(f"waiting for Kafka at {bootstrap_servers}\n")
                said = time.monotonic()
            await asyncio.sleep(_POLL_SECONDS)
        else:
            return admin


async def _create(admin: AIOKafkaAdminClient, topics: Sequence[NewTopic]) -> set[str]:
    """The names of those that were created, and not by another process meanwhile."""
    # The client raises nothing: each topic has its own answer.
    answers = (await admin.create_topics(list(topics))).topic_errors
    for name, code, *message in answers:
        if code != TopicAlreadyExistsError.errno:
            _check(name, code, *message)
    return {name for name, code, *_ in answers if code == 0}


async def _led(admin: AIOKafkaAdminClient, names: Collection[str]) -> dict[str, int]:
    """How many partitions each topic has, once the broker knows them all and each partition has its leader."""
    deadline = time.monotonic() + _LED_SECONDS
    while True:
        described = await admin.describe_topics(sorted(names))
        waiting = [t["topic"] for t in described if t["error_code"] or any(p["leader"] < 0 for p in t["partitions"])]
        if not waiting:
            return {topic["topic"]: len(topic["partitions"]) for topic in described}
        if time.monotonic() > deadline:
            raise TopicsRefused(f"topic {waiting[0]}: no broker leads it")
        await asyncio.sleep(_POLL_SECONDS)


def _check_partitions(topics: Sequence[NewTopic], partitions: Mapping[str, int]) -> None:
    for topic in topics:
        count, declared = partitions[topic.name], topic.num_partitions
        if count != declared:
            raise TopicsRefused(
                f"topic {topic.name} has {count} partitions and {declared} are declared: they never change"
            )


async def _configure(admin: AIOKafkaAdminClient, topics: Sequence[NewTopic]) -> None:
    """Give topics that exist the configuration that is declared."""
    resources = [ConfigResource(ConfigResourceType.TOPIC, topic.name, topic.topic_configs) for topic in topics]
    for response in await admin.alter_configs(resources):
        for code, message, _kind, name in response.resources:
            _check(name, code, message)


def _check(name: str, code: int, message: str | None = None) -> None:
    if code != 0:
        raise TopicsRefused(f"topic {name}: {message or for_code(code).__name__}")


def read_academies(environment: Mapping[str, str], *, otherwise: tuple[str, ...] = OUVERTES) -> tuple[str, ...]:
    """The académies that have topics of their own: ACADEMIES_TOPICS, comma-separated, or those that are given."""
    slugs = (slug.strip() for slug in environment.get("ACADEMIES_TOPICS", "").split(","))
    return tuple(slug for slug in slugs if slug) or otherwise


def main() -> None:
    """Create the topics on KAFKA_BOOTSTRAP_SERVERS, under PREFIXE_TOPICS, for ACADEMIES_TOPICS."""
    parser = argparse.ArgumentParser(prog="python -m infra.topics", description=main.__doc__)
    parser.add_argument("command", choices=["creer"])
    parser.parse_args()
    # What it would say of a broker that is away, we say once.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    servers = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if not servers:
        raise SystemExit("setting KAFKA_BOOTSTRAP_SERVERS: Field required")
    try:
        topics = load(academies=read_academies(os.environ))
        count = asyncio.run(create(servers, os.environ.get("PREFIXE_TOPICS", ""), topics))
    except TopicsRefused as error:
        raise SystemExit(str(error)) from None
    sys.stdout.write(f"{count} topics created\n")


if __name__ == "__main__":
    main()
