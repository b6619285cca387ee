"""The pages of what happens once or seldom: a newcomer's steps, a number, another password, a lock, a lost factor."""

import secrets
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyotp
import pytest

from infra.local.connexion import Boite
from kit.errors import Refusal
from services.identity.domain.audit import OPERATEUR
from services.identity.store.facteurs import FACTEURS
from services.identity.store.sessions import SESSIONS
from services.identity.tests.conftest import MOT_DE_PASSE, Titulaire
from services.identity.tests.navigateur.chromium import Fournisseur, Onglet
from services.identity.tests.visites import link, open_directly
from services.identity.usecases.comptes import NouveauCompte, create_compte, issue_link
from services.identity.usecases.connexion import check_password
from services.identity.usecases.coordonnees import ask_address
from services.identity.usecases.secours import renew_codes
from socle.principal import RoleTenu
from socle.rubriques import Role
from socle.testing.calendriers import publish_shipped

pytestmark = [pytest.mark.stack, pytest.mark.long]

GESTIONNAIRE = RoleTenu(role=Role.GESTIONNAIRE, uai="0940001A")
ADMINISTRATEUR = RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai="0940001A")
CHOISI = "sept lanternes vertes au grenier"
AVANT = datetime(2020, 1, 1, tzinfo=UTC)
PROPRES = ("adresse", "mobile", "mot-de-passe", "application", "codes-de-secours", "cles")

type Voir = Callable[[str], Coroutine[Any, Any, None]]


@pytest.fixture
def voir(onglet: Onglet, tmp_path: Path) -> Voir:
    """Examine the page that is there, which has this title: nothing is wrong with it."""

    async def examine(title: str) -> None:
        assert await onglet.title() == title
        assert await onglet.examine(tmp_path) == []
        assert [said for said in onglet.plaintes if "422" not in said and "404" not in said] == []

    return examine


def numero() -> str:
    return f"06{secrets.randbelow(10**8):08d}"


def international(number: str) -> str:
    return f"+33{number[1:]}"


def letters() -> str:
    return "".join(chr(ord("a") + int(digit, 16)) for digit in uuid4().hex)


async def give_code(onglet: Onglet, boite: Boite, to: str, button: str = "Valider") -> None:
    """Type the code that was sent to a mailbox or a number."""
    await onglet.fill(code=await boite.code_after(to, 0))
    await onglet.press(button)


async def test_a_new_administrator_goes_from_its_link_to_its_account(
    onglet: Onglet, fournisseur: Fournisseur, voir: Voir
) -> None:
    deps, boite, number = fournisseur.identity.deps, Boite(fournisseur.identity.courriels), numero()
    nouveau = NouveauCompte(
        courriel=f"lou.{letters()}@ac-creteil.fr", nom="Vidal", prenom="Lou", roles=(ADMINISTRATEUR,)
    )
    lien = await issue_link(deps, await create_compte(deps, nouveau, par=OPERATEUR))
    await onglet.go(f"/activation?lien={lien}")
    await voir("Activez votre compte")
    await onglet.fill(mot_de_passe="trop court", confirmation="autre", mobile="01 42 34 56 78")
    await onglet.press("Activer le compte")
    await voir("Activez votre compte")
    await onglet.fill(mot_de_passe=MOT_DE_PASSE, confirmation=MOT_DE_PASSE, mobile=number)
    await onglet.press("Activer le compte")
    await give_code(onglet, boite, nouveau.courriel)
    await voir("Ajoutez une application de codes")
    key = await onglet.page.locator("code").first.inner_text()
    await onglet.fill(code=pyotp.TOTP(key.replace(" ", "")).now())
    await onglet.press("Ajouter l'application")
    await voir("Vérifiez votre numéro de mobile")
    await onglet.press("Recevoir un code par SMS")
    await voir("Vérifiez votre numéro de mobile")
    await onglet.fill(code="000000")
    await onglet.press("Vérifier le numéro")
    await voir("Vérifiez votre numéro de mobile")
    await give_code(onglet, boite, international(number), "Vérifier le numéro")
    await voir("Vous êtes connecté")


async def test_who_becomes_an_administrator_is_asked_for_a_number(
    onglet: Onglet, fournisseur: Fournisseur, voir: Voir
) -> None:
    identity, number = fournisseur.identity, numero()
    boite, someone = Boite(identity.courriels), await identity.account(GESTIONNAIRE)
    await identity.give_role(someone, ADMINISTRATEUR)
    await onglet.sign_in(someone)
    await voir("Code reçu par courriel")
    await give_code(onglet, boite, someone.personne.courriel)
    await voir("Donnez votre numéro de mobile")
    await onglet.fill(mobile="0612")
    await onglet.press("Enregistrer ce numéro")
    await voir("Donnez votre numéro de mobile")
    await onglet.fill(mobile=number)
    await onglet.press("Enregistrer ce numéro")
    await voir("Vérifiez votre numéro de mobile")


