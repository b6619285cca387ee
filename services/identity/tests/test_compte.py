"""A person's own account: its address, number, password and application, and where it is signed in."""

import asyncio
import time
from dataclasses import replace
from datetime import timedelta

import pyotp
import pytest

from infra.local.connexion import Boite, ConnexionRefusee, Page
from kit.errors import Refusal, Unauthenticated
from kit.testing.waiting import eventually
from services.identity.condensats import new_secret
from services.identity.deps import Deps
from services.identity.domain.audit import Acte
from services.identity.domain.courriels import CourrielInchange, CourrielPris, CourrielRefuse
from services.identity.domain.liens import LienInvalide
from services.identity.domain.mobiles import MobileObligatoire, MobileRefuse, parse_number, require_dispensable
from services.identity.domain.tentatives import SECONDS_FACTEURS
from services.identity.store.audit import AUDIT
from services.identity.store.comptes import find_compte
from services.identity.store.facteurs import find_facteurs
from services.identity.store.sessions import SESSIONS
from services.identity.store.work import Work
from services.identity.tests.conftest import MOT_DE_PASSE, Identity, Titulaire
from services.identity.tests.visites import Visite, link, mailed, open_directly
from services.identity.usecases.appareils import device_of
from services.identity.usecases.applications import replace_application
from services.identity.usecases.connexion import check_password
from services.identity.usecases.coordonnees import ask_address, validate_address
from services.identity.usecases.epreuves import CodeInexact
from services.identity.usecases.lectures import principal_of
from services.identity.usecases.mobiles import change_mobile
from services.identity.usecases.mots_de_passe import ask_link, owner_of_password_link
from services.identity.usecases.recence import PreuveTropAncienne
from services.identity.usecases.seconds_facteurs import CodeRefuse, show_totp
from services.identity.usecases.secours import renew_codes
from services.identity.usecases.tentatives import TropDEssais
from socle.principal import RoleTenu
from socle.rubriques import Role

GESTIONNAIRE = RoleTenu(role=Role.GESTIONNAIRE, uai="0940001A")
ADMINISTRATEUR = RoleTenu(role=Role.ADMIN_NATIONAL)
AUTRE = "sept lanternes vertes au grenier"
CONFIRMER = "Confirmez votre nouvelle adresse"
PAGES = ["adresse", "mobile", "mot-de-passe", "application", "codes-de-secours"]


@pytest.mark.parametrize("numero", ["", "01 42 34 56 78", "0612", "06 12 34 56 78\r\nBcc: x", "+33 6 12 34 56 7a"])
def test_what_receives_no_sms_is_refused_with_an_example(numero: str) -> None:
    with pytest.raises(MobileRefuse, match="06 12 34 56 78"):
        parse_number(numero)


@pytest.mark.exigence("CNIL-2025-019 choix", "CNIL-2025-019 minimisation")
@pytest.mark.parametrize("role", [Role.ADMIN_NATIONAL, Role.ADMIN_ACADEMIQUE, Role.ADMIN_ETABLISSEMENT])
def test_an_administrator_has_a_number_and_others_may_have_none(role: Role) -> None:
    require_dispensable([GESTIONNAIRE])
    with pytest.raises(MobileObligatoire):
        require_dispensable([GESTIONNAIRE, RoleTenu(role=role)])


def next_code(secret: str) -> str:
    """A code that was not used yet, and is accepted already."""
    return pyotp.TOTP(secret).at(int(time.time()) + 30)


@pytest.fixture
async def someone(identity: Identity) -> Titulaire:
    return await identity.account(GESTIONNAIRE)


async def acts(who: Titulaire, acte: Acte) -> list[str]:
    rows = who.identity.deps.database[AUDIT.name].find({"acteur": who.compte.id, "acte": acte})
    return [row["issue"] for row in await rows.to_list(None)]


def address(name: str) -> str:
    return f"{name}@ac-creteil.fr"


