"""Signing in with an employer's identity: linked once by the account's owner, and completed here by what is missing."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest

from infra.local.connexion import Page
from kit.testing.waiting import eventually
from services.identity.domain.audit import OPERATEUR, Acte, Issue, Recherche
from services.identity.domain.tentatives import ENTREES
from services.identity.store.identites import DEMANDES_EMPLOYEUR, IDENTITES
from services.identity.store.sessions import SESSIONS
from services.identity.tests.conftest import Identity, Titulaire
from services.identity.tests.employeur import FournisseurDEssai, serve_declared
from services.identity.usecases.audit import OPERATEUR_LECTEUR
from services.identity.usecases.audit import read as read_audit
from services.identity.usecases.comptes import disable
from services.identity.usecases.effacement import erase_and_prove
from socle.principal import RoleTenu
from socle.rubriques import Role

pytestmark = pytest.mark.stack

UAI = "0940001A"
GESTIONNAIRE = RoleTenu(role=Role.GESTIONNAIRE, uai=UAI)
COMPTE = "/compte/employeur"


@dataclass(frozen=True, slots=True)
class Chez:
    """identity, and the provider of the only employer it knows."""

    identity: Identity
    essai: FournisseurDEssai

    async def account(self, *roles: RoleTenu, totp: bool = True) -> "Personne":
        return Personne(self, await self.identity.account(*(roles or (GESTIONNAIRE,)), totp=totp))


@pytest.fixture(scope="session")
async def serving(identity: Identity, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Chez]:
    """Another process over the same store, to which an employer is declared."""
    async with serve_declared(identity, tmp_path_factory.mktemp("employeurs"), uai=UAI) as (known, provider):
        yield Chez(known, provider)


@pytest.fixture
def chez(serving: Chez) -> Chez:
    serving.essai.reset()
    serving.essai.sub = f"agent-{uuid4()}"
    return serving


class Personne:
    """Somebody with an account, in a browser, page by page."""

    def __init__(self, chez: Chez, who: Titulaire) -> None:
        self.chez, self.who = chez, who
        self.browser = who.browser()
        self.http = self.browser._http
        self.url = chez.identity.url

    async def signed_in(self) -> "Personne":
        await self.browser.sign_in()
        return self

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(self.url + path)

    async def submit(self, page: httpx.Response, action: str, **fields: str) -> httpx.Response:
        form = Page(page.text).form(action)
        assert form is not None, f"no form goes to {action}"
        headers = {"origin": self.url}
        return await self.http.post(self.url + form.action, data=form.champs | fields, headers=headers)

    async def ask_to_link(self) -> str:
        """The address of the employer's that the page leads to."""
        page = await self.submit(await self.get(COMPTE), f"{COMPTE}/lien")
        assert page.status_code == 200, Page(page.text).refus
        found = re.search(r'<a class="bouton" href="([^"]+)"', page.text)
        assert found is not None
        return found[1].replace("&amp;", "&")

    async def at_employer(self, address: str) -> str:
        """Where the employer sends back to."""
        return (await self.http.get(address)).headers["location"]

    async def link(self) -> httpx.Response:
        return await self.http.get(await self.at_employer(await self.ask_to_link()))

    async def begin(self, demande: str = "") -> str:
        return (await self.get(f"/employeur/lycee{demande}")).headers["location"]

    async def come(self, demande: str = "") -> httpx.Response:
        """Sign in by the employer, as far as its answer."""
        return await self.http.get(await self.at_employer(await self.begin(demande)))

    async def amr(self) -> list[str]:
        rows = self.who.identity.deps.database[SESSIONS.name].find({"compte": self.who.compte.id}).sort([("_id", -1)])
        return list((await rows.to_list(1))[0]["amr"])

    async def audit(self, acte: Acte) -> list[tuple[Issue, str | None]]:
        recherche = Recherche(compte=self.who.compte.id, acte=acte)
        page = await read_audit(self.who.identity.deps, OPERATEUR_LECTEUR, recherche, first=50)
        return [(lue.ligne.issue, lue.ligne.motif) for lue in page.rows]

    async def told(self, subject: str) -> None:
        async def received() -> bool:
            mails = await self.who.browser().boite._messages(self.who.personne.courriel)
            return any(mail["sujet"] == subject for mail in mails)

        await eventually(received)


