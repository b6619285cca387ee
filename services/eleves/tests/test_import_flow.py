"""A SIECLE file from its announcement to its report, through the real doors."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest

from generateur.ecoles import Ecole, generate_ecole
from generateur.siecle import write_eleves, write_structures, zipped
from kit.testing.topics import committed
from kit.testing.waiting import eventually
from proto.eleves.v1 import eleves_pb2
from services.eleves.tests.conftest import (
    EN_RETARD,
    FERME,
    PAS_OUVERT,
    UAI,
    VOISIN,
    Eleves,
    ServeEleves,
)
from services.eleves.tests.envois import ecole, with_student

pytestmark = pytest.mark.stack


def packed(lycee: Ecole) -> bytes:
    return zipped("ElevesSansAdresses", write_eleves(lycee))


def later(lycee: Ecole) -> Ecole:
    return replace(lycee, exportee_le=lycee.exportee_le + timedelta(days=7))


async def test_a_file_is_imported_whole_and_the_report_says_so(eleves: Eleves) -> None:
    admin = await eleves.admin()
    lycee = with_student(ecole(terminales=40, autres=5), 3, courriel=None)
    lycee = with_student(lycee, 4, balises={"DATE_NAISS": "31/02/2007"})
    done = await admin.import_files(packed(lycee), write_structures(lycee))
    assert (done["etat"], done["enRetard"], done["refus"]) == ("TERMINE", False, None)
    rapport = done["rapport"]
    counted = {name: rapport[name] for name in ("lignes", "acceptees", "nouveaux", "rejetees", "ecartees", "partis")}
    assert counted == {"lignes": 40, "acceptees": 39, "nouveaux": 39, "rejetees": 1, "ecartees": 5, "partis": 0}
    (rejet,) = rapport["rejets"]
    assert (rejet["champ"], rejet["code"]) == ("DATE_NAISS", "DATE_INVALIDE")
    assert rejet["ligne"] > 0
    assert rejet["conseil"].endswith(".")
    (tache,) = rapport["taches"]
    assert (tache["nombre"], tache["tache"]["type"]) == (1, "COURRIEL_ABSENT")
    assert await eleves.store.eleves.count_documents({"uai": UAI, "session": 2025}) == 39
    assert await eleves.store.courriels.count_documents({}) == 38


async def test_the_same_file_again_writes_and_publishes_nothing(eleves: Eleves) -> None:
    admin = await eleves.admin()
    await admin.import_files(packed(ecole(terminales=40)))
    before = await eleves.store.eleves.find({}).sort("_id", 1).to_list(None)

    async def relayed() -> bool:
        return await eleves.store.outbox.count_documents({}) == 0

    await eventually(relayed)
    again = (await admin.import_files(packed(ecole(terminales=40))))["rapport"]
    assert (again["inchanges"], again["nouveaux"], again["modifies"], again["partis"]) == (40, 0, 0, 0)
    assert await eleves.store.eleves.find({}).sort("_id", 1).to_list(None) == before
    assert await eleves.store.outbox.count_documents({}) == 0


async def test_a_later_file_changes_adds_and_takes_away(eleves: Eleves) -> None:
    admin = await eleves.admin()
    first = ecole(terminales=40)
    await admin.import_files(packed(first))
    next_file = with_student(later(first), 2, courriel="autre@courriel.example", regime="9")
    new = replace(next_file.eleves[0], eleve_id="777777", ine_rnie="123456789AB", ine_bea=None, courriel=None)
    next_file = replace(next_file, eleves=(*next_file.eleves[:-1], new))
    rapport = (await admin.import_files(packed(next_file)))["rapport"]
    counted = {name: rapport[name] for name in ("nouveaux", "modifies", "inchanges", "partis")}
    assert counted == {"nouveaux": 1, "modifies": 1, "inchanges": 38, "partis": 1}
    assert await eleves.store.eleves.count_documents({"parti_le": "2024-12-16"}) == 1
    assert await eleves.store.courriels.count_documents({}) == 40, "the address given up is free, the gone one's stays"


async def test_each_student_is_told_to_its_academie_without_a_name(eleves: Eleves, unique_prefix: str) -> None:
    admin = await eleves.admin()
    await admin.import_files(packed(ecole(terminales=12)))
    topic = f"{unique_prefix}creteil.eleves.eleves.v1"

    async def told() -> list[eleves_pb2.Eleve] | None:
        records = await committed(eleves.settings.kafka_bootstrap_servers, topic)
        if len(records) < 12:
            return None
        assert all(record.key.decode().startswith("2025/") for record in records)
        return [eleves_pb2.Eleve.FromString(record.value) for record in records]

    published = await eventually(told, within=20)
    assert published is not None
    assert {(e.uai, e.academie, e.present, e.vivier_initial) for e in published} == {(UAI, "creteil", True, True)}
    ids = {e.id for e in published}
    assert ids == {d["_id"] for d in await eleves.store.eleves.find({}).to_list(None)}


async def test_a_file_after_the_deadline_is_accepted_and_marked_late(serve_eleves: ServeEleves) -> None:
    async with serve_eleves(EN_RETARD) as late:
        done = await (await late.admin()).import_files(packed(ecole()))
    assert (done["etat"], done["enRetard"]) == ("TERMINE", True)


@pytest.mark.parametrize(("date", "said"), [(PAS_OUVERT, "13/11/2024"), (FERME, "02/02/2025")])
async def test_before_the_opening_and_after_the_closing_a_deposit_is_refused_with_the_dates(
    serve_eleves: ServeEleves, date: object, said: str
) -> None:
    async with serve_eleves(date) as closed:
        refused = await (await closed.admin()).announce([packed(ecole())])
        (refus,) = refused["refus"]
        assert refus["code"] == "FENETRE_FERMEE"
        assert said in refus["message"]
        assert await closed.store.imports.count_documents({}) == 0


async def test_who_was_given_the_right_siecle_sends_and_who_may_only_read_does_not(eleves: Eleves) -> None:
    writer = await eleves.gestionnaire()
    assert (await writer.import_files(packed(ecole())))["etat"] == "TERMINE"
    for client in (
        await eleves.gestionnaire(niveau="LECTURE"),
        await eleves.gestionnaire(rubrique="ELEVES"),
        await eleves.admin(VOISIN),
        eleves.client("01INCONNU"),
    ):
        answer = await client.ask(
            f'mutation($f: [FichierInput!]!) {{ demanderDepot(uai: "{UAI}", fichiers: $f) {{ refus {{ code }} }} }}',
            f=[{"nom": "x", "taille": 1, "sha256": "0" * 64}],
        )
        assert answer["errors"][0]["extensions"]["code"] == "NON_AUTORISE"
    assert await eleves.store.imports.count_documents({}) == 1


async def test_a_right_taken_away_since_the_announcement_is_refused_at_the_door(eleves: Eleves) -> None:
    writer = await eleves.gestionnaire()
    announced = await writer.announce([b"x"])
    eleves.identite.withdraw(f"01GEST{UAI}SIECLEECRITURE")
    answer = await writer.put(announced["fichiers"][0]["url"], b"x")
    assert (answer.status_code, answer.json()["code"]) == (403, "NON_AUTORISE")
    assert await eleves.store["envois.files"].count_documents({}) == 0


async def test_an_address_serves_its_announcer_once_and_only_for_what_was_announced(eleves: Eleves) -> None:
    admin, other = await eleves.admin(), await eleves.gestionnaire()
    content = packed(ecole())
    url = (await admin.announce([content]))["fichiers"][0]["url"]
    assert (await other.put(url, content)).status_code == 404
    assert (await replace(admin, headers={}).put(url, content)).status_code == 401
    for wrong in (content[:-1], content + b"x", content[:-1] + b"x"):
        answer = await admin.put(url, wrong)
        assert (answer.status_code, answer.json()["code"]) == (409, "CONTENU_INATTENDU")
    assert await eleves.store["envois.chunks"].count_documents({}) == 0
    both = await asyncio.gather(admin.put(url, content), admin.put(url, content))
    assert sorted(answer.status_code for answer in both) == [202, 409]
    assert (await admin.put(url, content)).json()["code"] == "DEPOT_CLOS"
    assert await eleves.store["envois.files"].count_documents({}) == 1


@pytest.mark.parametrize(
    "fichiers",
    [
        [],
        [{"nom": "x", "taille": 0, "sha256": "0" * 64}],
        [{"nom": "x", "taille": 65 * 1024**2, "sha256": "0" * 64}],
        [{"nom": "x", "taille": 1, "sha256": "Z" * 64}],
        [{"nom": " ", "taille": 1, "sha256": "0" * 64}],
        [{"nom": "x", "taille": 1, "sha256": "0" * 64}] * 4,
    ],
    ids=["none", "empty", "too large", "no fingerprint", "no name", "too many"],
)
async def test_what_cannot_be_sent_is_refused_when_announced(eleves: Eleves, fichiers: list[dict[str, object]]) -> None:
    admin = await eleves.admin()
    answer = await admin.ask(
        "mutation($u: ID!, $f: [FichierInput!]!) { demanderDepot(uai: $u, fichiers: $f) { refus { code message } } }",
        u=UAI,
        f=fichiers,
    )
    (refus,) = answer["data"]["demanderDepot"]["refus"]
    assert refus["code"] == "DEPOT_INVALIDE"
    assert refus["message"].endswith(".")


async def test_of_two_schools_that_import_one_address_exactly_one_keeps_it(eleves: Eleves) -> None:
    here, there = await eleves.admin(UAI), await eleves.admin(VOISIN)
    ours = with_student(ecole(terminales=20), 0, courriel="fratrie@courriel.example")
    theirs = generate_ecole(VOISIN, session=2025, terminales=20, seed=2)
    theirs = with_student(theirs, 0, courriel="Fratrie@courriel.example")
    first, second = await asyncio.gather(here.send(packed(ours)), there.send(packed(theirs), uai=VOISIN))
    assert (await here.ended(first))["etat"] == (await there.ended(second))["etat"] == "TERMINE"
    kept = await eleves.store.eleves.find({"courriel": "fratrie@courriel.example"}).to_list(None)
    assert len(kept) == 1
    tasks = await eleves.store.eleves.find({"tache": "COURRIEL_DEJA_PRIS"}).to_list(None)
    assert len(tasks) == 1
    assert {kept[0]["uai"], tasks[0]["uai"]} == {UAI, VOISIN}


async def test_students_who_exchange_their_addresses_in_one_file_both_have_one(eleves: Eleves) -> None:
    admin = await eleves.admin()
    lycee = ecole()
    await admin.import_files(packed(lycee))
    first, second = lycee.eleves[0].courriel, lycee.eleves[1].courriel
    swapped = with_student(with_student(lycee, 0, courriel=second), 1, courriel=first)
    rapport = (await admin.import_files(packed(swapped)))["rapport"]
    assert (rapport["modifies"], rapport["taches"]) == (2, [])
    again = (await admin.import_files(packed(swapped)))["rapport"]
    assert again["inchanges"] == 12


async def test_an_address_given_up_may_be_taken_by_another_school(eleves: Eleves) -> None:
    here, there = await eleves.admin(UAI), await eleves.admin(VOISIN)
    lycee = with_student(ecole(), 0, courriel="partage@courriel.example")
    await here.import_files(packed(lycee))
    theirs = with_student(generate_ecole(VOISIN, session=2025, terminales=8, seed=2), 0, courriel=None)
    await there.import_files(packed(theirs), uai=VOISIN)
    await here.import_files(packed(with_student(lycee, 0, courriel="autre@courriel.example")))
    theirs = with_student(theirs, 0, courriel="partage@courriel.example")
    assert (await there.import_files(packed(theirs), uai=VOISIN))["rapport"]["modifies"] == 1


async def test_a_student_who_moves_keeps_its_id_and_the_older_file_does_not_bring_it_back(
    eleves: Eleves, unique_prefix: str
) -> None:
    rennes = "0350000K"
    here, there = await eleves.admin(UAI), await eleves.admin(rennes)
    lycee = ecole()
    await here.import_files(packed(lycee))
    (known,) = await eleves.store.eleves.find({"siecle.ine_rnie": lycee.eleves[0].ine_rnie}).to_list(None)
    theirs = generate_ecole(rennes, session=2025, terminales=8, seed=2)
    moved = replace(lycee.eleves[0], eleve_id="900001", classe=theirs.eleves[0].classe)
    theirs = later(replace(theirs, eleves=(moved, *theirs.eleves[1:])))
    rapport = (await there.import_files(packed(theirs), uai=rennes))["rapport"]
    assert (rapport["arrives"], rapport["nouveaux"]) == (1, 7)
    held = await eleves.store.eleves.find_one({"_id": known["_id"]})
    assert held is not None
    assert (held["uai"], held["academie"], held["courriel"]) == (rennes, "rennes", known["courriel"])
    again = (await here.import_files(packed(lycee)))["rapport"]
    assert [rejet["code"] for rejet in again["rejets"]] == ["ELEVE_AILLEURS"]

    async def told(academie: str) -> list[tuple[int, bool]]:
        topic = f"{unique_prefix}{academie}.eleves.eleves.v1"
        records = await committed(eleves.settings.kafka_bootstrap_servers, topic)
        own = [r for r in records if r.key.decode() == known["_id"]]
        versions = [int(dict(r.headers)["version"]) for r in own]
        present = [eleves_pb2.Eleve.FromString(r.value).present for r in own]
        return list(zip(versions, present, strict=True))

    async def both() -> bool:
        return len(await told("creteil")) == 2 and len(await told("rennes")) == 1

    await eventually(both, within=20)
    (first, departure), (arrival,) = await told("creteil"), await told("rennes")
    assert departure == (first[0] + 1, False)
    assert arrival == (first[0] + 2, True)


async def test_the_import_of_another_school_is_not_shown(eleves: Eleves) -> None:
    id = await (await eleves.admin()).send(packed(ecole()))
    await (await eleves.admin()).ended(id)
    query = "query($id: ID!) { importSiecle(id: $id) { rapport { lignes } } }"
    for client, code in (
        (await eleves.admin(VOISIN), "NON_AUTORISE"),
        (eleves.client("01INCONNU"), "NON_AUTORISE"),
        (replace(await eleves.admin(), headers={}), "NON_AUTHENTIFIE"),
    ):
        answer = await client.ask(query, id=id)
        assert answer["errors"][0]["extensions"]["code"] == code
        assert answer["data"] == {"importSiecle": None}


async def test_a_file_larger_than_announced_stops_being_read(eleves: Eleves) -> None:
    admin = await eleves.admin()
    announced = await admin.ask(
        "mutation($u: ID!, $f: [FichierInput!]!) { demanderDepot(uai: $u, fichiers: $f) { fichiers { url } } }",
        u=UAI,
        f=[{"nom": "x", "taille": 10, "sha256": sha256(b"x").hexdigest()}],
    )
    url = announced["data"]["demanderDepot"]["fichiers"][0]["url"]
    answer = await admin.put(url, b"x" * 3_000_000)
    assert answer.status_code == 409
    assert await eleves.store["envois.chunks"].count_documents({}) == 0
