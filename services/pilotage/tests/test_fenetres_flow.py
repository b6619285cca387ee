"""A window is fixed and a derogation withdrawn: by the national team only, kept, and told once."""

import pytest

from kit.mongo import Database
from kit.testing.issuer import Issuer
from kit.testing.serving import Serving
from kit.testing.topics import once_committed
from proto.pilotage.v1 import calendrier_pb2
from services.pilotage.settings import PilotageSettings
from services.pilotage.tests.calendriers import DEROGER, FIXER, QUERY, RETIRER, VOEUX, Steer, ask, wishes
from services.pilotage.tests.told import LYCEE
from socle.projections.calendrier import TOPIC
from socle.rubriques import Role
from socle.testing.rights import beat, grant, role

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("shipped")]

_SHIPPED = 3
"""Sessions whose calendars ship."""


def closing_on(day: str) -> dict[str, str]:
    """The window of wishes, of the nation, as one fixes it."""
    return VOEUX | {"fermeture": day, "fuseau": "Europe/Paris"}


async def told(settings: PilotageSettings, *, changes: int) -> list[calendrier_pb2.Calendrier]:
    """What the others hear of the session of 2025, from the calendar that ships to the last of so many changes."""
    topic = f"{settings.prefixe_topics}{TOPIC}"
    records = await once_committed(settings.kafka_bootstrap_servers, topic, _SHIPPED + changes)
    return [calendrier_pb2.Calendrier.FromString(record.value) for record in records if record.key == b"2025"]


def closing(message: calendrier_pb2.Calendrier) -> str:
    (found,) = [fenetre.fermeture for fenetre in message.fenetres if fenetre.code == VOEUX["code"]]
    return found


async def test_a_window_that_the_national_team_fixes_is_kept_and_told_once(
    nation: Steer, store: Database, settings: PilotageSettings
) -> None:
    fixed = await nation(FIXER, f=closing_on("2025-03-20"))
    assert fixed["refus"] == []
    assert wishes(fixed["calendrier"]) == {"fermeture": "2025-03-20", "fuseau": "Europe/Paris"}
    assert (await nation(QUERY, a="creteil"))["fenetres"] == fixed["calendrier"]["fenetres"]
    kept = await store.calendriers.find_one({"_id": "2025"})
    assert await nation(FIXER, f=closing_on("2025-03-20")) == fixed
    assert await store.calendriers.find_one({"_id": "2025"}) == kept
    await nation(FIXER, f=closing_on("2025-03-25"))
    assert [closing(message) for message in await told(settings, changes=2)] == [
        "2025-03-13",
        "2025-03-20",
        "2025-03-25",
    ]


async def test_a_derogation_that_is_withdrawn_gives_the_nations_window_back_and_is_told_once(
    nation: Steer, store: Database, settings: PilotageSettings
) -> None:
    await nation(DEROGER, f=VOEUX)
    withdrawn = await nation(RETIRER)
    assert withdrawn["refus"] == []
    assert wishes(withdrawn["calendrier"]) == {"fermeture": "2025-03-13", "fuseau": "Europe/Paris"}
    assert (await nation(QUERY, a="la-reunion"))["fenetres"] == withdrawn["calendrier"]["fenetres"]
    kept = await store.calendriers.find_one({"_id": "2025"})
    assert await nation(RETIRER) == withdrawn
    assert await store.calendriers.find_one({"_id": "2025"}) == kept
    await nation(DEROGER, f=VOEUX)
    own = [[held.academie for held in message.derogations] for message in await told(settings, changes=3)]
    assert own == [[], ["la-reunion"], [], ["la-reunion"]]


async def test_nobody_else_fixes_a_window_or_withdraws_a_derogation(
    nation: Steer, served: Serving, issuer: Issuer, store: Database
) -> None:
    await nation(DEROGER, f=VOEUX)
    before = await store.calendriers.find({}).sort("_id", 1).to_list(None)
    await grant(store, "01ACADEMIE", role(Role.ADMIN_ACADEMIQUE, academie="la-reunion"))
    await grant(store, "01CHEF", role(Role.CHEF_ETABLISSEMENT, uai=LYCEE))
    await grant(store, "01PARTI", role(Role.ADMIN_NATIONAL), actif=False)
    cases: list[tuple[dict[str, str], str]] = [
        (issuer.authorization(sub="01ACADEMIE"), "NON_AUTORISE"),
        (issuer.authorization(sub="01CHEF"), "NON_AUTORISE"),
        (issuer.authorization(sub="01PARTI"), "NON_AUTORISE"),
        ({}, "NON_AUTHENTIFIE"),
    ]
    for headers, code in cases:
        await beat(store)
        for answer in (
            await ask(served, headers, FIXER, f=closing_on("2025-03-20")),
            await ask(served, headers, RETIRER),
        ):
            assert answer["data"] is None
            assert [error["extensions"]["code"] for error in answer["errors"]] == [code]
    assert await store.calendriers.find({}).sort("_id", 1).to_list(None) == before
