"""Signing in, by the real pages, with the real factors."""

import re
import secrets
from dataclasses import replace

import httpx
import pyotp
import pytest

from infra.local.connexion import Boite, ConnexionRefusee, Formulaire, Page
from kit.testing.waiting import eventually
from services.identity.domain.audit import OPERATEUR
from services.identity.domain.facteurs import Facteur
from services.identity.domain.tentatives import ENVOIS, sms_of_all
from services.identity.store.work import Work
from services.identity.tests.conftest import MOT_DE_PASSE, Identity, Titulaire
from services.identity.usecases.comptes import disable, load
from services.identity.usecases.en_cours import mobile_fingerprint
from services.identity.usecases.seconds_facteurs import send_code
from services.identity.usecases.tentatives import TropDEnvois
from socle.principal import RoleTenu
from socle.rubriques import Role

pytestmark = pytest.mark.stack

UAI = "0940001A"
GESTIONNAIRE = RoleTenu(role=Role.GESTIONNAIRE, uai=UAI)
ADMINISTRATEURS = [
    RoleTenu(role=Role.ADMIN_NATIONAL),
    RoleTenu(role=Role.ADMIN_ACADEMIQUE, academie="creteil"),
    RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai=UAI),
]


async def amr(identity: Identity, access_token: str) -> tuple[str, tuple[str, ...]]:
    token = await identity.verifier.verify(access_token)
    return token.acr, token.amr


async def test_a_person_signs_in_by_password_and_application(identity: Identity) -> None:
    someone = await identity.account(GESTIONNAIRE)
    jetons = await someone.browser().sign_in()
    assert await amr(identity, jetons.access_token) == ("2", ("pwd", "otp"))


async def test_a_person_signs_in_by_password_and_a_code_by_mail(identity: Identity) -> None:
    someone = await identity.account(GESTIONNAIRE, totp=False)
    jetons = await someone.browser().sign_in()
    assert await amr(identity, jetons.access_token) == ("2", ("pwd", "email"))


async def test_whoever_has_an_application_may_choose_a_code_by_mail(identity: Identity) -> None:
    someone = await identity.account(GESTIONNAIRE)
    jetons = await someone.browser(totp=None).sign_in()
    assert await amr(identity, jetons.access_token) == ("2", ("pwd", "email"))


@pytest.mark.parametrize("role", ADMINISTRATEURS)
async def test_an_administrator_shows_the_application_and_the_code_by_mail(identity: Identity, role: RoleTenu) -> None:
    administrator = await identity.account(role)
    jetons = await administrator.browser().sign_in()
    assert await amr(identity, jetons.access_token) == ("3", ("pwd", "otp", "email"))


async def test_an_administrator_without_application_enrols_one_at_the_first_sign_in(identity: Identity) -> None:
    administrator = await identity.account(ADMINISTRATEURS[0], totp=False)
    jetons = await administrator.browser().sign_in()
    assert await amr(identity, jetons.access_token) == ("3", ("pwd", "otp", "email"))
    with pytest.raises(ConnexionRefusee, match="code of an application"):
        await administrator.browser().sign_in()


@pytest.mark.exigence("ANSSI echecs")
async def test_a_wrong_password_and_an_unknown_address_are_answered_alike(identity: Identity) -> None:
    someone = await identity.account(GESTIONNAIRE)
    answers = []
    for courriel in (someone.personne.courriel, "inconnue.parfaite@ac-creteil.fr", "pas une adresse", ""):
        with pytest.raises(ConnexionRefusee) as refused:
            await someone.browser(courriel=courriel, mot_de_passe="un mot de passe faux").sign_in()
        answers.append(str(refused.value))
    assert set(answers) == {
        "L'adresse électronique ou le mot de passe ne convient pas : vérifiez-les puis recommencez."
    }


@pytest.mark.exigence("ASVS 6.3.1", "CNIL-2022-100 restriction", "ANSSI echecs")
async def test_after_ten_failures_even_the_right_password_is_refused_with_the_time_to_come_back(
    identity: Identity,
) -> None:
    someone = await identity.account(GESTIONNAIRE)
    for _ in range(10):
        with pytest.raises(ConnexionRefusee, match="ne convient pas"):
            await someone.browser(mot_de_passe="faux").sign_in()
    with pytest.raises(ConnexionRefusee, match=r"Trop d'essais ont échoué : recommencez à partir de \d\d h \d\d le"):
        await someone.browser().sign_in()


