"""Passkeys in a real browser, whose authenticator is virtual and nothing else."""

import pytest

from services.identity.tests.navigateur.chromium import Fournisseur, Onglet, with_keys
from socle.principal import RoleTenu
from socle.rubriques import Role

pytestmark = [pytest.mark.stack, pytest.mark.long]

GESTIONNAIRE = RoleTenu(role=Role.GESTIONNAIRE, uai="0940001A")
ADMINISTRATEUR = RoleTenu(role=Role.ADMIN_NATIONAL)


async def enrol(onglet: Onglet) -> None:
    await onglet.go("/compte/cles")
    await onglet.fill(nom="Ordinateur du bureau")
    await onglet.press("Ajouter une clé d'accès")
    assert await onglet.page.get_by_text("Ordinateur du bureau").count() > 0


async def alone(onglet: Onglet) -> None:
    await onglet.go("/connexion?suite=compte")
    await onglet.page.get_by_role("link", name="Se connecter avec une clé d'accès").click()
    await onglet.press("Utiliser ma clé d'accès")


async def test_a_person_makes_a_key_and_signs_in_by_it_alone_until_it_is_copied(
    onglet: Onglet, fournisseur: Fournisseur
) -> None:
    someone = await fournisseur.identity.account(GESTIONNAIRE)
    session, authenticator = await with_keys(onglet.page)
    await onglet.sign_in(someone)
    await enrol(onglet)
    (copy,) = (await session.send("WebAuthn.getCredentials", {"authenticatorId": authenticator}))["credentials"]
    await onglet.page.context.clear_cookies()
    await alone(onglet)
    assert await onglet.title() == "Votre compte"
    await onglet.page.context.clear_cookies()
    await session.send("WebAuthn.clearCredentials", {"authenticatorId": authenticator})
    await session.send("WebAuthn.addCredential", {"authenticatorId": authenticator, "credential": copy})
    await alone(onglet)
    assert "semble avoir été copiée" in await onglet.page.locator("#refus").inner_text()
    refused = [said for said in onglet.plaintes if "422" not in said]
    assert refused == [], "the policy lets our script run, and nothing else is asked of the page"


async def test_an_administrator_s_key_is_its_two_other_factors_after_the_password(
    onglet: Onglet, fournisseur: Fournisseur
) -> None:
    administrator = await fournisseur.identity.account(ADMINISTRATEUR)
    await with_keys(onglet.page)
    await onglet.sign_in(administrator)
    if await onglet.title() != "Votre compte":
        courriel = administrator.personne.courriel
        seen = await administrator.browser().boite.code_after(courriel, 0)
        await onglet.fill(code=seen)
        await onglet.press("Valider")
    await enrol(onglet)
    await onglet.page.context.clear_cookies()
    await onglet.password(administrator, "/connexion?suite=compte")
    assert await onglet.title() == "Votre clé d'accès"
    await onglet.press("Utiliser ma clé d'accès")
    assert await onglet.title() == "Votre compte"


async def test_a_key_that_is_not_there_is_said_and_the_other_means_are_offered(
    onglet: Onglet, fournisseur: Fournisseur
) -> None:
    someone = await fournisseur.identity.account(GESTIONNAIRE)
    session, authenticator = await with_keys(onglet.page)
    await onglet.sign_in(someone)
    await enrol(onglet)
    await session.send("WebAuthn.clearCredentials", {"authenticatorId": authenticator})
    await onglet.page.context.clear_cookies()
    await onglet.password(someone)
    await onglet.page.get_by_role("button", name="Utiliser ma clé d'accès").click()
    await onglet.page.get_by_text("La clé n'a pas été utilisée").wait_for(state="visible")
    await onglet.page.get_by_role("link", name="Utiliser le code de mon application").click()
    assert await onglet.title() == "Code de votre application"
