"""The candidates' site, played on the real broker: what eleves will read of it."""

import asyncio
import json
from datetime import date
from pathlib import Path

import pytest
from aiokafka import ConsumerRecord
from click.testing import CliRunner, Result

from generateur.__main__ import main
from generateur.dossiers import Phase
from generateur.site_candidats import TOPIC
from kit.consumer.messages import Received, decode
from kit.testing.fixtures import CreateTopics
from kit.testing.forwarding import forwarding
from kit.testing.serving import free_port
from kit.testing.topics import committed
from kit.testing.waiting import eventually
from kit.versions import Version
from proto.candidats.v1 import dossiers_pb2

stack = pytest.mark.stack
type Play = tuple[str, ...]


def invoke(*arguments: str, env: dict[str, str | None]) -> Result:
    return CliRunner().invoke(main, list(arguments), env=env)


@pytest.fixture
def drawn(tmp_path: Path) -> Play:
    """Options of a small draw, and its offer."""
    CliRunner().invoke(main, ["offre", str(tmp_path), "--formations", "40"], catch_exceptions=False)
    return ("--offre", str(tmp_path / "offre.csv"), "--lycee", "0779000P=60", "--hors-lycee", "25")


async def play(drawn: Play, phase: Phase, servers: str, prefix: str) -> Result:
    env: dict[str, str | None] = {"KAFKA_BOOTSTRAP_SERVERS": servers, "PREFIXE_TOPICS": prefix}
    return await asyncio.to_thread(invoke, "jouer-candidats", *drawn, "--phase", phase.name, env=env)


def states(drawn: Play, phase: Phase, folder: Path) -> dict[str, dict[str, object]]:
    """What the command `candidats` writes with the same options, by key."""
    path = folder / f"{phase.name}.jsonl"
    assert invoke("candidats", str(path), *drawn, "--phase", phase.name, env={}).exit_code == 0
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {f"{line['session']}/{line['candidat']}": line for line in lines}


async def read(servers: str, prefix: str) -> list[tuple[Received[dossiers_pb2.Dossier], ConsumerRecord]]:
    records = await committed(servers, prefix + TOPIC)
    return [(decode(record, dossiers_pb2.Dossier), record) for record in records]


def as_written(message: dossiers_pb2.Dossier, line: dict[str, object]) -> dict[str, object]:
    """The message in the words of the JSON file; what the site does not tell is taken from there."""
    none_if_empty = {"inscrit_le": message.inscrit_le or None, "demission_le": message.demission_le or None}
    types = {voeu["formation"]: voeu["type"] for voeu in line["voeux"]}  # type: ignore[attr-defined]
    return {
        "candidat": message.candidat,
        "session": message.session,
        "ine": message.ine,
        "cordees": message.cordees_consenties,
        **none_if_empty,
        **{name: line[name] for name in ("version", "uai", "boursier")},
        "voeux": [
            {
                "formation": voeu.formation,
                "type": types[voeu.formation],
                "etat": voeu.etat,
                "formule_le": voeu.formule_le,
                "confirme_le": voeu.confirme_le or None,
                "rang": voeu.rang or None,
                "proposition_le": voeu.proposition_le or None,
                "reponse_le": voeu.reponse_le or None,
            }
            for voeu in message.voeux
        ],
    }


@stack
async def test_what_is_read_back_is_what_the_generator_draws_and_a_later_phase_follows(
    drawn: Play, kafka_bootstrap_servers: str, unique_prefix: str, create_topics: CreateTopics, tmp_path: Path
) -> None:
    await create_topics([TOPIC])
    for phase in (Phase.VOEUX, Phase.FIN_PRINCIPALE):
        said = await play(drawn, phase, kafka_bootstrap_servers, unique_prefix)
        assert (said.exit_code, said.output) == (0, f"{TOPIC}: 85 states published\n")
    received = await read(kafka_bootstrap_servers, unique_prefix)
    for phase in (Phase.VOEUX, Phase.FIN_PRINCIPALE):
        expected = states(drawn, phase, tmp_path)
        of_phase = {r.key: r.message for r, _ in received if r.version == Version(1, phase)}
        assert of_phase.keys() == expected.keys()
        for key, message in of_phase.items():
            assert message is not None
            assert as_written(message, expected[key]) == expected[key]
    assert len(received) == 170
    last = {r.key: r.version for r, _ in received}
    assert set(last.values()) == {Version(1, Phase.FIN_PRINCIPALE)}


@stack
async def test_a_phase_that_is_played_twice_says_the_same_bytes_at_the_same_version(
    drawn: Play, kafka_bootstrap_servers: str, unique_prefix: str, create_topics: CreateTopics
) -> None:
    await create_topics([TOPIC])
    for _ in range(2):
        assert (await play(drawn, Phase.CONFIRMATION, kafka_bootstrap_servers, unique_prefix)).exit_code == 0
    received = await read(kafka_bootstrap_servers, unique_prefix)
    assert len(received) == 170
    once = {(r.key, r.version, record.partition, record.value) for r, record in received}
    assert len(once) == 85


@stack
async def test_states_carry_the_headers_of_every_event_and_no_key_tells_an_ine(
    drawn: Play, kafka_bootstrap_servers: str, unique_prefix: str, create_topics: CreateTopics
) -> None:
    await create_topics([TOPIC])
    await play(drawn, Phase.VOEUX, kafka_bootstrap_servers, unique_prefix)
    received = await read(kafka_bootstrap_servers, unique_prefix)
    names = ["ce_specversion", "ce_id", "ce_source", "ce_time", "version", "ce_type", "content-type"]
    for state, record in received:
        headers = dict(record.headers)
        assert list(headers) == names
        assert headers["ce_source"] == b"/services/site-candidats"
        assert headers["ce_type"] == b"candidats.v1.Dossier"
        assert headers["ce_id"] == f"{TOPIC}/{state.key}/1.{Phase.VOEUX}".encode()
        assert state.message is not None
        assert state.key == f"2025/{state.message.candidat}"
        assert state.message.ine not in state.key
        assert all(date.fromisoformat(voeu.formule_le) for voeu in state.message.voeux)


@stack
async def test_the_player_waits_for_a_kafka_that_comes_later_and_says_so(
    drawn: Play, kafka_bootstrap_servers: str, unique_prefix: str, create_topics: CreateTopics
) -> None:
    await create_topics([TOPIC])
    port = free_port()
    playing = asyncio.create_task(play(drawn, Phase.VOEUX, f"127.0.0.1:{port}", unique_prefix))
    await asyncio.wait({playing}, timeout=0.5)
    assert not playing.done()
    async with forwarding(port, f"kafka://{kafka_bootstrap_servers}"):
        await asyncio.wait_for(playing, 30)
    said = playing.result()
    assert said.exit_code == 0
    assert said.stderr == f"Kafka does not answer at 127.0.0.1:{port} yet: waiting for it\n"

    async def all_there() -> bool:
        return len(await committed(kafka_bootstrap_servers, unique_prefix + TOPIC)) == 85

    await eventually(all_there)


def test_without_the_address_of_kafka_the_player_says_which_setting_is_missing(drawn: Play) -> None:
    said = invoke("jouer-candidats", *drawn, env={"KAFKA_BOOTSTRAP_SERVERS": None})
    assert said.exit_code == 2
    assert "KAFKA_BOOTSTRAP_SERVERS" in said.output
