"""The topics as declared, and their creation."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from infra.local.processes import free_ports
from infra.topics import Topic, TopicsRefused, create, load, read_academies

_DAY_MS = 86_400_000
_ENTRY = "partitions: 3\ntopics:\n  %s:\n    {writer: essai, readers: [lecteur], purpose: essai%s}\n"


@pytest.fixture
def declare(tmp_path: Path) -> Path:
    return tmp_path / "topics.yaml"


@pytest.fixture
async def admin(kafka_bootstrap_servers: str, unique_prefix: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """To look at topics; those of the test are deleted after it."""
    client = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap_servers)
    await client.start()
    yield client
    await client.delete_topics([name for name in await client.list_topics() if name.startswith(unique_prefix)])
    await client.close()


async def config(admin: AIOKafkaAdminClient, topic: str, *names: str) -> dict[str, str]:
    resource = ConfigResource(ConfigResourceType.TOPIC, topic, dict.fromkeys(names))
    (response,) = await admin.describe_configs([resource])
    return {entry[0]: entry[1] for entry in response.resources[0][4]}


def test_each_topic_has_a_writer_readers_and_a_purpose_and_is_compacted_or_kept_for_a_while() -> None:
    for topic in load():
        assert topic.config()["cleanup.policy"] == ("compact" if topic.keep_ms is None else "delete")
        assert topic.writer
        assert topic.readers or topic.name == "identity.comptes.v1", "nobody counts accounts yet"
        assert topic.purpose
        # Who wrote the seals reads them to compare its own store with them.
        assert topic.writer not in topic.readers or topic.name == "identity.sceaux.v1"


def test_what_names_persons_is_compacted_within_a_day_so_that_who_is_erased_is_gone() -> None:
    nominative = {topic.name: topic.config() for topic in load() if topic.nominative}
    assert {"creteil.eleves.accueil.v1", "candidats.dossiers.v1", "creteil.eleves.eleves.v1"} <= nominative.keys()
    for declared in nominative.values():
        assert declared == {
            "cleanup.policy": "compact",
            "max.compaction.lag.ms": str(_DAY_MS),
            "segment.ms": str(_DAY_MS // 2),
            "delete.retention.ms": str(30 * _DAY_MS),
        }


def test_revocations_are_kept_an_hour() -> None:
    (revocations,) = [topic for topic in load() if topic.name == "identity.revocations.v1"]
    assert revocations.config() == {"cleanup.policy": "delete", "retention.ms": str(_DAY_MS // 24)}


def test_nominative_topics_are_those_of_each_academie_that_is_asked_for() -> None:
    names = {topic.name for topic in load(academies=("rennes", "aix-marseille"))}
    assert {"rennes.eleves.eleves.v1", "aix-marseille.eleves.eleves.v1"} <= names
    assert not [name for name in names if "creteil" in name or "{" in name]
    assert read_academies({}) == ("creteil",)
    assert read_academies({}, otherwise=("creteil", "rennes")) == ("creteil", "rennes")
    assert read_academies({"ACADEMIES_TOPICS": "lille, nantes,"}) == ("lille", "nantes")


@pytest.mark.parametrize(
    ("name", "more", "said"),
    [
        ("essai.choses.v1", ", keep: longtemps", "essai.choses.v1: keep: 'longtemps'"),
        ("essai.choses.v1", ", garde: 1h", "essai.choses.v1: missing or unknown: garde"),
        ("essai.choses.v1", ", keep: 1h, nominative: true", "compacted"),
        ("essai.choses", "", "essai.choses: a name is"),
        ("'{commune}.essai.choses.v1'", "", "a name is"),
    ],
)
def test_a_topic_that_is_badly_declared_is_named_with_the_reason(
    declare: Path, name: str, more: str, said: str
) -> None:
    declare.write_text(_ENTRY % (name, more), encoding="utf-8")
    with pytest.raises(TopicsRefused, match=re.escape(said)):
        load(declare)


def test_a_topic_that_keeps_for_a_while_says_so_in_hours_or_days(declare: Path) -> None:
    declare.write_text(_ENTRY % ("essai.choses.v1", ", keep: 2d"), encoding="utf-8")
    assert load(declare) == [Topic("essai.choses.v1", 3, "essai", ("lecteur",), "essai", 2 * _DAY_MS)]


def test_an_academie_that_cannot_be_one_is_refused() -> None:
    with pytest.raises(TopicsRefused, match="Créteil"):
        load(academies=("Créteil",))


@pytest.mark.stack
async def test_declared_topics_are_created_once_with_their_configuration_and_their_dead_letters(
    kafka_bootstrap_servers: str, unique_prefix: str, admin: AIOKafkaAdminClient
) -> None:
    declared = load()
    assert await create(kafka_bootstrap_servers, unique_prefix, declared) == 2 * len(declared)
    assert await create(kafka_bootstrap_servers, unique_prefix, declared) == 0
    created = {name for name in await admin.list_topics() if name.startswith(unique_prefix)}
    assert created == {unique_prefix + t.name + suffix for t in declared for suffix in ("", ".dlq")}
    for topic in declared:
        assert await config(admin, unique_prefix + topic.name, *topic.config()) == topic.config()
    dead = await config(admin, f"{unique_prefix}{declared[0].name}.dlq", "cleanup.policy", "retention.ms")
    assert dead == {"cleanup.policy": "delete", "retention.ms": str(30 * _DAY_MS)}


@pytest.mark.stack
async def test_topics_can_be_created_by_two_processes_at_the_same_moment(
    kafka_bootstrap_servers: str, unique_prefix: str, admin: AIOKafkaAdminClient
) -> None:
    declared = load()
    await asyncio.gather(*(create(kafka_bootstrap_servers, unique_prefix, declared) for _ in range(4)))
    created = [name for name in await admin.list_topics() if name.startswith(unique_prefix)]
    assert len(created) == 2 * len(declared)


@pytest.mark.stack
async def test_a_topic_that_exists_is_given_the_configuration_that_is_now_declared(
    kafka_bootstrap_servers: str, unique_prefix: str, admin: AIOKafkaAdminClient
) -> None:
    (before,) = [topic for topic in load() if topic.name == "identity.revocations.v1"]
    await create(kafka_bootstrap_servers, unique_prefix, [before])
    now = Topic(before.name, before.partitions, before.writer, before.readers, before.purpose, _DAY_MS)
    await create(kafka_bootstrap_servers, unique_prefix, [now])
    # The controller has taken it; brokers hear of it a moment later.
    async with asyncio.timeout(10):
        while await config(admin, unique_prefix + now.name, "retention.ms") != {"retention.ms": str(_DAY_MS)}:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@pytest.mark.stack
async def test_a_topic_that_exists_with_other_partitions_is_refused(
    kafka_bootstrap_servers: str, unique_prefix: str, admin: AIOKafkaAdminClient
) -> None:
    topic = Topic("essai.choses.v1", 1, "essai", (), "essai", None)
    await create(kafka_bootstrap_servers, unique_prefix, [topic])
    other = Topic("essai.choses.v1", 5, "essai", (), "essai", None)
    with pytest.raises(TopicsRefused, match="has 1 partitions and 5 are declared: they never change"):
        await create(kafka_bootstrap_servers, unique_prefix, [other])
    assert f"{unique_prefix}essai.choses.v1" in await admin.list_topics()


@pytest.mark.stack
async def test_what_kafka_will_not_create_is_said(kafka_bootstrap_servers: str, unique_prefix: str) -> None:
    impossible = Topic("un nom impossible", 1, "essai", (), "essai", None)
    with pytest.raises(TopicsRefused, match="un nom impossible"):
        await create(kafka_bootstrap_servers, unique_prefix, [impossible])


async def run(environment: dict[str, str]) -> asyncio.subprocess.Process:
    known = {name: value for name, value in os.environ.items() if name != "KAFKA_BOOTSTRAP_SERVERS"}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "infra.topics",
        "creer",
        env={**known, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_the_command_waits_for_a_kafka_that_is_away_and_says_so() -> None:
    (port,) = free_ports(1)
    process = await run({"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{port}"})
    assert process.stderr is not None
    said = await asyncio.wait_for(process.stderr.readline(), 30)
    assert said.decode() == f"waiting for Kafka at 127.0.0.1:{port}\n"
    process.terminate()
    await process.communicate()


async def test_the_command_names_the_setting_that_is_missing() -> None:
    process = await run({})
    _, said = await process.communicate()
    assert process.returncode == 1
    assert said.decode() == "setting KAFKA_BOOTSTRAP_SERVERS: Field required\n"


@pytest.mark.stack
async def test_the_command_creates_the_topics_under_their_prefix(
    kafka_bootstrap_servers: str, unique_prefix: str, admin: AIOKafkaAdminClient
) -> None:
    settings = {"PREFIXE_TOPICS": unique_prefix, "ACADEMIES_TOPICS": "lille"}
    process = await run({"KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap_servers, **settings})
    said, _ = await process.communicate()
    assert said.decode() == f"{2 * len(load())} topics created\n"
    assert f"{unique_prefix}lille.eleves.eleves.v1" in await admin.list_topics()
