"""`kill -9` of any one process while it works: nothing acknowledged is lost, and the readers catch up."""

import asyncio
import csv
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from generateur.ecoles import Ecole, alter, generate_ecole
from generateur.offre import generate, write_lycees, write_offre
from generateur.siecle import write_eleves
from infra.local.platform import Platform
from kit.mongo import Database, Document, open_database
from kit.testing.waiting import eventually
from socle.academies import academie_by_slug
from tests.e2e.affichage import has_followed, require_exact, require_offer, series_of, show
from tests.e2e.candidats import draw_arrivals, publish, write_states
from tests.e2e.depots import sign_in_as
from tests.e2e.droits import DEMANDES, LECTEURS, Demande, compte_of, give_right, told_of_right
from tests.e2e.fichiers import read_demonstration
from tests.e2e.recompte import Recompte
from tests.e2e.refus import is_refused
from tests.e2e.running import owned, run

UAI = "0779000P"
_VIVIER = "query($uai: ID!) { indicateurs(uai: $uai) { etablissement { ensemble { vivier } } } }"
pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    """A platform of the test's own."""
    async with owned(tmp_path) as started:
        yield started


def write_files(folder: Path, *, places: int) -> Path:
    """An offer whose formations all have so many places, and its lycées."""
    offre = generate(academie_by_slug("creteil"), lycees=60, superieurs=20, formations=1500, seed=3)
    for row in offre.formations:
        row["capa_fin"] = str(places)
    write_offre(offre, folder / "offre.csv")
    write_lycees(offre, folder / "lycees.csv")
    return folder / "offre.csv"


async def load(platform: Platform, file: Path) -> int:
    """Run the loading command; its status says whether the load was acknowledged."""
    return await run(platform, "services.offre", "charger-formations", str(file))


async def count(database: Database, places: int) -> int:
    return await database.formations.count_documents({"capacite": places, "_id": {"$regex": "^2025/"}})


async def test_killing_any_process_while_an_offer_is_loaded_loses_nothing(platform: Platform, tmp_path: Path) -> None:
    uri = platform.settings.ports.mongodb_uri
    for places, victim in enumerate(("mongodb", "kafka", "offre", "rapports"), start=901):
        file = write_files(tmp_path, places=places)
        with file.open(encoding="utf-8") as text:
            expected = sum(1 for _ in csv.DictReader(text, delimiter=";"))
        source, reader = open_database(uri, "offre"), open_database(uri, "rapports")
        loading = asyncio.create_task(load(platform, file))

        async def begun(database: Database = source, now: int = places) -> bool:
            return await count(database, now) > 0

        await eventually(begun, within=120, every=0.1)
        platform.supervisor.kill9(victim)
        await platform.supervisor.restart(victim)
        if await loading != 0:
            # Not acknowledged, so it is done again: what was already saved is not changed twice.
            assert await load(platform, file) == 0

        async def caught_up(database: Database = reader, now: int = places, all_of_them: int = expected) -> bool:
            return await count(database, now) == all_of_them

        # A count reads the whole collection: asked without a pause, it would be what the readers wait for.
        await eventually(caught_up, within=90, every=0.5)
        assert await count(source, places) == expected
        source.client.close()
        reader.client.close()


def said(lycee: Ecole) -> dict[str, tuple[object, ...]]:
    """What a file says of each student, by INE."""
    return {e.ine_rnie: (e.nom, e.prenoms, e.classe, e.serie, e.bourse is not None) for e in lycee.eleves}


def kept(document: Document) -> tuple[object, ...]:
    """The same of a student as `eleves` keeps it."""
    siecle = document["siecle"]
    return siecle["nom"], tuple(siecle["prenoms"]), siecle["classe"], siecle["serie"], siecle["boursier"]