async def test_a_linked_identity_stands_for_the_password_and_what_is_missing_is_asked_here(chez: Chez) -> None:
    someone = await (await chez.account()).signed_in()
    answer = await someone.link()
    assert answer.headers["location"] == COMPTE
    assert re.search(r"Liée depuis le \d\d/\d\d/\d{4}", (await someone.get(COMPTE)).text)
    assert await someone.audit(Acte.IDENTITE_LIEE) == [(Issue.FAITE, None)]
    await someone.told("Une identité de votre employeur est liée à votre compte")

    elsewhere = Personne(chez, someone.who)
    assert "Se connecter avec mon identité « Lycée d&#39;essai »" in (await elsewhere.get("/connexion")).text
    answer = await elsewhere.come()
    assert answer.headers["location"] == "/connexion/code"
    answer = await elsewhere.browser._fill(await elsewhere.get("/connexion/code"), 0)
    assert answer.headers["location"] == "/"
    assert await elsewhere.amr() == ["fed", "otp"]


async def test_a_visit_leaves_for_the_employer_s_a_few_times_only(chez: Chez) -> None:
    someone = await chez.account()
    page = await someone.get("/connexion")
    assert page.status_code == 200
    for _ in range(ENTREES.nombre):
        assert (await someone.get("/employeur/lycee")).status_code == 303
    answer = await someone.get("/employeur/lycee?client_id=web")
    assert (answer.status_code, "Trop de demandes" in answer.text) == (422, True)


@pytest.mark.exigence("ASVS 6.8.4")
async def test_what_the_employer_has_checked_is_not_asked_again_and_its_moment_is_the_proofs(chez: Chez) -> None:
    someone = await (await chez.account()).signed_in()
    await someone.link()
    elsewhere = Personne(chez, someone.who)
    seen = int(someone.who.identity.deps.clock().timestamp()) - 3600
    chez.essai.affirme = {"amr": ["pwd", "otp"], "auth_time": seen}
    answer = await elsewhere.come("?client_id=web&scope=openid")
    assert answer.headers["location"] == "/authorize?client_id=web&scope=openid"
    assert await elsewhere.amr() == ["fed", "otp"]
    page = (await elsewhere.get("/compte/codes-de-secours")).text
    assert 'href="/connexion?suite=codes-de-secours"' in page, "an hour is too old for a sensitive act"
    answer = await elsewhere.come("?suite=codes-de-secours")
    assert "n'a pas abouti" in Page(answer.text).refus, "and the employer must ask again for it"
    chez.essai.affirme = {"amr": ["pwd", "otp"]}
    assert (await elsewhere.come("?suite=codes-de-secours")).headers["location"] == "/compte/codes-de-secours"
    assert [asked.get("prompt") for asked in chez.essai.demandes] == ["login", None, "login", "login"]


async def test_an_administrator_still_shows_three_factors(chez: Chez) -> None:
    administrator = await (await chez.account(RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai=UAI))).signed_in()
    await administrator.link()
    elsewhere = Personne(chez, administrator.who)
    chez.essai.affirme = {"amr": ["otp"]}
    seen = await elsewhere.browser.boite.last(administrator.who.personne.courriel)
    answer = await elsewhere.come()
    assert answer.headers["location"] == "/connexion/code"
    code = await elsewhere.browser.boite.code_after(administrator.who.personne.courriel, seen)
    await elsewhere.submit(await elsewhere.get("/connexion/code?moyen=courriel"), "/connexion/code", code=code)
    assert await elsewhere.amr() == ["fed", "otp", "email"]


async def test_an_identity_that_is_linked_to_nobody_signs_nobody_in_whatever_its_address(chez: Chez) -> None:
    someone = await chez.account()
    chez.essai.affirme = {"email": someone.who.personne.courriel, "email_verified": True}
    answer = await someone.come("?client_id=web")
    assert answer.status_code == 422
    page = Page(answer.text)
    assert "liez-la depuis la page de votre compte" in page.refus
    form = page.form("/connexion")
    assert form is not None
    assert form.action == "/connexion?client_id=web", "the password leads where the employer would have"


