"""The calendar through its real doors: who changes it, who sees it, and the copy the others decide by."""

from datetime import date

import pytest

from kit.clock import technical_clock
from kit.consumer.loop import Consumer
from kit.mongo import Database
from kit.mongo.migrations import Layout, generation
from kit.testing.issuer import Issuer
from kit.testing.running import running
from kit.testing.serving import Serving
from kit.testing.waiting import eventually
from services.pilotage.store.calendriers import transactor
from services.pilotage.tests.calendriers import DEROGER, QUERY, VOEUX, ask, wishes
from services.pilotage.usecases import change_window, load_shipped
from socle.fenetres import CodeFenetre, Fenetre
from socle.principal import Preuve, Principal, RoleTenu
from socle.projections import calendrier
from socle.rubriques import Role
from socle.testing.rights import beat, grant, role

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("shipped")]


async def test_shipped_calendars_are_loaded_once_and_never_over_a_change(store: Database) -> None:
    transact = transactor(store, generation=await generation(store))
    preuve = Preuve(acr="3", amr=("pwd", "otp", "email"), le=technical_clock())
    roles = (RoleTenu(role=Role.ADMIN_NATIONAL),)
    nation = Principal(compte="01N", session="01S", actif=True, preuve=preuve, roles=roles)
    later = Fenetre(code=CodeFenetre.INSCRIPTION_VOEUX, ouverture=date(2025, 1, 15), fermeture=date(2025, 3, 20))
    await change_window(transact, nation, 2025, later)
    changed = await store.calendriers.find({}).sort("_id", 1).to_list(None)
    assert [held["_id"] for held in changed] == ["2023", "2024", "2025"]
    assert await load_shipped(transact) == 0
    assert await store.calendriers.find({}).sort("_id", 1).to_list(None) == changed
    assert calendrier.read_calendrier(2025, changed[2]).fenetre(CodeFenetre.INSCRIPTION_VOEUX) == later


async def test_the_national_team_gives_an_academie_its_own_window(
    served: Serving, issuer: Issuer, store: Database
) -> None:
    await grant(store, "01NATION", role(Role.ADMIN_NATIONAL))
    await beat(store)
    headers = issuer.authorization(sub="01NATION")
    changed = (await ask(served, headers, DEROGER, f=VOEUX))["data"]["derogerFenetre"]
    assert changed["refus"] == []
    own = {"fermeture": "2025-03-14", "fuseau": "Indian/Reunion"}
    assert wishes(changed["calendrier"]) == own
    assert wishes((await ask(served, headers, QUERY, a="la-reunion"))["data"]["calendrier"]) == own
    nation = wishes((await ask(served, headers, QUERY, a="creteil"))["data"]["calendrier"])
    assert nation == {"fermeture": "2025-03-13", "fuseau": "Europe/Paris"}


async def test_nobody_else_changes_the_calendar(served: Serving, issuer: Issuer, store: Database) -> None:
    await grant(store, "01ACADEMIE", role(Role.ADMIN_ACADEMIQUE, academie="la-reunion"))
    await beat(store)
    for headers, code in (
        (issuer.authorization(sub="01ACADEMIE"), "NON_AUTORISE"),
        ({}, "NON_AUTHENTIFIE"),
    ):
        answer = await ask(served, headers, DEROGER, f=VOEUX)
        assert answer["data"] is None
        assert [error["extensions"]["code"] for error in answer["errors"]] == [code]
    answer = await ask(served, {}, QUERY)
    assert answer["data"] == {"calendrier": None}
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["NON_AUTHENTIFIE"]
    held = await store.calendriers.find_one({"_id": "2025"})
    assert held is not None
    assert held["derogations"] == []


async def test_a_change_is_refused_while_identity_is_silent_and_reading_goes_on(
    served: Serving, issuer: Issuer, store: Database
) -> None:
    await grant(store, "01NATION", role(Role.ADMIN_NATIONAL))
    headers = issuer.authorization(sub="01NATION")
    answer = await ask(served, headers, DEROGER, f=VOEUX)
    assert answer["errors"][0]["extensions"]["code"] == "INDISPONIBLE"
    assert (await ask(served, headers, QUERY, a="creteil"))["data"]["calendrier"] is not None


@pytest.mark.usefixtures("served")
async def test_the_copy_of_the_others_is_the_calendar_itself(
    store: Database, kafka_bootstrap_servers: str, unique_prefix: str, database: Database
) -> None:
    await Layout(collections=calendrier.COLLECTIONS).migrate(database)
    reading = Consumer(
        service="autre",
        bootstrap_servers=kafka_bootstrap_servers,
        prefix=unique_prefix,
        subscriptions=calendrier.subscriptions(database),
    )
    async with running(reading.run):

        async def known() -> bool:
            return await database.calendriers_projetes.count_documents({}) == 3

        await eventually(known, within=20)
    held = await store.calendriers.find_one({"_id": "2025"})
    assert held is not None
    copied = await calendrier.Calendriers(database).get(2025)
    assert copied == calendrier.read_calendrier(2025, held)
    assert copied.fenetre(CodeFenetre.REMONTEE_SIECLE) is not None


async def test_a_window_is_changed_by_who_proved_itself_within_ten_minutes_and_the_answer_says_so(
    served: Serving, issuer: Issuer, store: Database
) -> None:
    await grant(store, "01NATION", role(Role.ADMIN_NATIONAL))
    await beat(store)
    now = int(technical_clock().timestamp())
    for claims in ({"sid": "01ANCIENNE", "auth_time": now - 660}, {"sid": "01EPARGNEE", "acr": "1", "amr": ["pwd"]}):
        answer = await ask(served, issuer.authorization(sub="01NATION", **claims), DEROGER, f=VOEUX)
        assert answer["data"] is None
        (error,) = answer["errors"]
        assert error["extensions"] == {"code": "PREUVE_INSUFFISANTE", "acrValues": "2", "maxAge": 600}
        assert "confirmer qui vous êtes" in error["message"]
