"""Recovery codes: made by who is signed in, used once, told to their owner."""

import asyncio
import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.connexion import Page
from kit.testing.waiting import eventually
from services.identity.mfa.secours import NOMBRE, new_codes, normalize
from services.identity.store.secours import SECOURS, count_left
from services.identity.store.sessions import SESSIONS
from services.identity.tests.conftest import Identity, Titulaire
from services.identity.tests.visites import SECOURS as PAGE
from services.identity.tests.visites import Visite
from socle.principal import RoleTenu
from socle.rubriques import Role

GESTIONNAIRE = RoleTenu(role=Role.GESTIONNAIRE, uai="0940001A")
ADMINISTRATEUR = RoleTenu(role=Role.ADMIN_NATIONAL)
SECOURS_DEMANDE = "/connexion/code?moyen=secours"


@pytest.mark.exigence("ASVS 6.5.3", "ASVS 6.5.4", "ANSSI generation")
def test_codes_are_ten_different_ones_that_nobody_misreads() -> None:
    codes = new_codes()
    assert len(set(codes)) == NOMBRE == 10
    assert all(re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}", code) for code in codes)


@given(st.sampled_from(new_codes()), st.sampled_from(["-", " ", "", "\u2013", " - "]), st.booleans())
def test_a_code_is_read_however_it_is_typed(code: str, between: str, lower: bool) -> None:
    typed = code.replace("-", between).replace("0", "O").replace("1", "l")
    assert normalize(typed.lower() if lower else typed) == normalize(code) == code.replace("-", "")


@pytest.fixture
async def someone(identity: Identity) -> Titulaire:
    return await identity.account(GESTIONNAIRE)


async def mails(who: Titulaire) -> list[dict[str, object]]:
    return await who.browser().boite._messages(who.personne.courriel)


async def amr(who: Titulaire) -> list[str]:
    """How the account proved itself the last time it signed in."""
    rows = who.identity.deps.database[SESSIONS.name].find({"compte": who.compte.id}).sort([("_id", -1)])
    return list((await rows.to_list(1))[0]["amr"])


@pytest.mark.stack
async def test_a_code_signs_in_once_without_the_application_and_its_owner_is_told(someone: Titulaire) -> None:
    codes = await (await Visite(someone).signed_in()).new_codes()
    assert len(codes) == 10
    lost = Visite(someone)
    await lost.password()
    answer = await lost.recover(codes[0].lower().replace("-", " "))
    assert answer.headers["location"] == "/"
    assert "Vous êtes connecté" in (await lost.get("/")).text
    assert await amr(someone) == ["pwd", "recovery"]

    async def told() -> list[str]:
        return [
            str(m["texte"]) for m in await mails(someone) if m["sujet"] == "Un code de secours a servi à vous connecter"
        ]

    (text,) = await eventually(told)
    assert re.search(r"Bonjour Camille,.*Il vous en reste 9\..*Prévenez sans attendre", text, re.DOTALL)
    again = Visite(someone)
    await again.password()
    refused = await again.recover(codes[0])
    assert refused.status_code == 422
    assert "a déjà servi" in Page(refused.text).refus
    assert 'aria-describedby="code-erreur code-aide"' in refused.text


@pytest.mark.stack
async def test_for_an_administrator_a_code_stands_for_the_application_or_for_the_mailbox_and_not_for_both(
    identity: Identity,
) -> None:
    administrator = await identity.account(ADMINISTRATEUR)
    codes = await (await Visite(administrator).signed_in()).new_codes()
    no_application = Visite(administrator)
    await no_application.password()
    seen = await no_application.browser.boite.last(administrator.personne.courriel)
    answer = await no_application.recover(codes[0])
    assert answer.headers["location"] == "/connexion/code"
    page = (await no_application.get(SECOURS_DEMANDE)).text
    assert Page(page).form("/connexion/envoi") is not None, "a second recovery code is not taken"
    mailed = await no_application.browser.boite.code_after(administrator.personne.courriel, seen)
    answer = await no_application.submit("/connexion/code", "/connexion/code", code=mailed)
    assert answer.headers["location"] == "/"
    assert await amr(administrator) == ["pwd", "email", "recovery"]
    no_mailbox = Visite(administrator)
    await no_mailbox.password()
    await no_mailbox.totp()
    assert (await no_mailbox.recover(codes[1])).headers["location"] == "/"
    assert await amr(administrator) == ["pwd", "otp", "recovery"]


@pytest.mark.exigence("ASVS 6.5.1")
@pytest.mark.stack
async def test_one_code_used_by_many_at_once_signs_one_in(someone: Titulaire) -> None:
    codes = await (await Visite(someone).signed_in()).new_codes()
    sessions = [Visite(someone) for _ in range(5)]
    for session in sessions:
        await session.password()
    answers = await asyncio.gather(*(session.recover(codes[3]) for session in sessions))
    assert sorted(answer.status_code for answer in answers) == [303, 422, 422, 422, 422]
    assert await count_left(someone.identity.deps.database, someone.compte.id) == 9