async def test_killing_any_process_while_students_are_imported_loses_nothing(platform: Platform) -> None:
    uri = platform.settings.ports.mongodb_uri
    source, reader = open_database(uri, "eleves"), open_database(uri, "pilotage")

    async def is_under_way(id: str) -> bool:
        """Whether some chunks of the import are applied, and others are not."""
        found = await source.imports.find_one({"_id": id})
        return found is not None and found["etat"] == "EN_COURS" and sum(found["travail"]["appliques"].values()) > 0

    frontend = await sign_in_as(platform.settings, "administrateur")
    lycee = replace(generate_ecole(UAI, session=2025, terminales=900, seed=7), exportee_le=datetime(2025, 1, 6, 8, 0))  # noqa: DTZ001
    for number, victim in enumerate(("eleves", "mongodb", "kafka", "pilotage", "identity", "gateway")):
        lycee = alter(lycee, part=0.5, seed=number, departs=10, arrivees=15)
        id = await frontend.deposit(UAI, {"Eleves.xml": write_eleves(lycee)})
        await eventually(partial(is_under_way, id), every=0.005)
        platform.supervisor.kill9(victim)
        assert victim != "eleves" or await is_under_way(id), "it was over before the process was killed"
        await platform.supervisor.restart(victim)
        assert (await frontend.ended(id, within=120))["etat"] == "TERMINE"
        present = await source.eleves.find({"uai": UAI, "parti_le": None}).to_list(None)
        assert {document["siecle"]["ine_rnie"]: kept(document) for document in present} == said(lycee)
        series = {document["_id"]: document["siecle"]["serie"] for document in present}

        async def caught_up(expected: dict[str, str] = series) -> bool:
            seen = await reader.eleves.find({"uai": UAI, "present": True}).to_list(None)
            return {document["_id"]: document["serie"] for document in seen} == expected

        await eventually(caught_up, within=90, every=0.5)

        async def counted(expected: int = len(series)) -> bool:
            answer = await frontend.ask(_VIVIER, uai=UAI)
            return bool(answer["data"]["indicateurs"]["etablissement"]["ensemble"]["vivier"] == expected)

        await eventually(counted, within=30, every=0.2)
    assert await run(platform, "services.pilotage", "verifier") == 0
    assert await run(platform, "services.rapports", "verifier") == 0
    source.client.close()
    reader.client.close()


async def has_more(database: Database, collection: str, than: int) -> bool:
    return bool(await database[collection].count_documents({}) > than)


async def test_killing_any_reader_of_the_candidates_states_loses_none_and_counts_none_twice(
    platform: Platform, tmp_path: Path
) -> None:
    settings = platform.settings
    files, frontend = (
        await read_demonstration(settings.demonstration),
        await sign_in_as(platform.settings, "administrateur"),
    )
    lycee = generate_ecole(UAI, session=2025, terminales=900, seed=7)
    sent = tmp_path / "Eleves.xml"
    sent.write_bytes(write_eleves(lycee))
    assert (await frontend.ended(await frontend.deposit(UAI, {sent.name: sent.read_bytes()})))["etat"] == "TERMINE"
    arrivals, told = draw_arrivals(files, [lycee]), list[Path]()
    readers = {"eleves": "dossiers", "pilotage": "candidatures", "rapports": "candidatures"}
    for number, (victim, collection) in enumerate(readers.items()):
        states = arrivals[number :: len(readers)]
        half = len(states) // 2
        database = open_database(settings.ports.mongodb_uri, victim)
        before = await database[collection].count_documents({})
        await publish(settings, states[:half])
        await eventually(partial(has_more, database, collection, before), within=30)
        platform.supervisor.kill9(victim)
        # The other half comes while it is away.
        await publish(settings, states[half:])
        await platform.supervisor.restart(victim)
        told.append(write_states(tmp_path / f"{victim}.jsonl", states))
        expected = files.recount([sent], plus_tard=told)

        async def followed(figures: Recompte = expected) -> bool:
            return has_followed(await show({UAI: frontend}), figures)

        await eventually(followed, within=90, every=0.5)
        shown = (await show({UAI: frontend}))[UAI]
        require_exact(shown["indicateurs"]["etablissement"], series_of(expected, "lycee", UAI))
        require_offer(UAI, shown, expected)
        database.client.close()
    assert await run(platform, "services.pilotage", "verifier") == 0
    assert await run(platform, "services.rapports", "verifier") == 0


async def test_killing_identity_right_after_it_gave_a_right_leaves_the_right_given_and_in_force(
    platform: Platform,
) -> None:
    administrateur, gestionnaire = [await sign_in_as(platform.settings, c) for c in ("administrateur", "gestionnaire")]
    compte, autre = await compte_of(gestionnaire), await compte_of(administrateur)

    async def asked(demande: Demande) -> dict[str, Any]:
        return await gestionnaire.ask(demande.query, uai=UAI, compte=autre)

    for rubrique, demande in DEMANDES.items():
        assert is_refused(await asked(demande), demande.refus)
        await give_right(administrateur, compte, UAI, rubrique, demande.niveau)
        platform.supervisor.kill9("identity")
        await platform.supervisor.restart("identity")
        held = (await gestionnaire.ask("{ moi { droits { rubrique } } }"))["data"]["moi"]["droits"]
        assert {"rubrique": rubrique} in held

        async def in_force(rubrique: str = rubrique, demande: Demande = demande) -> bool:
            told = await told_of_right(platform.settings.ports.mongodb_uri, compte, rubrique)
            return told == [*LECTEURS] and "errors" not in await asked(demande)

        await eventually(in_force, within=30, every=0.1)