@pytest.mark.exigence("ASVS 10.1.2", "ASVS 10.2.1")
async def test_an_answer_serves_once_in_the_browser_that_asked_and_at_its_own_address(chez: Chez) -> None:
    someone = await (await chez.account()).signed_in()
    await someone.link()
    elsewhere, thief = Personne(chez, someone.who), Personne(chez, someone.who)
    back = await elsewhere.at_employer(await elsewhere.begin())
    await thief.get("/connexion")
    for answer in (
        await thief.http.get(back),
        await elsewhere.http.get(back.replace("/lycee/", "/autre/")),
        await elsewhere.http.get(f"{back}&state=autre"),
        await elsewhere.http.get(re.sub(r"state=[^&]+", "state=autre", back)),
        await elsewhere.http.get(back.partition("?")[0]),
    ):
        assert answer.status_code == 422
    assert (await elsewhere.http.get(back)).headers["location"] == "/connexion/code", "nobody used it up meanwhile"
    again = await elsewhere.http.get(back)
    assert "n'a pas abouti" in Page(again.text).refus
    raced = await elsewhere.at_employer(await elsewhere.begin())
    statuses = [answer.status_code for answer in await asyncio.gather(*(elsewhere.http.get(raced) for _ in range(5)))]
    assert sorted(statuses) == [303, 422, 422, 422, 422]


async def test_an_answer_of_another_issuer_or_a_refusal_of_the_employer_leaves_the_password(chez: Chez) -> None:
    someone = await chez.account()
    for changed in ("iss=https://autre.example", "error=access_denied"):
        back = await someone.at_employer(await someone.begin("?client_id=web"))
        answer = await someone.http.get(re.sub(r"iss=[^&]+", changed, back))
        assert "connectez-vous avec votre mot de passe" in Page(answer.text).refus
        form = Page(answer.text).form("/connexion")
        assert form is not None
        assert form.action == "/connexion?client_id=web"


async def test_while_the_employer_is_away_the_password_goes_on(chez: Chez) -> None:
    someone = await (await chez.account()).signed_in()
    await someone.link()
    elsewhere = Personne(chez, someone.who)
    back = await elsewhere.at_employer(await elsewhere.begin())
    chez.essai.panne = {"/jetons": 503}
    answer = await elsewhere.http.get(back)
    assert "ne répond pas : connectez-vous avec votre mot de passe" in Page(answer.text).refus
    answer = await elsewhere.submit(
        answer, "/connexion", courriel=someone.who.personne.courriel, mot_de_passe=someone.who.personne.mot_de_passe
    )
    assert answer.is_redirect


async def test_one_identity_opens_one_account_and_an_account_has_one_of_each_employer(chez: Chez) -> None:
    first = await (await chez.account()).signed_in()
    other = await (await chez.account()).signed_in()
    await first.link()
    assert (await first.at_employer(await first.begin())) != ""
    answer = await other.link()
    assert "déjà liée" in Page(answer.text).refus
    assert await other.audit(Acte.IDENTITE_LIEE) == [(Issue.REFUSEE, "IDENTITE_DEJA_LIEE")]
    mine = [await second.ask_to_link() for second in (other, other)]
    chez.essai.sub += "-autre"
    results = await asyncio.gather(*[_back(other, address) for address in mine])
    assert {result.headers.get("location") for result in results} == {COMPTE}
    rows = await chez.identity.deps.database[IDENTITES.name].find({"compte": other.who.compte.id}).to_list(None)
    assert len(rows) == 1
    assert chez.essai.sub not in str(rows)
    assert chez.essai.url not in str(rows)


async def _back(who: Personne, address: str) -> httpx.Response:
    return await who.http.get(await who.at_employer(address))


async def test_linking_needs_a_recent_proof_and_a_page_of_ours(chez: Chez) -> None:
    someone = await (await chez.account()).signed_in()
    page = await someone.get(COMPTE)
    forged = await someone.http.post(f"{someone.url}{COMPTE}/lien", data={"preuve": "x"})
    assert forged.status_code == 422
    database, compte = someone.who.identity.deps.database, someone.who.compte.id
    earlier = someone.who.identity.deps.clock() - timedelta(minutes=11)
    await database[SESSIONS.name].update_many({"compte": compte}, {"$set": {"authentifie_le": earlier}})
    refused = await someone.submit(page, f"{COMPTE}/lien")
    assert "plus assez récente" in Page(refused.text).refus
    assert 'href="/connexion?suite=employeur"' in (await someone.get(COMPTE)).text
    assert await database[DEMANDES_EMPLOYEUR.name].count_documents({"compte": compte}) == 0
    nobody = Personne(chez, someone.who)
    for answer in (await nobody.get(COMPTE), await nobody.http.post(f"{nobody.url}{COMPTE}/lien")):
        assert answer.headers["location"] == "/connexion?suite=employeur"