async def account_of(deps: Deps, who: Titulaire) -> str:
    compte = await find_compte(deps.database, who.compte.id)
    assert compte is not None
    return compte.courriel


@pytest.mark.stack
async def test_a_new_address_counts_once_its_own_mailbox_confirmed_it_and_the_old_one_is_told_twice(
    someone: Titulaire,
) -> None:
    deps, old, new = someone.identity.deps, someone.personne.courriel, address("camille.nouvelle")
    await ask_link(deps, old)
    to_the_old_mailbox = await link(someone, "Choisissez un nouveau mot de passe")
    visite = await Visite(someone).signed_in()
    answer = await visite.submit("/compte/adresse", "/compte/adresse", courriel=f" {new.upper()} ")
    assert new in (await visite.get(answer.headers["location"])).text
    assert await eventually(lambda: mailed(someone, "Une nouvelle adresse a été demandée pour votre compte"))
    lien = await link(someone, CONFIRMER, to=new)
    shown = await visite.get(f"/adresse?lien={lien}")
    assert new in shown.text
    assert await account_of(deps, someone) == old, "reading changes nothing"
    form = Page(shown.text).form("/adresse")
    assert form is not None
    confirmed = await visite.http.post(visite.url + "/adresse", data=form.champs)
    assert "Votre adresse est confirmée" in confirmed.text
    assert (await visite.get(f"/adresse?lien={lien}")).status_code == 404
    assert await eventually(lambda: mailed(someone, "L'adresse de votre compte a été changée"))
    with pytest.raises(ConnexionRefusee, match="ne convient pas"):
        await someone.browser().sign_in()
    await someone.browser(courriel=new).sign_in()
    with pytest.raises(LienInvalide):
        await owner_of_password_link(deps, to_the_old_mailbox)
    other = await open_directly(await someone.identity.account(GESTIONNAIRE))
    await ask_address(deps, other, old)
    assert (await validate_address(deps, await link(someone, CONFIRMER))).courriel == old, "the old one is free"


@pytest.mark.stack
async def test_only_who_holds_the_mailbox_learns_that_another_account_has_the_address(someone: Titulaire) -> None:
    deps, taken = someone.identity.deps, (await someone.identity.account(GESTIONNAIRE)).personne.courriel
    asking = await open_directly(someone)
    assert await ask_address(deps, asking, taken) == taken
    lien = await link(someone, CONFIRMER, to=taken)
    with pytest.raises(CourrielPris):
        await validate_address(deps, lien)
    assert await acts(someone, Acte.COURRIEL_CHANGE) == ["REFUSEE"]
    visite = Visite(someone)
    form = Page((await visite.get(f"/adresse?lien={lien}")).text).form("/adresse")
    assert form is not None
    refused = await visite.http.post(visite.url + "/adresse", data=form.champs)
    assert (refused.status_code, "Un autre compte a cette adresse" in refused.text) == (422, True)
    assert await account_of(deps, someone) == someone.personne.courriel
    await someone.browser().sign_in()


@pytest.mark.stack
async def test_an_address_asked_for_by_two_and_confirmed_at_once_is_one_account_s(identity: Identity) -> None:
    deps, wanted = identity.deps, address("disputee.deux")
    first, second = [await identity.account(GESTIONNAIRE) for _ in range(2)]
    await ask_address(deps, await open_directly(first), wanted)
    one = await link(first, CONFIRMER, to=wanted)
    await ask_address(deps, await open_directly(second), wanted)

    async def another() -> str | None:
        lien = await link(second, CONFIRMER, to=wanted)
        return lien if lien != one else None

    two = await eventually(another)
    assert two is not None
    ends = await asyncio.gather(*(validate_address(deps, lien) for lien in (one, two) * 3), return_exceptions=True)
    assert sum(not isinstance(end, BaseException) for end in ends) == 1
    assert all(isinstance(end, Refusal) for end in ends if isinstance(end, BaseException)), ends
    held = [await account_of(deps, who) for who in (first, second)]
    assert held.count(wanted) == 1


