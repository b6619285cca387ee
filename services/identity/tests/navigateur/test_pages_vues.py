"""Every page in a real browser: on a telephone, at twice its size, for a screen reader, by the keyboard alone."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pyotp
import pytest

from services.identity.domain.audit import OPERATEUR
from services.identity.tests.conftest import MOT_DE_PASSE
from services.identity.tests.navigateur.chromium import Fournisseur, Onglet, with_keys
from services.identity.tests.visites import link
from services.identity.usecases.comptes import NouveauCompte, create_compte, issue_link
from services.identity.usecases.mots_de_passe import ask_link
from socle.principal import RoleTenu
from socle.rubriques import Role

pytestmark = [pytest.mark.stack, pytest.mark.long]

GESTIONNAIRE = RoleTenu(role=Role.GESTIONNAIRE, uai="0940001A")
PROPRES = ("", "/connexions", "/adresse", "/mobile", "/mot-de-passe", "/application", "/codes-de-secours", "/cles")


async def see(onglet: Onglet, screenshots: Path, wrong: list[str]) -> None:
    wrong += await onglet.examine(screenshots)


async def test_every_page_before_signing_in_can_be_read_by_everybody(
    onglet: Onglet, fournisseur: Fournisseur, tmp_path: Path
) -> None:
    wrong: list[str] = []
    identity = fournisseur.identity
    for path in ("/", "/securite", "/connexion", "/mot-de-passe-oublie", "/mot-de-passe?lien=x", "/adresse?lien=x"):
        await onglet.go(path)
        await see(onglet, tmp_path, wrong)
    await onglet.go("/connexion/sans-mot-de-passe")
    await see(onglet, tmp_path, wrong)
    await onglet.go("/connexion")
    await onglet.fill(courriel="nul.inconnu@ac-creteil.fr", mot_de_passe="faux")
    await onglet.press("Continuer")
    await see(onglet, tmp_path, wrong)
    await onglet.go("/mot-de-passe-oublie")
    await onglet.fill(courriel="nulle.inconnue@ac-creteil.fr")
    await onglet.press("Recevoir un lien")
    await see(onglet, tmp_path, wrong)
    someone = await identity.account(GESTIONNAIRE)
    await ask_link(identity.deps, someone.personne.courriel)
    await onglet.go(f"/mot-de-passe?lien={await link(someone, 'Choisissez un nouveau mot de passe')}")
    await see(onglet, tmp_path, wrong)
    await onglet.fill(mot_de_passe="trop court", confirmation="trop court")
    await onglet.press("Changer le mot de passe")
    await see(onglet, tmp_path, wrong)
    await onglet.fill(mot_de_passe="sept lanternes vertes au grenier", confirmation="sept lanternes vertes au grenier")
    await onglet.press("Changer le mot de passe")
    await see(onglet, tmp_path, wrong)
    nouveau = NouveauCompte(courriel="page.vue@ac-creteil.fr", nom="Garrigue", prenom="Noé")
    lien = await issue_link(identity.deps, await create_compte(identity.deps, nouveau, par=OPERATEUR))
    await onglet.go(f"/activation?lien={lien}")
    await see(onglet, tmp_path, wrong)
    assert wrong == []
    assert [said for said in onglet.plaintes if "422" not in said and "404" not in said] == []


async def test_every_page_of_a_sign_in_can_be_read_by_everybody(
    onglet: Onglet, fournisseur: Fournisseur, tmp_path: Path
) -> None:
    wrong: list[str] = []
    newcomer = await fournisseur.identity.account(GESTIONNAIRE, totp=False)
    await onglet.password(newcomer)
    await see(onglet, tmp_path, wrong)
    await onglet.fill(code="000000")
    await onglet.press("Valider")
    await see(onglet, tmp_path, wrong)
    code = await newcomer.browser().boite.code_after(newcomer.personne.courriel, 0)
    await onglet.fill(code=code)
    await onglet.press("Valider")
    await see(onglet, tmp_path, wrong)
    await onglet.fill(code="000000")
    await onglet.press("Ajouter l'application")
    await see(onglet, tmp_path, wrong)
    await onglet.press("Plus tard")
    await see(onglet, tmp_path, wrong)
    await onglet.go("/logout")
    await see(onglet, tmp_path, wrong)
    assert wrong == []
    assert [said for said in onglet.plaintes if "422" not in said] == []


async def test_every_page_of_one_s_own_account_can_be_read_by_everybody(
    onglet: Onglet, fournisseur: Fournisseur, tmp_path: Path
) -> None:
    wrong: list[str] = []
    someone = await fournisseur.identity.account(GESTIONNAIRE)
    await with_keys(onglet.page)
    await onglet.sign_in(someone)
    for path in PROPRES:
        await onglet.go(f"/compte{path}")
        await see(onglet, tmp_path, wrong)
    refused: dict[str, Callable[[], Awaitable[None]]] = {
        "adresse": lambda: send(onglet, "Recevoir le lien de confirmation", courriel="contact@ac-creteil.fr"),
        "mobile": lambda: send(onglet, "Enregistrer ce numéro", mobile="01 42 34 56 78"),
        "application": lambda: send(onglet, "Ajouter l'application", code="000000"),
        "mot-de-passe": lambda: send(
            onglet, "Changer le mot de passe", ancien="faux", mot_de_passe="x" * 12, confirmation="x" * 12
        ),
    }
    for name, refuse in refused.items():
        await onglet.go(f"/compte/{name}")
        await refuse()
        await see(onglet, tmp_path, wrong)
    await onglet.go("/compte/mobile")
    await send(onglet, "Enregistrer ce numéro", mobile="06 12 34 56 78")
    await see(onglet, tmp_path, wrong)
    await onglet.go("/compte/codes-de-secours")
    await onglet.press("Créer mes codes de secours")
    await see(onglet, tmp_path, wrong)
    await onglet.go("/compte/cles")
    await send(onglet, "Ajouter une clé d'accès", nom="Ordinateur du bureau de la vie scolaire")
    await see(onglet, tmp_path, wrong)
    await onglet.page.context.clear_cookies()
    await onglet.password(someone)
    await see(onglet, tmp_path, wrong)
    assert wrong == []
    assert [said for said in onglet.plaintes if "422" not in said] == []


async def send(onglet: Onglet, button: str, **fields: str) -> None:
    await onglet.fill(**fields)
    await onglet.press(button)


async def test_a_person_signs_in_and_changes_its_password_by_the_keyboard_alone(
    onglet: Onglet, fournisseur: Fournisseur
) -> None:
    someone = await fournisseur.identity.account(GESTIONNAIRE)
    keys, page = onglet.page.keyboard, onglet.page
    await onglet.go("/connexion?suite=mot-de-passe")
    await onglet.type("courriel", someone.personne.courriel)
    await keys.press("Tab")
    await onglet.type("mot_de_passe", MOT_DE_PASSE)
    await onglet.enter()
    await onglet.type("code", pyotp.TOTP(someone.personne.totp or "").now())
    await onglet.enter()
    assert await onglet.title() == "Changer de mot de passe"
    await keys.press("Tab")
    assert await focused(onglet) == "Aller au contenu"
    seen = await page.evaluate("document.activeElement.getBoundingClientRect().left")
    assert seen >= 0, "the way to the content is shown once it has the focus"
    await keys.press("Enter")
    for typed in (MOT_DE_PASSE, "sept lanternes vertes au grenier", "sept lanternes vertes au grenier"):
        await keys.press("Tab")
        outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", "the focus is seen"
        await keys.type(typed)
    await onglet.enter()
    assert await page.get_by_role("status").inner_text() == (
        "Votre mot de passe est changé ; vos autres connexions ont été fermées."
    )


async def focused(onglet: Onglet) -> str:
    text: str = await onglet.page.evaluate("document.activeElement.textContent")
    return text.strip()