async def test_an_address_without_account_is_locked_as_one_with(identity: Identity) -> None:
    nobody = (await identity.account(GESTIONNAIRE)).browser(courriel="personne.dutout@ac-creteil.fr", mot_de_passe="x")
    for _ in range(10):
        with pytest.raises(ConnexionRefusee, match="ne convient pas"):
            await nobody.sign_in()
    with pytest.raises(ConnexionRefusee, match="Trop d'essais"):
        await nobody.sign_in()


async def test_a_success_forgives_earlier_failures(identity: Identity) -> None:
    someone = await identity.account(GESTIONNAIRE)
    wrong = someone.browser(mot_de_passe="faux")
    for _ in range(9):
        with pytest.raises(ConnexionRefusee):
            await wrong.sign_in()
    await someone.browser().sign_in()
    for _ in range(2):
        with pytest.raises(ConnexionRefusee, match="ne convient pas"):
            await wrong.sign_in()


async def test_a_disabled_account_is_refused_as_a_wrong_password_is(identity: Identity) -> None:
    someone = await identity.account(GESTIONNAIRE)
    await disable(identity.deps, someone.compte.id, par=OPERATEUR)
    with pytest.raises(ConnexionRefusee, match="ne convient pas"):
        await someone.browser().sign_in()


class Parcours:
    """A sign-in followed page by page."""

    def __init__(self, who: Titulaire) -> None:
        self.who = who
        self.http = who.browser()._http
        self.url = who.identity.url

    async def post(self, form: Formulaire | None, **fields: str) -> httpx.Response:
        assert form is not None
        return await self.http.post(self.url + form.action, data=form.champs | fields)

    async def page(self, path: str) -> Page:
        return Page((await self.http.get(self.url + path)).text)

    async def proof(self) -> str:
        form = (await self.page("/connexion/code")).form("/connexion/code")
        assert form is not None
        return form.champs["preuve"]

    async def password(self) -> httpx.Response:
        first = (await self.page("/connexion")).form("/connexion")
        return await self.post(first, courriel=self.who.personne.courriel, mot_de_passe=MOT_DE_PASSE)

    async def code(self, value: str) -> httpx.Response:
        return await self.post((await self.page("/connexion/code")).form("/connexion/code"), code=value)

    async def mailed(self, *, after: int = 0) -> str:
        return await self.who.browser().boite.code_after(self.who.personne.courriel, after)


@pytest.mark.exigence("ASVS 6.5.1")
async def test_a_code_by_mail_serves_once(identity: Identity) -> None:
    someone = await identity.account(GESTIONNAIRE, totp=False)
    first, second = Parcours(someone), Parcours(someone)
    await first.password()
    code = await first.mailed()
    await second.password()
    assert (await first.code(code)).is_redirect
    assert (await second.code(code)).status_code == 422


@pytest.mark.exigence("ASVS 6.6.3")
async def test_a_wrong_code_is_refused_at_its_field_and_five_spoil_the_right_one(identity: Identity) -> None:
    parcours = Parcours(await identity.account(GESTIONNAIRE, totp=False))
    await parcours.password()
    code = await parcours.mailed()
    for _ in range(5):
        answer = await parcours.code("000000" if code != "000000" else "111111")
        assert answer.status_code == 422
        assert 'aria-invalid="true"' in answer.text
        assert 'aria-describedby="code-erreur"' in answer.text
    assert (await parcours.code(code)).status_code == 422


@pytest.mark.exigence("CNIL-2025-019 fatigue")
async def test_another_code_is_not_sent_within_thirty_seconds(identity: Identity) -> None:
    parcours = Parcours(await identity.account(GESTIONNAIRE, totp=False))
    await parcours.password()
    answer = await parcours.post((await parcours.page("/connexion/code")).form("/connexion/envoi"))
    assert "attendez trente secondes" in answer.text
    code = await parcours.mailed()
    assert (await parcours.code(code)).is_redirect


