"""From a SIECLE file to the head of school: every figure counted again from the files alone, by tests/e2e/recompte.py;
the trace of the upload; and nothing of a student where it should not be.
"""

import asyncio
import os
import sys
import zipfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from lxml import etree

from infra.local import demonstration
from infra.local.connexion import Personne, sign_in
from infra.local.demonstration import MOT_DE_PASSE, comptes, totp
from infra.local.processes import ROOT
from kit.testing.waiting import eventually
from tests.e2e.depots import Frontend
from tests.e2e.recompte import Indicateurs, Recompte, recount
from tests.e2e.running import Up, path_to_root, running

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

OPERATION = """
query($uai: ID!) {
  etablissement(uai: $uai) {
    eleves(first: 1) { totalCount }
    classes { effectif }
    indicateurs { etablissement { ...Tous } academie { ...Tous } nation { ...Tous } }
    formations(first: 100) { edges { node { id capacite rapport { chiffres {
      places voeuxConfirmes propositions acceptes enAttente refusFormation demissions
    } } } } }
  }
}
fragment Tous on Indicateurs { candidaturesEnAttente voeuxEnAttente ensemble { ...Chiffres } series { ...Chiffres } }
fragment Chiffres on ChiffresIndicateurs {
  serie vivier vivierInitial inscrits sansVoeu auMoinsUnL1OuPass seulementL1OuPass tauxParticipation tauxSansVoeu
  tauxAuMoinsUnL1OuPass tauxSeulementL1OuPass
}
"""


@dataclass(frozen=True, slots=True)
class Files:
    """What the platform was fed with."""

    folder: Path
    candidats: Path

    @property
    def lycees(self) -> dict[str, int]:
        return demonstration.lycees(self.folder)

    @property
    def siecle(self) -> list[Path]:
        return sorted(self.folder.glob("siecle*/**/ExportXML_Eleves*.zip"))

    def recount(self) -> Recompte:
        """All figures, from the files."""
        return recount(
            session=2025,
            siecle=self.siecle,
            nomenclature=next(self.folder.glob("siecle*/**/ExportXML_Nomenclature.zip")),
            candidats=[self.candidats],
            offre=self.folder / "offre.csv",
            lycees=self.folder / "lycees.csv",
        )


@pytest.fixture(scope="module")
async def up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Up]:
    """One platform for all of these."""
    async with running(tmp_path_factory.mktemp("plateforme")) as started:
        yield started


@pytest.fixture(scope="module")
async def files(up: Up) -> Files:
    """The demonstration's files, the candidates' states written as they were played."""
    folder = up.folder / "demonstration"
    written = folder / "candidats.jsonl"
    sized = [part for uai, n in demonstration.lycees(folder).items() for part in ("--lycee", f"{uai}={n}")]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "generateur", "candidats", str(written), "--offre", str(folder / "offre.csv"), *sized),
        *("--hors-lycee", str(demonstration.HORS_LYCEE), "--phase", "FIN_PRINCIPALE"),
        cwd=ROOT,
        env=dict(os.environ),
    )
    assert await process.wait() == 0
    return Files(folder, written)


async def frontend(up: Up, court: str) -> Frontend:
    (compte,) = [c for c in comptes(up.folder / "demonstration") if c.nom_court == court]
    personne = Personne(courriel=compte.courriel, mot_de_passe=MOT_DE_PASSE, totp=totp(court))
    jetons = await sign_in(up.url("IDENTITY_PORT"), up.url("PORT_COURRIELS"), personne)
    return Frontend(up.url("PASSERELLE_PORT"), jetons.access_token)