@pytest.mark.stack
async def test_an_address_that_is_nobody_s_is_refused_and_a_demand_can_be_withdrawn(someone: Titulaire) -> None:
    deps, asking = someone.identity.deps, await open_directly(someone)
    for courriel, refus in (
        ("secretariat@ac-creteil.fr", CourrielRefuse),
        ("x@y\r\nBcc: z@ac-creteil.fr", CourrielRefuse),
        (someone.personne.courriel, CourrielInchange),
    ):
        with pytest.raises(refus):
            await ask_address(deps, asking, courriel)
    new = address("camille.retiree")
    visite = await Visite(someone).signed_in()
    await visite.submit("/compte/adresse", "/compte/adresse", courriel=new)
    lien = await link(someone, CONFIRMER, to=new)
    await visite.submit("/compte/adresse", "/compte/adresse/annulation")
    assert new not in (await visite.get("/compte")).text
    assert await acts(someone, Acte.COURRIEL_ABANDONNE) == ["FAITE"]
    with pytest.raises(LienInvalide):
        await validate_address(deps, lien)


@pytest.mark.exigence("ASVS 6.2.2", "ASVS 6.2.3", "ASVS 7.4.3", "CNIL-2022-100 information")
@pytest.mark.stack
async def test_who_knows_its_password_changes_it_and_is_signed_out_elsewhere_only(identity: Identity) -> None:
    someone = await identity.account(GESTIONNAIRE, totp=False)
    elsewhere = await someone.browser().sign_in()
    visite = await Visite(someone).signed_in()
    page, chosen = "/compte/mot-de-passe", {"mot_de_passe": AUTRE, "confirmation": AUTRE}
    refused = await visite.submit(page, page, ancien="pas celui-là", **chosen)
    assert (refused.status_code, "pas votre mot de passe actuel" in refused.text) == (422, True)
    assert (await visite.submit(page, page, ancien=MOT_DE_PASSE, **chosen)).headers["location"].endswith("mot-de-passe")
    assert "Votre mot de passe est changé" in (await visite.get("/compte?fait=mot-de-passe")).text
    with pytest.raises(Unauthenticated):
        await principal_of(identity.deps, await identity.verifier.verify(elsewhere.access_token))
    await someone.browser(mot_de_passe=AUTRE).sign_in()
    assert await acts(someone, Acte.MOT_DE_PASSE_CHOISI) == ["REFUSEE", "FAITE"]
    assert await eventually(lambda: mailed(someone, "Votre mot de passe a été changé"))


@pytest.mark.exigence("ASVS 6.6.1")
@pytest.mark.stack
async def test_a_number_counts_once_it_showed_the_code_it_received(someone: Titulaire) -> None:
    deps, page = someone.identity.deps, "/compte/mobile"
    numero = "06 12 39 98 41"
    visite = await Visite(someone).signed_in()
    assert (await visite.submit(page, page, mobile="01 42 34 56 78")).status_code == 422
    assert (await visite.submit(page, page, mobile=numero)).headers["location"] == page
    sms = Boite(someone.identity.courriels)
    code = await sms.code_after("+33612399841", 0)
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    refused = await visite.submit(page, f"{page}/code", code=wrong)
    assert (refused.status_code, 'aria-describedby="code-erreur"' in refused.text) == (422, True)
    facteurs = await find_facteurs(deps.database, someone.compte.id)
    assert facteurs is not None
    assert facteurs.mobile_valide is None
    await visite.submit(page, f"{page}/code", code=f"{code[:3]} {code[3:]}")
    held, facteurs = (
        await find_compte(deps.database, someone.compte.id),
        await find_facteurs(deps.database, someone.compte.id),
    )
    assert held is not None
    assert facteurs is not None
    assert (held.mobile, facteurs.mobile_valide is not None) == ("+33612399841", True)
    assert await acts(someone, Acte.MOBILE_CHANGE) == ["REFUSEE", "FAITE"]
    assert await eventually(lambda: mailed(someone, "Votre numéro de mobile a été changé"))
    await visite.submit(page, f"{page}/retrait")
    held = await find_compte(deps.database, someone.compte.id)
    assert held is not None
    assert held.mobile is None