@pytest.mark.exigence("ASVS 6.6.3")
async def test_the_codes_of_one_account_are_guessed_ten_times_at_most_in_however_many_sign_ins(
    identity: Identity,
) -> None:
    someone = await identity.account(GESTIONNAIRE)
    refused = []
    for _ in range(4):
        parcours = Parcours(someone)
        await parcours.password()
        refused += [Page((await parcours.code("000000")).text).refus for _ in range(3)]
    assert sum("ne convient pas" in refus for refus in refused) == 10
    assert all("Trop d'essais" in refus for refus in refused[10:])


@pytest.mark.exigence("ASVS 6.5.1")
async def test_a_code_of_the_application_serves_once(identity: Identity) -> None:
    someone = await identity.account(GESTIONNAIRE)
    assert someone.personne.totp is not None
    code = pyotp.TOTP(someone.personne.totp).now()
    first, second = Parcours(someone), Parcours(someone)
    await first.password()
    await second.password()
    assert (await first.code(code)).is_redirect
    assert (await second.code(code)).status_code == 422


async def test_a_stolen_password_enrols_no_application(identity: Identity) -> None:
    thief = Parcours(await identity.account(ADMINISTRATEURS[0], totp=False))
    await thief.password()
    answer = await thief.http.get(f"{identity.url}/connexion/application")
    assert answer.headers["location"] == "/connexion/code"
    form = (await thief.page("/connexion/code")).form("/connexion/code")
    assert form is not None
    form.action = "/connexion/application"
    assert Page((await thief.post(form, code="000000")).text).form("/connexion") is not None


async def test_the_enrolment_shows_a_qr_code_and_the_key_it_holds_in_text(identity: Identity) -> None:
    parcours = Parcours(await identity.account(ADMINISTRATEURS[0], totp=False))
    await parcours.password()
    await parcours.code(await parcours.mailed())
    text = (await parcours.http.get(f"{identity.url}/connexion/application")).text
    again = (await parcours.http.get(f"{identity.url}/connexion/application")).text
    key, uri = Page(text).codes
    assert "<svg" in text
    assert "<script" not in text
    assert key.replace(" ", "") in uri
    assert uri.startswith("otpauth://totp/Site%20de%20gestion:")
    assert Page(again).codes[0] == key, "reading the page again keeps the key that was scanned"
    form = Page(again).form("/connexion/application")
    assert (await parcours.post(form, code=pyotp.TOTP(key.replace(" ", "")).now())).is_redirect


async def test_a_user_may_put_the_application_off_and_is_then_left_in_peace(identity: Identity) -> None:
    someone = await identity.account(GESTIONNAIRE, totp=False)
    parcours = Parcours(someone)
    await parcours.password()
    await parcours.code(await parcours.mailed())
    later = (await parcours.page("/connexion/application")).form("/connexion/application/plus-tard")
    assert (await parcours.post(later)).headers["location"] == "/"
    again = Parcours(someone)
    seen = await someone.browser().boite.last(someone.personne.courriel)
    await again.password()
    assert (await again.code(await again.mailed(after=seen))).headers["location"] == "/"


async def test_a_sign_in_that_has_led_somewhere_leads_nowhere_else(identity: Identity) -> None:
    someone = await identity.account(GESTIONNAIRE)
    assert someone.personne.totp is not None
    parcours = Parcours(someone)
    await parcours.password()
    cookies = dict(parcours.http.cookies)
    form = (await parcours.page("/connexion/code")).form("/connexion/code")
    await parcours.post(form, code=pyotp.TOTP(someone.personne.totp).now())
    replay = Parcours(someone)
    replay.http.cookies.update(cookies)
    assert "a expiré" in Page((await replay.post(form, code="123456")).text).refus


@pytest.mark.exigence("ASVS 7.2.4")
async def test_the_cookie_from_before_the_password_is_worth_nothing_after(identity: Identity) -> None:
    parcours = Parcours(await identity.account(GESTIONNAIRE))
    await parcours.page("/connexion")
    before = parcours.http.cookies["connexion"]
    await parcours.password()
    during = parcours.http.cookies["connexion"]
    assert during != before
    fixed = Parcours(parcours.who)
    fixed.http.cookies.set("connexion", before)
    assert "a expiré" in (await fixed.page("/connexion/code")).refus