@pytest.fixture(scope="module")
async def shown(up: Up, files: Files) -> dict[str, dict[str, Any]]:
    """What each head is shown of its school, once the last file is sent and everything has followed."""
    ici, voisin, *_ = files.lycees
    administrator = await frontend(up, "administrateur")
    packed = {path.name: path.read_bytes() for path in sorted(demonstration.a_deposer(files.folder).iterdir())}
    assert (await administrator.ended(await administrator.deposit(ici, packed)))["etat"] == "TERMINE"
    chef, voisine = await frontend(up, "chef"), await frontend(up, "voisin")
    expected = files.recount()

    async def followed() -> dict[str, dict[str, Any]] | None:
        found = {}
        for client, uai in ((chef, ici), (voisine, voisin)):
            answer = await client.ask(OPERATION, uai=uai)
            assert "errors" not in answer, answer["errors"]
            found[uai] = answer["data"]["etablissement"]
        nation = found[ici]["indicateurs"]["nation"]["ensemble"]
        own = found[ici]["indicateurs"]["etablissement"]["ensemble"]
        complete = (nation["vivier"], own["inscrits"]) == (expected.nation().vivier, expected.lycee(ici).inscrits)
        return found if complete and _told(found) == _expected_told(expected, found) else None

    found = await eventually(followed, within=60)
    assert found is not None
    return found


def _told(found: dict[str, dict[str, Any]]) -> int:
    return sum(
        edge["node"]["rapport"]["chiffres"]["voeuxConfirmes"]
        for etablissement in found.values()
        for edge in etablissement["formations"]["edges"]
    )


def _expected_told(expected: Recompte, found: dict[str, dict[str, Any]]) -> int:
    return sum(
        expected.rapports[edge["node"]["id"]].voeux_confirmes
        for etablissement in found.values()
        for edge in etablissement["formations"]["edges"]
    )


def _figures(row: dict[str, Any]) -> Indicateurs:
    return Indicateurs(
        row["vivier"],
        row["vivierInitial"],
        row["inscrits"],
        row["sansVoeu"],
        row["auMoinsUnL1OuPass"],
        row["seulementL1OuPass"],
    )


async def test_a_heads_own_figures_are_those_of_the_files_in_total_and_by_serie(
    files: Files, shown: dict[str, dict[str, Any]]
) -> None:
    expected = files.recount()
    assert len(shown) == 2
    for uai, etablissement in shown.items():
        own = etablissement["indicateurs"]["etablissement"]
        assert _figures(own["ensemble"]) == expected.lycee(uai)
        assert own["ensemble"]["vivier"] == etablissement["eleves"]["totalCount"] == files.lycees[uai]
        assert sum(classe["effectif"] for classe in etablissement["classes"]) == files.lycees[uai]
        assert own["candidaturesEnAttente"] == own["voeuxEnAttente"] == 0
        series = {row["serie"]: _figures(row) for row in own["series"]}
        recounted = {serie for kind, name, serie in expected.indicateurs if (kind, name) == ("lycee", uai) and serie}
        assert series == {serie: expected.lycee(uai, serie) for serie in recounted}
        for row in (own["ensemble"], *own["series"]):
            counted = expected.lycee(uai, row["serie"] or "")
            assert row["tauxParticipation"] == _rate(counted.taux_participation)
            for rate, number in (
                ("tauxSansVoeu", counted.sans_voeu),
                ("tauxAuMoinsUnL1OuPass", counted.au_moins_un_l1_ou_pass),
                ("tauxSeulementL1OuPass", counted.seulement_l1_ou_pass),
            ):
                assert row[rate] == _rate(counted.part_des_inscrits(number))


def _rate(rate: Fraction | None) -> float | None:
    return None if rate is None else float(rate)


async def test_the_academies_and_the_nations_figures_are_those_of_the_files_where_they_are_shown(
    files: Files, shown: dict[str, dict[str, Any]]
) -> None:
    expected = files.recount()
    compared = hidden = 0
    for uai, etablissement in shown.items():
        for place in ("academie", "nation"):
            found = etablissement["indicateurs"][place]
            for row, name in [(found["ensemble"], ""), *((row, row["serie"]) for row in found["series"])]:
                own = _figures(row)
                right = expected.academie("creteil", name) if place == "academie" else expected.nation(name)
                for figure in Indicateurs.__slots__:
                    value = getattr(own, figure)
                    hidden += value is None
                    compared += value is not None
                    assert value is None or value == getattr(right, figure), (place, name, figure)
                    # A small group is shown to nobody but those who know each of its students: their own school.
                    known = getattr(expected.lycee(uai, name), figure)
                    assert value is None or not 0 < value - known < 5, (place, name, figure)
                    assert value is None or not 0 < value < 5 or value == known, (place, name, figure)
    assert compared > 50
    assert hidden > 0, "the demonstration has small groups"


