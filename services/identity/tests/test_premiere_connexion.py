"""The first sign-in: of an account, which is activated by it; and of each session, which asks for another password."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import httpx
import pytest

from infra.local.connexion import Boite, Page
from services.identity.condensats import new_secret
from services.identity.domain.appareils import place
from services.identity.domain.audit import OPERATEUR
from services.identity.domain.comptes import Compte
from services.identity.domain.facteurs import Etape, Facteur
from services.identity.domain.mobiles import MobileRefuse, parse_given
from services.identity.store.appareils import find_appareil
from services.identity.store.comptes import find_compte
from services.identity.store.facteurs import FACTEURS, find_facteurs
from services.identity.store.work import Work
from services.identity.tests.conftest import MOT_DE_PASSE, Identity
from services.identity.tests.test_verrous import at
from services.identity.tests.visites import Visite
from services.identity.usecases.appareils import device_of
from services.identity.usecases.comptes import NouveauCompte, create_compte, issue_link
from services.identity.usecases.connexion import begin_by_employer
from services.identity.usecases.droits import change_compte
from services.identity.usecases.en_cours import decline_mobile, find_in_progress, has_proved_mobile
from services.identity.usecases.seconds_facteurs import CodeRefuse, give_mobile, prove_mobile, send_mobile_code
from socle.principal import RoleTenu
from socle.rubriques import Role
from socle.testing.calendriers import publish_shipped

GESTIONNAIRE = RoleTenu(role=Role.GESTIONNAIRE, uai="0940001A")
ADMINISTRATEUR = RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai="0940001A")
AVANT = datetime(2024, 11, 1, tzinfo=UTC)
"""Before the site opened for the session 2025."""
NOUVEAU = "tramway orange derrière la colline"


def test_an_administrator_gives_a_mobile_number_and_nobody_else_has_to() -> None:
    assert parse_given("06 12 34 56 78", [ADMINISTRATEUR]) == "+33612345678"
    assert parse_given("06 12 34 56 78", [GESTIONNAIRE]) == "+33612345678"
    assert parse_given("  ", [GESTIONNAIRE]) is None
    with pytest.raises(MobileRefuse, match="obligatoire"):
        parse_given("  ", [GESTIONNAIRE, ADMINISTRATEUR])
    with pytest.raises(MobileRefuse, match="06 12 34 56 78"):
        parse_given("01 57 02 68 10", [GESTIONNAIRE])


@pytest.fixture
async def http(identity: Identity) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=identity.url, follow_redirects=True, timeout=30) as client:
        yield client


async def invited(identity: Identity, role: RoleTenu) -> tuple[Compte, str]:
    """An account that waits for its owner, and its link."""
    unique = "".join(chr(ord("a") + int(digit, 16)) for digit in uuid4().hex)
    nouveau = NouveauCompte(courriel=f"noe.{unique}@ac-creteil.fr", nom="Garrigue", prenom="Noé", roles=(role,))
    compte = await create_compte(identity.deps, nouveau, par=OPERATEUR)
    return compte, await issue_link(identity.deps, compte)


@pytest.mark.stack
async def test_a_new_account_signs_in_right_after_its_activation_and_proves_its_number(
    identity: Identity, http: httpx.AsyncClient
) -> None:
    compte, lien = await invited(identity, GESTIONNAIRE)
    numero = f"+3361{secrets.randbelow(10**7):07d}"
    boite = Boite(identity.courriels)

    async def post(page: httpx.Response, action: str, **fields: str) -> httpx.Response:
        form = Page(page.text).form(action)
        assert form is not None, page.url
        return await http.post(form.action, data=form.champs | fields)

    page = await http.get(f"/activation?lien={lien}")
    chosen = {"mot_de_passe": MOT_DE_PASSE, "confirmation": MOT_DE_PASSE}
    refused = await post(page, "/activation", **chosen, mobile="01 57 02 68 10")
    assert (refused.status_code, "mobile-erreur" in refused.text) == (422, True)
    page = await post(refused, "/activation", **chosen, mobile=numero)
    assert page.url.path == "/connexion/code", "a link alone signs nobody in"
    page = await post(page, "/connexion/code", code=await boite.code_after(compte.courriel, 0))
    assert page.url.path == "/connexion/mobile"
    assert numero not in page.text
    page = await post(page, "/connexion/mobile/envoi")
    wrong = await post(page, "/connexion/mobile", code="000000")
    assert "aria-invalid" in wrong.text
    facteurs = await find_facteurs(identity.deps.database, compte.id)
    known = await find_compte(identity.deps.database, compte.id)
    assert known is not None
    assert facteurs is not None
    assert known.mobile == numero
    assert not has_proved_mobile(identity.deps, known, facteurs), "it counts once it is proved"
    page = await post(wrong, "/connexion/mobile", code=await boite.code_after(numero, 0))
    assert page.url.path == "/connexion/application"
    page = await post(page, "/connexion/application/plus-tard")
    assert "Vous êtes connecté" in page.text
    facteurs = await find_facteurs(identity.deps.database, compte.id)
    assert facteurs is not None
    assert has_proved_mobile(identity.deps, known, facteurs)


@pytest.mark.stack
async def test_who_becomes_an_administrator_gives_a_number_and_proves_that_very_one(identity: Identity) -> None:
    deps, someone = identity.deps, await identity.account(GESTIONNAIRE)
    compte = await identity.give_role(someone, ADMINISTRATEUR)
    shown = frozenset({Facteur.EMPLOYEUR, Facteur.TOTP, Facteur.COURRIEL})
    secret = await begin_by_employer(deps, compte, shown, vu_le=deps.clock(), demande="", acr=1, navigateur=None)
    assert (await find_in_progress(deps, secret)).etape is Etape.NUMERO
    with pytest.raises(MobileRefuse):
        await give_mobile(deps, secret, "01 57 02 68 10")
    theirs, other = (f"+3361{secrets.randbelow(10**7):07d}" for _ in range(2))
    assert (await give_mobile(deps, secret, theirs)).etape is Etape.MOBILE
    assert (await decline_mobile(deps, secret)).etape is Etape.MOBILE, "it is not put off"
    await send_mobile_code(deps, secret)
    code = await Boite(identity.courriels).code_after(theirs, 0)
    await give_mobile(deps, secret, other)
    with pytest.raises(CodeRefuse):
        await prove_mobile(deps, secret, code)
    await give_mobile(deps, secret, theirs)
    proved = await prove_mobile(deps, secret, code)
    assert (proved.etape, proved.parcours.faits) == (Etape.TERMINEE, shown), "a number just given proves nobody"
    excused = replace(deps, a_mobile=frozenset())
    await change_compte(deps, compte.id, lambda held: held.reach_at(None))
    assert (await find_in_progress(excused, secret)).etape is Etape.TERMINEE
    assert (await find_in_progress(deps, secret)).etape is Etape.NUMERO


@pytest.mark.stack
async def test_the_pages_lead_a_new_administrator_to_a_number_that_receives_codes(identity: Identity) -> None:
    someone = await identity.account(GESTIONNAIRE)
    await identity.give_role(someone, ADMINISTRATEUR)
    assert (await someone.browser().sign_in()).access_token
    compte = await find_compte(identity.deps.database, someone.compte.id)
    facteurs = await find_facteurs(identity.deps.database, someone.compte.id)
    assert compte is not None
    assert facteurs is not None
    assert has_proved_mobile(identity.deps, compte, facteurs)


@pytest.mark.stack
async def test_another_password_is_asked_for_at_the_first_connection_of_the_session(identity: Identity) -> None:
    database = identity.deps.database
    await publish_shipped(database, 2025)
    someone = await identity.account(GESTIONNAIRE)
    visite = await Visite(someone).signed_in()
    before = {"mot_de_passe_choisi_le": AVANT}
    await database[FACTEURS.name].update_one({"_id": someone.compte.id}, {"$set": before})
    await visite.password("/connexion")
    asked = await visite.get("/connexion/mot-de-passe")
    assert asked.url.path == "/connexion/code", "another password is chosen by who shows every factor, known or not"
    await visite.totp()
    page = "/connexion/mot-de-passe"
    same = await visite.submit(page, page, mot_de_passe=MOT_DE_PASSE, confirmation=MOT_DE_PASSE)
    assert (same.status_code, "parmi les 3 derniers" in same.text) == (422, True)
    device = device_of(identity.deps, visite.http.cookies["appareil"], someone.compte.id)
    assert (await visite.submit(page, page, mot_de_passe=NOUVEAU, confirmation=NOUVEAU)).headers["location"] == "/"
    assert "Vous êtes connecté" in (await visite.get("/")).text
    known = await find_appareil(database, device, now=identity.deps.clock())
    assert known is not None
    assert len(known.passages) == 1
    facteurs = await find_facteurs(database, someone.compte.id)
    assert facteurs is not None
    assert facteurs.choisi_le is not None
    assert facteurs.choisi_le > AVANT


@pytest.mark.stack
async def test_an_employer_s_identity_does_not_spare_another_password_nor_does_a_known_device(
    identity: Identity,
) -> None:
    deps, someone, browser = identity.deps, await identity.account(GESTIONNAIRE), new_secret()
    await publish_shipped(deps.database, 2025)
    device, ici = device_of(deps, browser, someone.compte.id), "192.0.2.44"

    async def known(work: Work) -> None:
        lieu = deps.trousseau.empreinte("lieu", place(ici))
        await work.appareils.proved(device, someone.compte.id, lieu, 2, now=deps.clock(), duree=deps.appareil_connu)

    async def begin(*faits: Facteur) -> Etape:
        with at(ici):
            secret = await begin_by_employer(
                deps,
                someone.compte,
                frozenset({Facteur.EMPLOYEUR, *faits}),
                vu_le=deps.clock(),
                demande="",
                acr=1,
                navigateur=browser,
            )
        return (await find_in_progress(deps, secret)).etape

    await deps.transact(known)
    assert await begin() is Etape.TERMINEE
    await deps.database[FACTEURS.name].update_one(
        {"_id": someone.compte.id}, {"$set": {"mot_de_passe_choisi_le": AVANT}}
    )
    assert await begin() is Etape.MOYEN
    assert await begin(Facteur.TOTP) is Etape.MOT_DE_PASSE


@pytest.mark.stack
async def test_the_browser_of_the_demonstration_follows_the_renewal(identity: Identity) -> None:
    database = identity.deps.database
    await publish_shipped(database, 2025)
    someone = await identity.account(GESTIONNAIRE)
    before = {"mot_de_passe_choisi_le": AVANT}
    await database[FACTEURS.name].update_one({"_id": someone.compte.id}, {"$set": before})
    browser = someone.browser()
    assert (await browser.sign_in()).access_token
    assert browser.personne.mot_de_passe != MOT_DE_PASSE