@pytest.mark.exigence("CNIL-2025-019 secours", "ANSSI recouvrement")
@pytest.mark.stack
async def test_new_codes_end_the_earlier_ones_and_their_owner_is_told(someone: Titulaire) -> None:
    session = await Visite(someone).signed_in()
    earlier = await session.new_codes()
    newer = await session.new_codes()
    assert not set(earlier) & set(newer)

    async def told() -> bool:
        return [m["sujet"] for m in await mails(someone)].count("Vos codes de secours ont été renouvelés") == 2

    await eventually(told)
    lost = Visite(someone)
    await lost.password()
    assert (await lost.recover(earlier[0])).status_code == 422
    assert (await lost.recover(newer[0])).is_redirect


@pytest.mark.exigence("ASVS 6.5.2")
@pytest.mark.stack
async def test_codes_are_shown_once_and_kept_as_fingerprints(someone: Titulaire) -> None:
    session = await Visite(someone).signed_in()
    codes = await session.new_codes()
    assert "il vous en reste 10" in (await session.get("/")).text
    shown = (await session.get(PAGE)).text
    kept = str(await someone.identity.deps.database[SECOURS.name].find({"compte": someone.compte.id}).to_list(None))
    for code in codes:
        assert code not in shown
        assert normalize(code) not in kept


@pytest.mark.stack
async def test_codes_of_somebody_else_are_worth_nothing(someone: Titulaire, identity: Identity) -> None:
    codes = await (await Visite(await identity.account(GESTIONNAIRE)).signed_in()).new_codes()
    await (await Visite(someone).signed_in()).new_codes()
    lost = Visite(someone)
    await lost.password()
    assert (await lost.recover(codes[0])).status_code == 422


@pytest.mark.stack
async def test_codes_are_not_offered_to_who_has_none(someone: Titulaire) -> None:
    session = Visite(someone)
    await session.password()
    assert "moyen=secours" not in (await session.get("/connexion/code")).text
    await (await Visite(someone).signed_in()).new_codes()
    assert "moyen=secours" in (await session.get("/connexion/code")).text


@pytest.mark.stack
async def test_guessing_them_is_counted_with_the_other_codes_of_the_account(someone: Titulaire) -> None:
    await (await Visite(someone).signed_in()).new_codes()
    guesser = Visite(someone)
    await guesser.password()
    refused = [Page((await guesser.recover("AAAAA-AAAAA")).text).refus for _ in range(11)]
    assert sum("ne convient pas" in refus for refus in refused) == 10
    assert "Trop d'essais" in refused[10]


@pytest.mark.exigence("ASVS 7.5.1")
@pytest.mark.stack
async def test_they_are_made_by_who_signed_in_within_ten_minutes_and_signing_in_again_leads_back(
    someone: Titulaire,
) -> None:
    session = await Visite(someone).signed_in()
    database = someone.identity.deps.database
    earlier = someone.identity.deps.clock() - timedelta(minutes=11)
    form = Page((await session.get(PAGE)).text).form(PAGE)
    assert form is not None
    await database[SESSIONS.name].update_many({"compte": someone.compte.id}, {"$set": {"authentifie_le": earlier}})
    refused = await session.http.post(session.url + PAGE, data=form.champs)
    assert refused.status_code == 422
    assert "plus assez récente" in Page(refused.text).refus
    assert await count_left(database, someone.compte.id) == 0
    page = (await session.get(PAGE)).text
    assert Page(page).form(PAGE) is None
    assert 'href="/connexion?suite=codes-de-secours"' in page
    await session.password("/connexion?suite=codes-de-secours")
    assert (await session.totp()).headers["location"] == PAGE
    assert len(await session.new_codes()) == 10


@pytest.mark.stack
@pytest.mark.parametrize("suite", ["https://ailleurs.example", "//ailleurs.example", "/logout", ""])
async def test_a_sign_in_leads_to_no_other_page_than_ours(someone: Titulaire, suite: str) -> None:
    session = Visite(someone)
    await session.password(f"/connexion?suite={suite}")
    assert (await session.totp()).headers["location"] == "/"


@pytest.mark.stack
async def test_nobody_makes_codes_for_another_or_from_elsewhere(someone: Titulaire) -> None:
    nobody = Visite(someone)
    assert (await nobody.http.get(nobody.url + PAGE)).headers["location"] == "/connexion?suite=codes-de-secours"
    assert (await nobody.http.post(nobody.url + PAGE)).headers["location"] == "/connexion?suite=codes-de-secours"
    session = await Visite(someone).signed_in()
    forged = await session.http.post(session.url + PAGE, data={"preuve": "x"})
    assert forged.status_code == 422
    assert await count_left(someone.identity.deps.database, someone.compte.id) == 0