async def test_each_drafts_figures_are_those_of_the_candidates_files(
    files: Files, shown: dict[str, dict[str, Any]]
) -> None:
    expected = files.recount()
    drafts = [edge["node"] for found in shown.values() for edge in found["formations"]["edges"]]
    assert len(drafts) > 10
    for formation in drafts:
        chiffres, counted = formation["rapport"]["chiffres"], expected.rapports[formation["id"]]
        assert chiffres == {
            "places": counted.places,
            "voeuxConfirmes": counted.voeux_confirmes,
            "propositions": counted.propositions,
            "acceptes": counted.acceptes,
            "enAttente": counted.en_attente,
            "refusFormation": counted.refus_formation,
            "demissions": counted.demissions,
        }
    assert sum(formation["rapport"]["chiffres"]["acceptes"] for formation in drafts) > 0


async def test_one_trace_goes_from_the_upload_through_the_outbox_and_kafka_to_the_projection_in_pilotage(
    up: Up, shown: dict[str, dict[str, Any]]
) -> None:
    assert shown
    wanted = [
        ("pilotage", "consume"),
        ("eleves", "outbox send"),
        ("eleves", "import siecle"),
        ("eleves", "put /depots/{fichier}"),
    ]

    async def found() -> bool:
        async with httpx.AsyncClient(base_url=up.url("PORT_ZIPKIN"), timeout=20) as client:
            asked: dict[str, str | int] = {"serviceName": "pilotage", "spanName": "consume", "limit": 200}
            traces = (await client.get("/api/v2/traces", params=asked)).json()
        return any(wanted == path_to_root(trace, span)[1:] for trace in traces for span in trace)

    await eventually(found, within=30)


async def test_nothing_of_a_student_is_in_any_span_log_metric_or_kafka_key(
    up: Up, files: Files, shown: dict[str, dict[str, Any]]
) -> None:
    assert shown
    secrets = [secret for eleve in students(files) for secret in eleve]
    assert len(secrets) > 500
    texts = {path.name: path.read_text(errors="replace") for path in sorted((up.folder / "logs").glob("*.log"))}
    async with httpx.AsyncClient(timeout=20) as client:
        texts["spans"] = (await client.get(f"{up.url('PORT_ZIPKIN')}/api/v2/traces", params={"limit": 3000})).text
        for port in ("PASSERELLE_PORT", "IDENTITY_PORT", "OFFRE_PORT", "ELEVES_PORT", "PILOTAGE_PORT", "RAPPORTS_PORT"):
            texts[port] = (await client.get(f"{up.url(port)}/metrics")).text
    texts["Kafka keys"] = " ".join(await kafka_keys(f"127.0.0.1:{up.ports['PORT_KAFKA']}"))
    lengths = {name: len(texts[name]) for name in ("spans", "eleves.log", "Kafka keys")}
    assert min(lengths.values()) > 100, lengths
    for where, text in texts.items():
        held = text.casefold()
        leaked = [secret for secret in secrets if secret.casefold() in held]
        assert not leaked, f"something of a student is in {where}"


def students(files: Files) -> Iterator[tuple[str, ...]]:
    """What must not leave of each student: its INE, its address, its name with its forename."""
    for path in files.siecle:
        with zipfile.ZipFile(path) as archive:
            root = etree.fromstring(archive.read(archive.namelist()[0]))
        for eleve in root.iter("ELEVE"):
            text = {child.tag: child.text or "" for child in eleve}
            named = f"{text['NOM_DE_FAMILLE']} {text['PRENOM']}"
            yield tuple(filter(None, (text.get("INE_RNIE"), text.get("INE_BEA"), text.get("MEL"), named)))


async def kafka_keys(servers: str) -> list[str]:
    """The key of every record of every topic."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    names = [name for name in await admin.list_topics() if not name.startswith("__")]
    described = await admin.describe_topics(names)
    await admin.close()
    partitions = [TopicPartition(t["topic"], p["partition"]) for t in described for p in t["partitions"]]
    async with AIOKafkaConsumer(bootstrap_servers=servers, auto_offset_reset="earliest") as consumer:
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        keys = []
        while [p for p in partitions if await consumer.position(p) < ends[p]]:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                keys += [(record.key or b"").decode() for record in records]
        return keys
