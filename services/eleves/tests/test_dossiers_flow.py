"""The candidates' files over the real store: in whatever order they, students and formations come."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from kit.mongo import Database
from kit.versions import Version
from services.eleves.store.candidatures import ACCUEIL, CANDIDATURES
from services.eleves.store.dossiers import DOSSIERS, count_waiting
from services.eleves.tests.candidats import INE, OUVERTES, Monde, efface, eleve, etat, formation, voeu
from services.eleves.usecases.dossiers import attach
from socle.topics import topic_of

pytestmark = pytest.mark.stack

BEA = "1234567890Q"


@pytest.fixture
def monde(store: Database) -> Monde:
    return Monde(store)


async def test_a_file_is_told_whole_to_the_lycee_and_in_part_to_hosts(monde: Monde) -> None:
    await monde.offer(formation("1", "creteil"), formation("2", "rennes"), formation("3", "rennes"))
    await monde.send(eleve("E1"))
    waiting = voeu("3", "EN_ATTENTE", rang=4, proposition_le="2025-06-02", reponse_le="2025-06-03")
    assert await monde.tell(etat("c1", 1, voeu("1"), voeu("2", "FORMULE"), waiting)) == 1
    told = (await monde.whole("creteil"))["c1"]
    assert told is not None
    assert (told.id, told.session, told.eleve, told.uai, told.academie) == (
        "2025/c1",
        2025,
        "2025/E1",
        "0779000P",
        "creteil",
    )
    assert (told.inscrit_le, told.demission_le) == ("2025-01-21", "")
    assert [(v.formation, v.etat, v.confirme_le) for v in told.voeux] == [
        ("2025/1", "CONFIRME", "2025-03-20"),
        ("2025/2", "FORMULE", ""),
        ("2025/3", "EN_ATTENTE", "2025-03-20"),
    ]
    assert (told.voeux[2].rang, told.voeux[2].proposition_le, told.voeux[2].reponse_le) == (
        4,
        "2025-06-02",
        "2025-06-03",
    )
    assert await monde.hosted("creteil") == {"c1": ["2025/1"]}
    assert await monde.hosted("rennes") == {"c1": ["2025/3"]}
    assert await monde.whole("rennes") == {}


async def test_an_older_or_repeated_state_is_ignored_and_tells_nobody(monde: Monde) -> None:
    await monde.send(eleve("E1"))
    assert await monde.tell(etat("c1", 2, voeu("1")), etat("c1", 1), etat("c1", 2, voeu("9"))) == 1
    before, events = await monde.file("c1"), await monde.count_events()
    assert await monde.tell(etat("c1", 2, voeu("2"))) == 0
    assert await monde.tell(etat("c1", 1), efface("c1", 1)) == 0
    assert (await monde.file("c1"), await monde.count_events()) == (before, events)


async def test_a_newer_state_that_says_the_same_tells_nobody(monde: Monde) -> None:
    await monde.offer(formation("1", "rennes"))
    await monde.send(eleve("E1"))
    await monde.tell(etat("c1", 1, voeu("1")))
    events = await monde.count_events()
    assert await monde.tell(etat("c1", 2, voeu("1"))) == 1
    assert await monde.count_events() == events
    assert await monde.tell(etat("c1", 1, voeu("1", "FORMULE"))) == 0


async def test_the_versions_told_are_ours_and_grow_whatever_the_site_counts(monde: Monde) -> None:
    await monde.send(eleve("E1"))
    for rank, n in enumerate((7, 50, 51), start=1):
        await monde.tell(etat("c1", n, voeu("1", rang=n)))
        assert await monde.version("creteil", CANDIDATURES, "c1") == Version(1, rank)


async def test_a_file_that_came_before_its_student_follows_it_when_it_comes(monde: Monde) -> None:
    await monde.tell(etat("c1", 1, voeu("1")), etat("c2", 1, ine=BEA), etat("c3", 1, ine=""), etat("c4", 1, ine="faux"))
    assert await monde.whole("creteil") == {}
    assert await count_waiting(monde.store) == (4, 1)
    assert await monde.send(eleve("E1"), eleve("E2", ine=None, bea=BEA)) == 2
    told = await monde.whole("creteil")
    assert {key: value and value.eleve for key, value in told.items()} == {"c1": "2025/E1", "c2": "2025/E2"}
    assert (await count_waiting(monde.store))[0] == 2
    assert await attach(monde.transact, [eleve("E1"), eleve("E2", ine=None, bea=BEA)], ouvertes=OUVERTES) == 0


async def test_a_student_of_another_session_has_not_the_file_of_this_one(monde: Monde) -> None:
    await monde.send(replace(eleve("E1"), id="2024/E1", session=2024))
    await monde.tell(etat("c1", 1))
    assert "rattachement" not in await monde.file("c1")


async def test_a_file_follows_its_student_to_another_lycee_of_the_academie(monde: Monde) -> None:
    await monde.tell(etat("c1", 1))
    (held,) = await monde.save(eleve("E1"))
    await attach(monde.transact, [held], ouvertes=OUVERTES)
    assert await monde.send(replace(held, uai="0779001R")) == 1
    told = (await monde.whole("creteil"))["c1"]
    assert told is not None
    assert told.uai == "0779001R"


async def test_a_file_follows_its_student_to_another_academie_which_is_told_a_version_later(monde: Monde) -> None:
    await monde.offer(formation("1", "creteil"))
    await monde.tell(etat("c1", 1, voeu("1")))
    (held,) = await monde.save(eleve("E1"))
    await attach(monde.transact, [held], ouvertes=OUVERTES)
    before = await monde.version("creteil", CANDIDATURES, "c1")
    assert await monde.send(replace(held, academie="rennes", uai="0350000A")) == 1
    assert await monde.whole("creteil") == {"c1": None}
    told = (await monde.whole("rennes"))["c1"]
    assert told is not None
    assert (told.eleve, told.uai, told.academie, len(told.voeux)) == ("2025/E1", "0350000A", "rennes", 1)
    assert await monde.version("creteil", CANDIDATURES, "c1") == Version(1, before.n + 1)
    assert await monde.version("rennes", CANDIDATURES, "c1") == Version(1, before.n + 2)
    assert await monde.hosted("creteil") == {"c1": ["2025/1"]}
    assert (await monde.file("c1"))["version"] == Version(1, before.n + 2).rank


async def test_a_student_who_goes_where_no_academie_is_open_is_told_to_the_one_it_leaves_alone(monde: Monde) -> None:
    (held,) = await monde.save(eleve("E1"))
    await monde.tell(etat("c1", 1))
    await monde.send(replace(held, academie="lyon", uai="0690000A"))
    assert await monde.whole("creteil") == {"c1": None}
    assert await monde.store.outbox.count_documents({"topic": topic_of("lyon", CANDIDATURES)}) == 0


async def test_a_file_whose_student_turns_out_to_have_another_ine_is_nobodys_again(monde: Monde) -> None:
    await monde.tell(etat("c1", 1))
    (held,) = await monde.save(eleve("E1"))
    await attach(monde.transact, [held], ouvertes=OUVERTES)
    corrected = replace(held, siecle=replace(held.siecle, ine_rnie="987654321BA"))
    assert await monde.send(corrected) == 1
    assert await monde.whole("creteil") == {"c1": None}
    await monde.tell(etat("c1", 2, ine="987654321BA"))
    assert (await monde.whole("creteil"))["c1"] is not None


async def test_of_two_lycees_that_have_one_student_the_file_is_where_it_is_present_then_where_it_came_last(
    monde: Monde,
) -> None:
    first, second = eleve("E1"), eleve("E2", academie="rennes", uai="0350000A")
    second = replace(second, arrive_le=second.arrive_le + timedelta(days=7))
    await monde.tell(etat("c1", 1))
    await monde.send(first)
    await monde.send(second)
    assert (await monde.file("c1"))["rattachement"]["eleve"] == "2025/E2"
    (held,) = (await monde.transact(lambda work: work.eleves.find(["2025/E2"]))).values()
    await monde.send(held.leave(date(2025, 2, 3), vivier_gele=True))
    assert (await monde.file("c1"))["rattachement"]["eleve"] == "2025/E1"


async def test_a_student_who_has_left_keeps_its_file(monde: Monde) -> None:
    (held,) = await monde.save(eleve("E1"))
    await monde.tell(etat("c1", 1))
    assert await monde.send(held.leave(date(2025, 2, 3), vivier_gele=True)) == 0
    await monde.tell(etat("c1", 2, voeu("1")))
    told = (await monde.whole("creteil"))["c1"]
    assert told is not None
    assert (told.eleve, len(told.voeux)) == ("2025/E1", 1)


async def test_when_the_last_wish_of_an_academie_goes_its_hosts_are_told_of_none(monde: Monde) -> None:
    await monde.offer(formation("1", "creteil"), formation("2", "rennes"))
    await monde.tell(etat("c1", 1, voeu("1"), voeu("2")))
    await monde.tell(etat("c1", 2, voeu("1")))
    assert await monde.hosted("rennes") == {"c1": []}
    events = await monde.count_events()
    await monde.tell(etat("c1", 3, voeu("1")))
    assert await monde.count_events() == events


async def test_an_erased_file_is_erased_wherever_it_was_told_and_a_late_state_revives_nobody(monde: Monde) -> None:
    await monde.offer(formation("1", "creteil"), formation("2", "rennes"))
    await monde.send(eleve("E1"))
    await monde.tell(etat("c1", 1, voeu("1"), voeu("2")))
    await monde.tell(etat("c1", 2, voeu("1")))
    await monde.tell(efface("c1", 3))
    assert await monde.hosted("rennes") == {"c1": None}
    assert await monde.hosted("creteil") == await monde.whole("creteil") == {"c1": None}
    assert await monde.tell(etat("c1", 2, voeu("1"))) == 0
    assert set(await monde.file("c1")) == {"_id", "version", "session", "recu", "academies_accueil"}
    assert await count_waiting(monde.store) == (0, 0)


async def test_a_wish_for_an_unknown_formation_is_told_to_its_hosts_when_the_offer_comes(monde: Monde) -> None:
    await monde.tell(*(etat(f"c{n}", 1, voeu("1"), voeu("2"), ine="") for n in range(600)))
    assert await monde.hosted("rennes") == {}
    assert await count_waiting(monde.store) == (600, 1200)
    await monde.offer(formation("1", "rennes"), formation("autre", "rennes"))
    assert await monde.hosted("rennes") == {f"c{n}": ["2025/1"] for n in range(600)}
    assert await count_waiting(monde.store) == (600, 600)
    before = await monde.count_events()
    assert await monde.offer(formation("1", "rennes")) == 0
    assert await monde.count_events() == before


async def test_a_formation_taken_back_before_it_was_known_keeps_its_wishes_waiting(monde: Monde) -> None:
    await monde.tell(etat("c1", 1, voeu("1")))
    await monde.offer(replace(formation("1", "rennes"), message=None))
    assert await count_waiting(monde.store) == (1, 1)
    await monde.offer(formation("1", "rennes", n=2))
    assert await monde.hosted("rennes") == {"c1": ["2025/1"]}


async def test_a_formation_taken_back_once_known_loses_no_wish(monde: Monde) -> None:
    await monde.offer(formation("1", "rennes"))
    await monde.tell(etat("c1", 1, voeu("1")))
    await monde.offer(replace(formation("1", "rennes", n=2), message=None))
    await monde.tell(etat("c1", 2, voeu("1", "ACCEPTE")))
    assert await monde.hosted("rennes") == {"c1": ["2025/1"]}
    assert await monde.version("rennes", ACCUEIL, "c1") == Version(1, 2)


async def test_what_is_told_of_a_file_names_neither_its_ine_nor_its_student(monde: Monde) -> None:
    await monde.offer(formation("1", "creteil"))
    await monde.send(eleve("E1"))
    await monde.tell(etat("c1", 1, voeu("1")))
    rows = await monde.store.outbox.find({}).to_list(None)
    assert len(rows) == 3
    assert not [row for row in rows if INE in repr(row) or "Martin" in repr(row)]
    assert INE in repr(await monde.store[DOSSIERS.name].find_one({}))