async def test_another_password_is_chosen_at_the_first_connection_of_the_session(
    onglet: Onglet, fournisseur: Fournisseur, voir: Voir
) -> None:
    database, someone = fournisseur.identity.deps.database, await fournisseur.identity.account(GESTIONNAIRE)
    await publish_shipped(database, 2025)
    await database[FACTEURS.name].update_one(
        {"_id": someone.compte.id}, {"$set": {"mot_de_passe_choisi_le": AVANT, "connecte_le": AVANT}}
    )
    await onglet.sign_in(someone)
    await voir("Choisissez un nouveau mot de passe")
    await onglet.fill(mot_de_passe=MOT_DE_PASSE, confirmation=MOT_DE_PASSE)
    await onglet.press("Changer le mot de passe")
    await voir("Choisissez un nouveau mot de passe")
    await onglet.fill(mot_de_passe=CHOISI, confirmation=CHOISI)
    await onglet.press("Changer le mot de passe")
    await voir("Votre compte")


async def test_a_locked_account_is_unlocked_by_the_link_that_its_owner_is_sent(
    onglet: Onglet, fournisseur: Fournisseur, voir: Voir
) -> None:
    deps, someone = fournisseur.identity.deps, await fournisseur.identity.account(GESTIONNAIRE)
    for _ in range(11):
        with pytest.raises(Refusal):
            await check_password(deps, someone.personne.courriel, "faux", demande="")
    await onglet.password(someone)
    await voir("Connexion")
    await onglet.go(f"/deblocage?lien={await link(someone, 'Votre compte est verrouillé pour un moment')}")
    await voir("Déverrouillez votre compte")
    await onglet.press("Déverrouiller le compte")
    await voir("Votre compte est déverrouillé")
    await onglet.password(someone)
    assert await onglet.title() != "Connexion"


async def test_a_new_address_is_confirmed_from_its_mailbox(
    onglet: Onglet, fournisseur: Fournisseur, voir: Voir
) -> None:
    someone, new = await fournisseur.identity.account(GESTIONNAIRE), f"lou.{letters()}@ac-creteil.fr"
    await ask_address(fournisseur.identity.deps, await open_directly(someone), new)
    await onglet.go(f"/adresse?lien={await link(someone, 'Confirmez votre nouvelle adresse', to=new)}")
    await voir("Confirmez votre adresse")
    await onglet.press("Confirmer cette adresse")
    await voir("Votre adresse est confirmée")


async def test_who_has_lost_its_application_signs_in_by_a_recovery_code(
    onglet: Onglet, fournisseur: Fournisseur, voir: Voir
) -> None:
    someone = await fournisseur.identity.account(GESTIONNAIRE)
    codes = await renew_codes(fournisseur.identity.deps, await open_directly(someone))
    await onglet.password(someone, "/connexion?suite=compte")
    await onglet.go("/connexion/code?moyen=secours")
    await voir("Code de secours")
    await onglet.fill(code="aaaaa-aaaaa")
    await onglet.press("Valider")
    await voir("Code de secours")
    await onglet.fill(code=codes[0])
    await onglet.press("Valider")
    await voir("Votre compte")


async def test_the_pages_that_ask_to_sign_in_again_and_those_of_what_is_not_there(
    onglet: Onglet, fournisseur: Fournisseur, tmp_path: Path
) -> None:
    someone = await fournisseur.identity.account(GESTIONNAIRE)
    await onglet.sign_in(someone)
    await let_time_pass(fournisseur, someone)
    wrong: list[str] = []
    for name in PROPRES:
        await onglet.go(f"/compte/{name}")
        assert await onglet.page.get_by_role("link", name="Se reconnecter").count() == 1, name
        wrong += await onglet.examine(tmp_path)
    for path in ("/rien", "/authorize?client_id=inconnu", "/deblocage?lien=x", "/activation?lien=x"):
        await onglet.go(path)
        wrong += await onglet.examine(tmp_path)
    assert wrong == []


async def let_time_pass(fournisseur: Fournisseur, who: Titulaire) -> None:
    """Let its sessions have been opened too long ago for what is sensitive."""
    deps = fournisseur.identity.deps
    opened = {"$set": {"authentifie_le": deps.clock() - deps.acte_sensible - timedelta(minutes=1)}}
    await deps.database[SESSIONS.name].update_many({"compte": who.compte.id}, opened)