@pytest.mark.stack
async def test_where_no_sms_is_sent_a_number_is_kept_and_receives_no_code(someone: Titulaire) -> None:
    deps = replace(someone.identity.deps, sms=False)
    assert await change_mobile(deps, await open_directly(someone), "0692 39 98 12") is False
    held = await find_compte(deps.database, someone.compte.id)
    facteurs = await find_facteurs(deps.database, someone.compte.id)
    assert held is not None
    assert facteurs is not None
    assert (held.mobile, facteurs.mobile_valide) == ("+262692399812", None)


@pytest.mark.stack
async def test_an_application_is_replaced_once_the_new_one_showed_its_code(someone: Titulaire) -> None:
    page = "/compte/application"
    visite = await Visite(someone).signed_in()
    secret = Page((await visite.get(page)).text).codes[0].replace(" ", "")
    refused = await visite.submit(page, page, code="000000")
    assert refused.status_code == 422
    assert Page(refused.text).codes[0].replace(" ", "") == secret, "the same key, already in the application"
    await visite.submit(page, page, code=pyotp.TOTP(secret).now())
    asking = await check_password(someone.identity.deps, someone.personne.courriel, MOT_DE_PASSE, demande="")
    assert someone.personne.totp is not None
    with pytest.raises(CodeRefuse):
        await show_totp(someone.identity.deps, asking, next_code(someone.personne.totp))
    await show_totp(someone.identity.deps, asking, next_code(secret))
    assert await eventually(lambda: mailed(someone, "Une application de codes a été ajoutée"))
    await visite.submit(page, f"{page}/retrait")
    facteurs = await find_facteurs(someone.identity.deps.database, someone.compte.id)
    assert facteurs is not None
    assert facteurs.totp is None
    assert await acts(someone, Acte.APPLICATION_RETIREE) == ["FAITE"]


@pytest.mark.stack
async def test_guesses_from_elsewhere_keep_nobody_out_of_its_own_pages_on_a_known_device(someone: Titulaire) -> None:
    deps, connecte = someone.identity.deps, await open_directly(someone)
    for _ in range(SECONDS_FACTEURS.nombre):
        with pytest.raises(CodeInexact):
            await replace_application(deps, connecte, "000000")
    with pytest.raises(TropDEssais):
        await replace_application(deps, connecte, "000000")
    browser = new_secret()

    async def proved(work: Work) -> None:
        device, now = device_of(deps, browser, someone.compte.id), deps.clock()
        await work.appareils.proved(device, someone.compte.id, "ici", 2, now=now, duree=deps.appareil_connu)

    await deps.transact(proved)
    with pytest.raises(CodeInexact):
        await replace_application(deps, replace(connecte, navigateur=browser), "000000")


@pytest.mark.stack
async def test_an_administrator_keeps_its_last_application(identity: Identity) -> None:
    administrator = await identity.account(ADMINISTRATEUR)
    visite = await Visite(administrator).signed_in()
    refused = await visite.submit("/compte/application", "/compte/application/retrait")
    assert (refused.status_code, "Un administrateur garde" in refused.text) == (422, True)