async def test_the_mail_is_plain_french_and_says_what_to_do(identity: Identity) -> None:
    someone = await identity.account(GESTIONNAIRE, totp=False)
    await Parcours(someone).password()
    boite = someone.browser().boite

    async def received() -> list[dict[str, object]]:
        return await boite._messages(someone.personne.courriel)

    (message,) = await eventually(received)
    assert message["sujet"] == "Votre code de connexion au site de gestion"
    assert re.search(r"Bonjour Camille,.*\b\d{6}\b.*10 minutes.*qu'une fois", str(message["texte"]), re.DOTALL)


async def with_mobile(who: Titulaire, mobile: str, *, proved: bool = True) -> Titulaire:
    """The person, whose account has that number."""
    deps = who.identity.deps

    async def body(work: Work) -> None:
        await work.comptes.save(replace(await load(work, who.compte.id), mobile=mobile))
        if proved:
            await work.facteurs.set_mobile_valide(who.compte.id, mobile_fingerprint(deps, mobile))

    await deps.transact(body)
    return who


def mobile() -> str:
    """A number of nobody's."""
    return f"+3361{secrets.randbelow(10**7):07d}"


async def test_who_has_proved_a_mobile_number_may_choose_a_code_by_sms_which_serves_once(identity: Identity) -> None:
    numero = mobile()
    someone = await with_mobile(await identity.account(GESTIONNAIRE), numero)
    parcours = Parcours(someone)
    await parcours.password()
    page = (await parcours.http.get(f"{identity.url}/connexion/code")).text
    assert "Recevoir un code par SMS" in page
    by_sms = [f for f in Page(page).formulaires if f.champs.get("moyen") == "sms"]
    shown = await parcours.http.get(identity.url + (await parcours.post(by_sms[0])).headers["location"])
    assert f"•• {numero[-2:]}" in shown.text
    assert numero not in shown.text
    code = await Boite(identity.courriels).code_after(numero, 0)
    form = Page(shown.text).form("/connexion/code")
    assert (await parcours.post(form, code=code)).headers["location"] == "/"
    second = Parcours(someone)
    await second.password()
    await second.http.get(f"{identity.url}/connexion/code?moyen=sms")
    assert (await second.post(form, code=code)).status_code == 422


@pytest.mark.exigence("ASVS 6.6.1", "ANSSI sms")
async def test_a_number_that_was_not_proved_is_not_offered(identity: Identity) -> None:
    someone = await with_mobile(await identity.account(GESTIONNAIRE), mobile(), proved=False)
    other = await with_mobile(await identity.account(GESTIONNAIRE), mobile())
    await with_mobile(other, mobile(), proved=False)
    for who in (someone, other):
        parcours = Parcours(who)
        await parcours.password()
        assert "par SMS" not in (await parcours.http.get(f"{identity.url}/connexion/code")).text
        forged = Formulaire("/connexion/envoi", {"preuve": (await parcours.proof()), "moyen": "sms"})
        assert "a expiré" in Page((await parcours.post(forged)).text).refus


@pytest.mark.exigence("CNIL-2025-019 fatigue")
async def test_sms_to_one_number_are_counted_whoever_asks_for_them(identity: Identity) -> None:
    numero = mobile()
    key = f"sms/{mobile_fingerprint(identity.deps, numero)}"
    for _ in range(10):
        assert await identity.deps.tentatives.take(key, ENVOIS, now=identity.deps.clock()) is None
    parcours = Parcours(await with_mobile(await identity.account(GESTIONNAIRE), numero))
    await parcours.password()
    asked = Formulaire("/connexion/envoi", {"preuve": (await parcours.proof()), "moyen": "sms"})
    assert "Trop de codes ont été envoyés" in Page((await parcours.post(asked)).text).refus


async def test_sms_to_everyone_are_counted_for_they_cost_money(identity: Identity) -> None:
    parcours = Parcours(await with_mobile(await identity.account(GESTIONNAIRE), mobile()))
    await parcours.password()
    secret = parcours.http.cookies["connexion"]
    poor = replace(identity.deps, sms_par_heure=1)
    await identity.deps.tentatives.take("sms/plateforme", sms_of_all(1), now=identity.deps.clock())
    try:
        with pytest.raises(TropDEnvois):
            await send_code(poor, secret, Facteur.SMS)
    finally:
        await identity.deps.tentatives.forgive("sms/plateforme")