async def test_what_was_asked_to_be_linked_signs_nobody_in_and_is_linked_by_who_asked(chez: Chez) -> None:
    someone = await (await chez.account()).signed_in()
    back = await someone.at_employer(await someone.ask_to_link())
    other = await (await chez.account()).signed_in()
    assert (await other.http.get(back)).status_code == 422
    await someone.submit(await someone.get("/"), "/logout")
    assert (await someone.http.get(back)).status_code == 422
    assert await chez.identity.deps.database[IDENTITES.name].count_documents({"compte": someone.who.compte.id}) == 0


async def test_an_identity_that_is_unlinked_signs_nobody_in_any_more(chez: Chez) -> None:
    someone = await (await chez.account()).signed_in()
    await someone.link()
    answer = await someone.submit(await someone.get(COMPTE), f"{COMPTE}/retrait")
    assert answer.headers["location"] == COMPTE
    await someone.told("Une identité de votre employeur n'est plus liée à votre compte")
    assert await someone.audit(Acte.IDENTITE_DELIEE) == [(Issue.FAITE, None)]
    elsewhere = Personne(chez, someone.who)
    assert "Aucun compte n'est lié" in Page((await elsewhere.come()).text).refus
    other = await (await chez.account()).signed_in()
    assert (await other.link()).headers["location"] == COMPTE, "it is free for another account"


async def test_an_employer_opens_no_account_that_can_act_elsewhere(chez: Chez) -> None:
    someone = await (await chez.account()).signed_in()
    await someone.link()
    await chez.identity.give_role(someone.who, RoleTenu(role=Role.GESTIONNAIRE, uai="0350001A"))
    answer = await Personne(chez, someone.who).come()
    assert "a aussi des rôles ou des droits ailleurs" in Page(answer.text).refus
    assert (Issue.REFUSEE, "IDENTITE_HORS_PERIMETRE") in await someone.audit(Acte.CONNEXION)
    national = await (await chez.account(RoleTenu(role=Role.ADMIN_NATIONAL))).signed_in()
    assert "Aucun employeur n'est proposé" in (await national.get(COMPTE)).text


async def test_a_disabled_account_is_answered_as_one_that_is_not_linked(chez: Chez) -> None:
    someone = await (await chez.account()).signed_in()
    await someone.link()
    await disable(chez.identity.deps, someone.who.compte.id, par=OPERATEUR)
    answer = await Personne(chez, someone.who).come()
    assert "Aucun compte n'est lié" in Page(answer.text).refus


async def test_an_erased_person_leaves_no_link(chez: Chez) -> None:
    someone = await (await chez.account()).signed_in()
    await someone.ask_to_link()
    await someone.link()
    done = await erase_and_prove(chez.identity.deps, someone.who.compte.id, par=OPERATEUR)
    assert done.restes == {}
    other = await (await chez.account()).signed_in()
    assert (await other.link()).headers["location"] == COMPTE


async def test_what_is_kept_of_a_request_tells_neither_its_state_nor_its_proofs(chez: Chez) -> None:
    someone = await chez.account()
    sent = {name: values[0] for name, values in parse_qs(urlsplit(await someone.begin()).query).items()}
    kept = str(await chez.identity.deps.database[DEMANDES_EMPLOYEUR.name].find({}).to_list(None))
    cookie = someone.http.cookies["connexion"]
    for secret in (sent["state"], sent["nonce"], cookie):
        assert secret not in kept


async def test_an_employer_that_is_not_declared_is_not_asked(chez: Chez) -> None:
    someone = await chez.account()
    assert "n'est pas proposé" in Page((await someone.get("/employeur/autre")).text).refus
    text = (await someone.get("/employeur?client_id=web")).text
    assert 'href="/employeur/lycee?client_id=web"' in text