@pytest.mark.exigence("ASVS 7.5.2", "ASVS 10.4.9")
@pytest.mark.stack
async def test_a_person_sees_where_it_is_signed_in_and_closes_what_it_chooses(identity: Identity) -> None:
    someone, page = await identity.account(GESTIONNAIRE, totp=False), "/compte/connexions"
    tokens = [await someone.browser().sign_in() for _ in range(2)]
    visite = await Visite(someone).signed_in()
    stranger = await Visite(await identity.account(GESTIONNAIRE)).signed_in()
    shown = (await visite.get(page)).text
    assert shown.count("Fermer<") == 2
    assert "applications : " in shown
    assert "127.0.0.1" in shown
    forms = [form for form in Page(shown).formulaires if "session" in form.champs]
    own = Page((await stranger.get(page)).text).formulaires
    assert all("session" not in form.champs for form in own)
    proof = {"preuve": (await stranger_proof(stranger))}
    await stranger.http.post(stranger.url + page, data=forms[0].champs | proof)
    assert (await visite.get(page)).text.count("Fermer<") == 2, "nobody closes another's"
    await visite.http.post(visite.url + page, data=forms[0].champs)
    assert (await visite.get(page)).text.count("Fermer<") == 1
    await visite.http.post(visite.url + page, data={"preuve": forms[0].champs["preuve"]})
    assert (await visite.get(page)).text.count("Fermer<") == 0
    for jetons in tokens:
        with pytest.raises(Unauthenticated):
            await principal_of(identity.deps, await identity.verifier.verify(jetons.access_token))


@pytest.mark.stack
async def test_how_recent_a_proof_is_to_be_is_a_setting(someone: Titulaire) -> None:
    connecte, deps = await open_directly(someone), someone.identity.deps
    old = replace(connecte.session.preuve, le=deps.clock() - timedelta(minutes=6))
    connecte = replace(connecte, session=replace(connecte.session, preuve=old))
    with pytest.raises(PreuveTropAncienne):
        await renew_codes(replace(deps, acte_sensible=timedelta(minutes=5)), connecte)
    await renew_codes(deps, connecte)


async def stranger_proof(visite: Visite) -> str:
    form = Page((await visite.get("/compte")).text).form("/logout")
    assert form is not None
    return form.champs["preuve"]


@pytest.mark.stack
async def test_each_page_sends_who_is_not_signed_in_to_sign_in_and_back(someone: Titulaire) -> None:
    for page in ("/compte", "/compte/connexions", *(f"/compte/{name}" for name in PAGES)):
        visite = Visite(someone)
        answer = await visite.http.get(visite.url + page)
        assert answer.headers["location"] == f"/connexion?suite={page.rpartition('/')[2]}"
        answer = await visite.http.post(visite.url + page)
        assert answer.status_code in (303, 405)


@pytest.mark.exigence("ASVS 7.5.1")
@pytest.mark.stack
async def test_nothing_is_changed_by_who_signed_in_more_than_ten_minutes_ago(someone: Titulaire) -> None:
    deps, visite = someone.identity.deps, await Visite(someone).signed_in()
    forms = {name: Page((await visite.get(f"/compte/{name}")).text).formulaires[0].champs for name in PAGES}
    await deps.database[SESSIONS.name].update_many(
        {"compte": someone.compte.id}, {"$set": {"authentifie_le": deps.clock() - timedelta(minutes=10, seconds=1)}}
    )
    for name in PAGES:
        page = f"/compte/{name}"
        assert f'href="/connexion?suite={name}"' in (await visite.get(page)).text
        filled = {
            "courriel": address("trop.tard"),
            "mobile": "06 12 34 56 78",
            "code": "000000",
            "ancien": MOT_DE_PASSE,
        }
        chosen = {"mot_de_passe": AUTRE, "confirmation": AUTRE}
        answer = await visite.http.post(visite.url + page, data=forms[name] | filled | chosen)
        assert (answer.status_code, PreuveTropAncienne().message in answer.text.replace("&#39;", "'")) == (422, True)
    refused = deps.database[AUDIT.name].find({"acteur": someone.compte.id, "motif": PreuveTropAncienne.code})
    assert sorted([row["acte"] async for row in refused]) == sorted(
        [
            Acte.COURRIEL_DEMANDE,
            Acte.MOBILE_DEMANDE,
            Acte.MOT_DE_PASSE_CHOISI,
            Acte.APPLICATION_ENROLEE,
            Acte.CODES_DE_SECOURS_CREES,
        ]
    ), "each is written, once"
