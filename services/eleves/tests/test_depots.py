"""How much may be left with us, and what becomes of what never comes: on the real store."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from urllib.parse import urlsplit

import pytest

from kit.clock import technical_clock
from kit.errors import Conflict, Forbidden, Unavailable
from kit.mongo import Database
from kit.testing.waiting import eventually
from services.eleves.deps import Deps
from services.eleves.encours import ATTENDUS, GARDE, OCTETS, PlaceEpuisee, TropDeDepots
from services.eleves.imports import VALIDITE, DepotClos, EtatImport, ImportSiecle
from services.eleves.store.imports import find_import
from services.eleves.tests.conftest import DANS_LES_TEMPS, FERME, UAI, VOISIN, Client, Eleves
from services.eleves.tests.importations import open_deps, pieces, received
from services.eleves.usecases.annonces import Annonce, announce, end_overdue
from services.eleves.usecases.depots import find_awaited, receive
from services.eleves.usecases.fenetres import FenetreFermee, SessionInconnue
from socle.identifiants import uai_letter
from socle.principal import Principal, RoleTenu
from socle.rubriques import Role

pytestmark = pytest.mark.stack

LARGE = 64 * 1024**2


@pytest.fixture
async def deps(store: Database) -> Deps:
    return await open_deps(store)


def admin(compte: str = "01ADMIN") -> Principal:
    roles = tuple(RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai=uai) for uai in (UAI, VOISIN))
    return Principal(compte=compte, session="01SESSION", actif=True, roles=roles)


def still(compte: str = "01ADMIN") -> Callable[[], Awaitable[Principal]]:
    """The rights are what they were."""

    async def confirmed() -> Principal:
        return admin(compte)

    return confirmed


def annonce(content: bytes = b"x") -> Annonce:
    return Annonce(nom="x.xml", taille=len(content), sha256=sha256(content).hexdigest())


async def asked(deps: Deps, *annonces: Annonce, uai: str = UAI, compte: str = "01ADMIN") -> ImportSiecle:
    return await announce(deps, admin(compte), session=2025, uai=uai, fichiers=annonces or [annonce()])


async def sent(deps: Deps, held: ImportSiecle, rank: int, content: bytes = b"x") -> ImportSiecle:
    return await receive(deps, held, held.fichiers[rank].id, pieces(content), confirmed=still(held.compte))


def after(deps: Deps, delay: timedelta) -> Deps:
    return replace(deps, clock=lambda: technical_clock() + delay)


async def test_an_account_has_five_deposits_waiting_for_a_school_and_no_more(deps: Deps) -> None:
    waiting = [await asked(deps) for _ in range(5)]
    with pytest.raises(TropDeDepots) as refused:
        await asked(deps)
    assert refused.value.message == (
        "Vous avez déjà 5 envois en attente pour cet établissement : envoyez leurs fichiers, ou recommencez dans dix "
        "minutes, quand ils auront expiré."
    )
    await asked(deps, compte="01AUTRE")
    await asked(deps, uai=VOISIN)
    await sent(deps, waiting[2], 0)
    await asked(deps)
    with pytest.raises(TropDeDepots):
        await asked(deps)


async def test_of_deposits_asked_for_at_once_no_more_are_given_than_there_are_places(deps: Deps) -> None:
    async def one() -> bool:
        try:
            await asked(deps)
        except (TropDeDepots, Conflict):
            return False
        return True

    given = sum(await asyncio.gather(*(one() for _ in range(12))))
    assert 1 <= given <= ATTENDUS
    assert await deps.database.imports.count_documents({"etat": "ATTENDU"}) == given


async def test_a_school_keeps_and_awaits_half_a_gigabyte_and_no_more(deps: Deps) -> None:
    large = [replace(annonce(), taille=LARGE)] * 2
    for compte in ("01A", "01B", "01C", "01D"):
        await asked(deps, *large, compte=compte)
    with pytest.raises(PlaceEpuisee) as refused:
        await asked(deps)
    assert "30 jours" in refused.value.message
    await asked(deps, uai=VOISIN)
    await end_overdue(after(deps, VALIDITE))
    await asked(deps)


async def test_small_files_without_end_fill_the_place_too_and_thirty_days_later_it_is_free(deps: Deps) -> None:
    await received(deps, b"x")
    kept = await deps.database.imports.find_one({})
    assert kept is not None
    await deps.database.imports.insert_many([kept | {"_id": f"2025/{n}"} for n in range(1, OCTETS // 1024**2)])
    with pytest.raises(PlaceEpuisee):
        await asked(deps)
    await asked(after(deps, GARDE))


async def test_a_deposit_that_is_not_sent_in_ten_minutes_expires_and_what_came_of_it_is_erased(deps: Deps) -> None:
    held = await asked(deps, annonce(b"x"), annonce(b"y"))
    await sent(deps, held, 0)
    assert await end_overdue(after(deps, VALIDITE - timedelta(seconds=5))) == 0
    assert await deps.database["envois.files"].count_documents({}) == 1
    assert await end_overdue(after(deps, VALIDITE)) == 1
    ended = await find_import(deps.database, held.id)
    assert ended is not None
    assert (ended.etat, ended.over, ended.fichiers) == (EtatImport.EXPIRE, True, held.fichiers)
    for collection in ("envois.files", "envois.chunks"):
        assert await deps.database[collection].count_documents({}) == 0
    with pytest.raises(DepotClos):
        await find_awaited(deps, admin(), held.fichiers[1].id)
    assert await end_overdue(after(deps, VALIDITE)) == 0


async def test_a_file_that_is_coming_when_its_deposit_expires_is_refused_and_not_kept(deps: Deps) -> None:
    held = await asked(deps)
    await end_overdue(after(deps, VALIDITE))
    with pytest.raises(DepotClos):
        await sent(deps, held, 0)
    assert await deps.database["envois.files"].count_documents({}) == 0


async def test_a_deposit_whose_files_all_came_never_expires(deps: Deps) -> None:
    held = await asked(deps)
    await sent(deps, held, 0)
    assert await end_overdue(after(deps, VALIDITE)) == 0
    assert await deps.database["envois.files"].count_documents({}) == 1


@pytest.mark.parametrize("session", [1999, 2024, 2027])
async def test_a_session_that_cannot_be_open_is_refused_and_not_to_be_tried_again(deps: Deps, session: int) -> None:
    with pytest.raises(SessionInconnue, match=f"{session}"):
        await announce(deps, admin(), session=session, uai=UAI, fichiers=[annonce()])


async def test_a_session_whose_calendar_may_be_on_its_way_is_to_be_tried_again(deps: Deps) -> None:
    with pytest.raises(Unavailable):
        await announce(deps, admin(), session=2026, uai=UAI, fichiers=[annonce()])


async def test_a_file_announced_in_time_and_sent_after_the_closing_is_refused_before_it_is_read(deps: Deps) -> None:
    held = await asked(deps)
    closed, read = replace(deps, campaign_clock=lambda: FERME), False

    async def watched() -> AsyncIterator[bytes]:
        nonlocal read
        read = True
        yield b"x"

    with pytest.raises(FenetreFermee, match="02/02/2025"):
        await receive(closed, held, held.fichiers[0].id, watched(), confirmed=still())
    assert not read


async def test_a_file_that_is_still_coming_at_the_closing_is_refused_and_not_kept(deps: Deps) -> None:
    now = DANS_LES_TEMPS
    closing = replace(deps, campaign_clock=lambda: now)
    held = await asked(closing, annonce(b"xy"))

    async def slowly() -> AsyncIterator[bytes]:
        nonlocal now
        yield b"x"
        now = FERME
        yield b"y"

    with pytest.raises(FenetreFermee):
        await receive(closing, held, held.fichiers[0].id, slowly(), confirmed=still())
    await assert_awaited(deps, held)


async def test_a_right_taken_away_while_a_file_comes_is_refused_and_nothing_is_kept(deps: Deps) -> None:
    held = await asked(deps, annonce(b"xy"))
    known = admin()

    async def confirmed() -> Principal:
        return known

    async def slowly() -> AsyncIterator[bytes]:
        nonlocal known
        yield b"x"
        known = replace(known, roles=())
        yield b"y"

    with pytest.raises(Forbidden):
        await receive(deps, held, held.fichiers[0].id, slowly(), confirmed=confirmed)
    await assert_awaited(deps, held)


async def assert_awaited(deps: Deps, held: ImportSiecle) -> None:
    """Nothing of the deposit was kept, and its files may still come."""
    for collection in ("envois.files", "envois.chunks"):
        assert await deps.database[collection].count_documents({}) == 0
    now = await find_import(deps.database, held.id)
    assert now is not None
    assert (now.etat, now.fichiers) == (EtatImport.ATTENDU, held.fichiers)


async def test_the_school_sees_that_its_deposit_has_expired(eleves: Eleves) -> None:
    client = await eleves.admin()
    announced = await client.announce([b"x"])
    id = announced["import"]["id"]
    past = technical_clock() - timedelta(seconds=1)
    await eleves.store.imports.update_one({"_id": id}, {"$set": {"expire_le": past}})

    async def expired() -> bool:
        return bool((await client.follow(id))["etat"] == "EXPIRE")

    await eventually(expired, within=20)
    again = await client.announce([b"x"])
    assert again["refus"] == []


async def test_who_asks_for_too_many_deposits_is_told_what_to_do(eleves: Eleves) -> None:
    client = await eleves.admin()
    for _ in range(ATTENDUS):
        assert (await client.announce([b"x"]))["refus"] == []
    (refus,) = (await client.announce([b"x"]))["refus"]
    assert refus["code"] == TropDeDepots.code


async def test_a_lycee_whose_academie_is_not_open_yet_is_told_so(eleves: Eleves) -> None:
    lyon = "0690001" + uai_letter("0690001")
    announced = await (await eleves.admin(lyon)).announce([b"x"], lyon)
    assert (announced["import"], announced["fichiers"]) == (None, [])
    (refus,) = announced["refus"]
    assert refus["code"] == "ACADEMIE_NON_OUVERTE"
    assert refus["message"] == "Votre académie n'est pas encore ouverte sur cette plateforme : écrivez-lui."
    assert await eleves.store.imports.count_documents({}) == 0


async def send_one_byte_of_two(client: Client, url: str) -> str:
    """What the door answers in the end to whoever sends no more."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    head = {"Host": address.netloc, "Content-Length": "2", "Connection": "close"} | client.headers
    lines = [f"PUT {address.path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", "x"]
    writer.write("\r\n".join(lines).encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer.decode()


async def test_a_file_that_is_too_slow_to_come_is_refused_and_may_be_sent_again(
    eleves: Eleves, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = await eleves.admin()
    url = (await admin.announce([b"xy"]))["fichiers"][0]["url"]
    with monkeypatch.context() as hurried:
        hurried.setattr("services.eleves.routes._WITHIN_SECONDS", 0.5)
        answer = await send_one_byte_of_two(admin, url)
    assert answer.startswith("HTTP/1.1 408 ")
    assert '"code":"DEPOT_TROP_LENT"' in answer
    for collection in ("envois.files", "envois.chunks"):
        assert await eleves.store[collection].count_documents({}) == 0
    assert (await admin.put(url, b"xy")).status_code == 202
