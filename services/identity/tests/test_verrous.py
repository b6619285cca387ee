"""Guesses: per account, address and network; and what they never keep out, which is a known device (domaine.md §3)."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pyotp
import pytest

from infra.local.connexion import Page
from kit.testing.waiting import eventually
from services.identity import origine
from services.identity.condensats import new_secret
from services.identity.deps import Deps
from services.identity.domain.tentatives import ENTREES, of_address
from services.identity.mfa.cles_d_acces import Site
from services.identity.store.epreuves import EPREUVES
from services.identity.store.liens import LIENS
from services.identity.store.work import Work
from services.identity.tests.conftest import MOT_DE_PASSE, Identity, Titulaire
from services.identity.usecases.appareils import device_of
from services.identity.usecases.cles_d_acces import ask_any_key
from services.identity.usecases.connexion import IdentifiantsRefuses, check_password
from services.identity.usecases.seconds_facteurs import CodeRefuse, show_totp
from services.identity.usecases.tentatives import TropDeDemandes, TropDEssais, require_entry
from socle.principal import RoleTenu
from socle.rubriques import Role

GESTIONNAIRE = RoleTenu(role=Role.GESTIONNAIRE, uai="0940001A")


@contextmanager
def at(adresse: str) -> Iterator[None]:
    """Whatever is asked within comes from that address."""
    token = origine._adresse.set(adresse)
    try:
        yield
    finally:
        origine._adresse.reset(token)


def address() -> str:
    """An IPv6 address of a network that no other test is in."""
    unique = uuid4().hex
    return f"2001:{unique[:4]}:{unique[4:8]}:{unique[8:12]}::1"


async def known_device(who: Titulaire) -> str:
    """The secret of a browser in which the person has signed in."""
    deps, secret = who.identity.deps, new_secret()

    async def body(work: Work) -> None:
        device = device_of(deps, secret, who.compte.id)
        await work.appareils.proved(device, who.compte.id, "lieu", 2, now=deps.clock(), duree=deps.appareil_connu)

    await deps.transact(body)
    return secret


async def guess(deps: Deps, courriel: str, adresse: str, *, times: int, navigateur: str | None = None) -> list[str]:
    """The refusals of so many wrong passwords from there."""
    refused = []
    with at(adresse):
        for _ in range(times):
            with pytest.raises((IdentifiantsRefuses, TropDEssais)) as raised:
                await check_password(deps, courriel, "faux", demande="", navigateur=navigateur)
            refused.append(raised.value.code)
    return refused


async def nobodys(deps: Deps, *addresses: str) -> list[str]:
    """The refusals of a wrong password from each of these, for another account each time, that nobody has."""
    return [(await guess(deps, f"nul.{uuid4().hex}@ac-creteil.fr", one, times=1))[0] for one in addresses]


async def sign_in(deps: Deps, who: Titulaire, adresse: str, navigateur: str | None = None) -> str:
    with at(adresse):
        return await check_password(deps, who.personne.courriel, MOT_DE_PASSE, demande="", navigateur=navigateur)


def test_locks_of_an_address_stay_short_for_a_school_may_share_it() -> None:
    rule = of_address(100)
    assert [rule.delay(number) // timedelta(minutes=1) for number in range(6)] == [10, 20, 40, 40, 40, 40]


@pytest.mark.exigence("ASVS 6.3.1")
@pytest.mark.stack
async def test_who_guesses_from_elsewhere_locks_the_account_for_itself_and_not_for_its_owners_known_device(
    identity: Identity,
) -> None:
    someone, elsewhere = await identity.account(GESTIONNAIRE), address()
    device = await known_device(someone)
    refused = await guess(identity.deps, someone.personne.courriel, elsewhere, times=11)
    assert refused == ["IDENTIFIANTS_REFUSES"] * 10 + ["TROP_D_ESSAIS"]
    with pytest.raises(TropDEssais):
        await sign_in(identity.deps, someone, elsewhere)
    assert await sign_in(identity.deps, someone, address(), device)
    with pytest.raises(TropDEssais):
        await sign_in(identity.deps, someone, elsewhere)
    # A known device guesses as little as anybody.
    refused = await guess(identity.deps, someone.personne.courriel, address(), times=11, navigateur=device)
    assert refused == ["IDENTIFIANTS_REFUSES"] * 10 + ["TROP_D_ESSAIS"]


@pytest.mark.stack
async def test_who_guesses_codes_from_elsewhere_keeps_the_owners_known_device_in_too(identity: Identity) -> None:
    someone, elsewhere = await identity.account(GESTIONNAIRE), address()
    device = await known_device(someone)
    stolen = await sign_in(identity.deps, someone, elsewhere)
    with at(elsewhere):
        for _ in range(10):
            with pytest.raises(CodeRefuse):
                await show_totp(identity.deps, stolen, "000000")
        assert someone.personne.totp is not None
        right = pyotp.TOTP(someone.personne.totp).now()
        with pytest.raises(TropDEssais):
            await show_totp(identity.deps, stolen, right)
    own = await sign_in(identity.deps, someone, address(), device)
    assert (await show_totp(identity.deps, own, right)).parcours.moyens == ()


@pytest.mark.stack
async def test_many_wrong_accounts_from_the_address_of_a_school_stop_no_known_device_there(identity: Identity) -> None:
    someone, school = await identity.account(GESTIONNAIRE), address()
    device = await known_device(someone)
    deps = replace(identity.deps, essais_par_adresse=12)
    refused = await nobodys(deps, *[school] * 13)
    assert refused == ["IDENTIFIANTS_REFUSES"] * 12 + ["TROP_D_ESSAIS"]
    with pytest.raises(TropDEssais):
        await sign_in(deps, someone, school)
    assert await sign_in(deps, someone, school, device)
    assert await sign_in(deps, someone, address()), "the account itself is not locked"


@pytest.mark.stack
async def test_a_network_is_counted_too_and_those_who_sign_in_from_it_are_not(identity: Identity) -> None:
    someone, network = await identity.account(GESTIONNAIRE), address().removesuffix("::1")
    deps = replace(identity.deps, essais_par_reseau=3)
    within = [f"{network[:-4]}{number:04x}::1" for number in range(5)]
    for one in within:
        await sign_in(deps, someone, one)
    refused = await nobodys(deps, *within[:4])
    assert refused == ["IDENTIFIANTS_REFUSES"] * 3 + ["TROP_D_ESSAIS"]


@pytest.mark.stack
async def test_the_owner_of_a_locked_account_is_told_once_and_unlocks_it_by_the_link_once(identity: Identity) -> None:
    someone, elsewhere = await identity.account(GESTIONNAIRE), address()
    await guess(identity.deps, someone.personne.courriel, elsewhere, times=13)
    browser = someone.browser()

    async def told() -> list[str]:
        return [str(m["texte"]) for m in await browser.boite._messages(someone.personne.courriel)]

    (text,) = await eventually(told)
    found = re.search(r"http\S+/deblocage\?lien=\S+", text)
    assert found is not None
    form = Page((await browser._http.get(found[0])).text).form("/deblocage")
    assert form is not None
    with pytest.raises(TropDEssais):
        await sign_in(identity.deps, someone, elsewhere)
    done = await browser._http.post(identity.url + form.action, data=form.champs)
    assert "est déverrouillé" in done.text
    assert await sign_in(identity.deps, someone, elsewhere)
    again = await browser._http.post(identity.url + form.action, data=form.champs)
    assert (again.status_code, "a déjà servi" in again.text) == (404, True)
    assert len(await told()) == 1


@pytest.mark.stack
async def test_an_address_without_account_is_locked_alike_with_a_link_that_opens_nothing(identity: Identity) -> None:
    database = identity.deps.database

    async def links_of_nobody() -> int:
        rows = await database[LIENS.name].find({"usage": "DEBLOCAGE"}, ["compte"]).to_list(None)
        return sum(row["compte"].startswith("personne/") for row in rows)

    before = await links_of_nobody()
    refused = await guess(identity.deps, f"nul.{uuid4().hex}@ac-creteil.fr", address(), times=12)
    assert refused == ["IDENTIFIANTS_REFUSES"] * 10 + ["TROP_D_ESSAIS"] * 2
    assert await links_of_nobody() > before


@pytest.mark.stack
async def test_sign_ins_that_begin_without_a_password_are_few_from_one_place_and_in_one_visit(
    identity: Identity,
) -> None:
    deps = replace(identity.deps, site=Site(hote="localhost", origine="http://localhost:4001"), essais_par_adresse=3)
    kept = deps.database[EPREUVES.name]
    with at(address()):
        for _ in range(3):
            await ask_any_key(deps, new_secret())
        before = await kept.count_documents({})
        with pytest.raises(TropDeDemandes):
            await ask_any_key(deps, new_secret())
        assert await kept.count_documents({}) == before
    visite, deps = new_secret(), replace(deps, essais_par_adresse=1000)
    with at(address()):
        for _ in range(ENTREES.nombre):
            await require_entry(deps, "cle-seule", visite)
        with pytest.raises(TropDeDemandes):
            await ask_any_key(deps, visite)
        await ask_any_key(deps, new_secret())
