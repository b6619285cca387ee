"""Known devices through the pages: what they spare, when they do not, and what they keep open (ADR 031 and 032)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from infra.local.connexion import ConnexionRefusee, Jetons, Page
from services.identity import origine
from services.identity.condensats import new_secret
from services.identity.deps import Deps
from services.identity.domain.audit import OPERATEUR
from services.identity.domain.facteurs import asked_factors
from services.identity.store.appareils import APPAREILS, devices_of, find_appareil
from services.identity.store.sessions import FAMILLES, SESSIONS
from services.identity.store.work import Work
from services.identity.tests.conftest import MOT_DE_PASSE, Identity
from services.identity.usecases.appareils import device_of
from services.identity.usecases.comptes import set_password
from services.identity.usecases.connexion import check_password
from services.identity.usecases.en_cours import find_in_progress
from socle.principal import RoleTenu
from socle.rubriques import Role

GESTIONNAIRE = RoleTenu(role=Role.GESTIONNAIRE, uai="0940001A")
ADMINISTRATEUR = RoleTenu(role=Role.ADMIN_NATIONAL)


@contextmanager
def at(adresse: str) -> Iterator[None]:
    """Whatever is asked within comes from that address."""
    token = origine._adresse.set(adresse)
    try:
        yield
    finally:
        origine._adresse.reset(token)


async def proof(identity: Identity, jetons: Jetons) -> tuple[str, tuple[str, ...]]:
    token = await identity.verifier.verify(jetons.access_token)
    return token.acr, token.amr


@pytest.mark.parametrize(
    ("acr_values", "factors"), [("2", 2), ("3 2", 2), ("3", 3), ("", 1), ("1", 1), ("urn:autre", 1), ("9 3", 3)]
)
def test_a_client_asks_for_factors_by_their_number_and_what_we_do_not_know_asks_nothing(
    acr_values: str, factors: int
) -> None:
    assert asked_factors(acr_values) == factors


@pytest.mark.stack
async def test_a_known_device_at_the_same_address_signs_in_by_two_pages_and_says_so(identity: Identity) -> None:
    someone = await identity.account(GESTIONNAIRE)
    browser = someone.browser()
    assert await proof(identity, await browser.sign_in()) == ("2", ("pwd", "otp"))
    assert await proof(identity, await browser.sign_in(prompt="login")) == ("1", ("pwd",))
    (kept,) = await identity.deps.database[APPAREILS.name].find({"compte": someone.compte.id}).to_list(None)
    assert "127.0.0.1" not in str(kept)
    assert browser._http.cookies["appareil"] not in str(kept)
    # The same browser is no known device of anybody else.
    other = await identity.account(GESTIONNAIRE)
    browser.personne = other.personne
    assert await proof(identity, await browser.sign_in(prompt="login")) == ("2", ("pwd", "otp"))


@pytest.mark.stack
async def test_another_address_is_asked_for_every_factor(identity: Identity) -> None:
    someone = await identity.account(GESTIONNAIRE)
    browser = someone.browser()
    await browser.sign_in()
    known = browser._http.cookies["appareil"]

    async def spared(adresse: str, deps: Deps = identity.deps, *, acr: int = 1) -> bool:
        with at(adresse):
            secret = await check_password(
                deps, someone.personne.courriel, MOT_DE_PASSE, demande="", acr=acr, navigateur=known
            )
        return (await find_in_progress(deps, secret)).parcours.epargnes

    assert await spared("127.0.0.1")
    assert not await spared("192.0.2.1")
    assert not await spared("127.0.0.1", acr=2), "a client that asks for two is given two"
    many = replace(identity.deps, adresses_connues_jours=30)
    assert await spared("127.0.0.1", many)
    assert not await spared("192.0.2.1", many)


@pytest.mark.stack
async def test_devices_are_forgotten_with_the_password_and_the_oldest_beyond_ten(identity: Identity) -> None:
    someone = await identity.account(GESTIONNAIRE)
    deps, compte = identity.deps, someone.compte
    secrets = [new_secret() for _ in range(11)]
    for rank, secret in enumerate(secrets):
        now = deps.clock() + timedelta(seconds=rank)

        async def body(work: Work, secret: str = secret, now: datetime = now) -> None:
            await work.appareils.proved(
                device_of(deps, secret, compte.id), compte.id, "lieu", 2, now=now, duree=deps.appareil_connu
            )

        await deps.transact(body)

    async def known() -> list[bool]:
        return [
            await find_appareil(deps.database, device_of(deps, secret, compte.id), now=deps.clock()) is not None
            for secret in secrets
        ]

    assert await known() == [False] + [True] * 10
    await set_password(deps, compte, "tramway orange derriere la colline", par=OPERATEUR)
    assert await known() == [False] * 11
    assert len(await devices_of(deps.database, compte.id)) == 11, "nothing is deleted to be forgotten"


@pytest.mark.stack
async def test_for_how_long_a_device_is_known_is_a_setting(identity: Identity) -> None:
    compte, deps = (await identity.account(GESTIONNAIRE)).compte, identity.deps
    now, device = deps.clock(), device_of(deps, new_secret(), compte.id)

    async def body(work: Work) -> None:
        await work.appareils.proved(device, compte.id, "lieu", 2, now=now, duree=timedelta(days=3))

    await deps.transact(body)
    assert await find_appareil(deps.database, device, now=now + timedelta(days=3, seconds=-1)) is not None
    assert await find_appareil(deps.database, device, now=now + timedelta(days=3, seconds=1)) is None


@pytest.mark.stack
async def test_a_spared_session_is_raised_by_what_is_missing_and_its_clients_go_on(identity: Identity) -> None:
    someone = await identity.account(GESTIONNAIRE)
    browser = someone.browser()
    await browser.sign_in()
    spared = await identity.verifier.verify((await browser.sign_in(prompt="login")).access_token)
    with pytest.raises(ConnexionRefusee, match="login_required"):
        await browser.sign_in(prompt="none", acr_values="2", max_age="600")
    page = await browser._http.get(f"{identity.url}/connexion?acr_values=2")
    assert Page(page.text).form("/connexion") is None, "the password was shown a moment ago"
    raised = await identity.verifier.verify((await browser.sign_in(acr_values="2", max_age="600")).access_token)
    assert (raised.acr, raised.amr) == ("2", ("pwd", "otp"))
    assert raised.auth_time == spared.auth_time, "a proof is as old as its oldest factor"
    database = identity.deps.database
    sessions = await database[SESSIONS.name].find({"compte": someone.compte.id, "fin_le": None}).to_list(None)
    assert len(sessions) == 1
    assert await database[FAMILLES.name].count_documents({"session": sessions[0]["_id"], "fin_le": None}) == 3
    # Asked again a moment after, nothing is missing.
    assert (await browser.sign_in(prompt="none", acr_values="2", max_age="600")).access_token


@pytest.mark.stack
async def test_a_proof_that_is_too_old_is_shown_again_whole(identity: Identity) -> None:
    someone = await identity.account(GESTIONNAIRE)
    browser = someone.browser()
    first = await identity.verifier.verify((await browser.sign_in()).access_token)
    earlier = identity.deps.clock() - timedelta(minutes=11)
    await identity.deps.database[SESSIONS.name].update_many(
        {"compte": someone.compte.id}, {"$set": {"authentifie_le": earlier}}
    )
    again = await identity.verifier.verify((await browser.sign_in(acr_values="2", max_age="600")).access_token)
    assert (again.acr, again.amr) == ("2", ("pwd", "otp"))
    assert again.auth_time >= first.auth_time


@pytest.mark.stack
async def test_no_other_site_has_a_code_sent_by_leading_the_browser_to_the_confirmation(identity: Identity) -> None:
    someone = await identity.account(GESTIONNAIRE, totp=False)
    browser = someone.browser()
    await browser.sign_in()
    await browser.sign_in(prompt="login")
    seen = await browser.boite.last(someone.personne.courriel)
    await browser._http.get(f"{identity.url}/connexion?acr_values=2")
    forged = await browser._http.post(f"{identity.url}/connexion/confirmation?acr_values=2", data={"preuve": "x"})
    assert forged.status_code == 422
    assert await browser.boite.last(someone.personne.courriel) == seen
