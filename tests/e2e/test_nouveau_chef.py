"""A new head of school: invited, at work in a real browser, with a colleague that it lets in and out again."""

import base64
import hashlib
import secrets
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urlsplit

import pyotp
import pytest
from playwright.async_api import Browser, Page, async_playwright
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from infra.local.demonstration import lycees
from kit.http import open_client
from kit.testing.serving import serve
from kit.testing.waiting import eventually
from tests.e2e.affichage import frontend
from tests.e2e.depots import Frontend
from tests.e2e.droits import DEMANDES, compte_of, take_right
from tests.e2e.running import Up

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

_CLIENT = "ligne-de-commande"
_INVITER = "mutation($e: InviterInput!) { inviter(entree: $e) { nouveau compte { id etat } refus { code message } } }"
_MATRICE = """
query($uai: ID!) {
  matriceDroits(uai: $uai, first: 10) { edges { node { compte { id etat } cases { rubrique niveau parRole } } } }
}
"""


@dataclass(frozen=True, slots=True)
class Arrivant:
    """Somebody who has no account yet, in front of a browser."""

    up: Up
    page: Page
    courriel: str
    mot_de_passe: str

    async def press(self, button: str) -> None:
        """Press a button, and wait for the page it leads to."""
        async with self.page.expect_navigation():
            await self.page.get_by_role("button", name=button).first.click()

    async def title(self) -> str:
        return await self.page.locator("h1").inner_text()

    async def open_letter(self, sujet: str) -> str:
        """Look for the newest letter of that subject in the mailbox, where people look for it; what it says."""
        letter = self.page.locator("article", has=self.page.get_by_role("heading", name=sujet)).first

        async def arrived() -> bool:
            await self.page.goto(f"{self.up.url('PORT_COURRIELS')}/?{urlencode({'destinataire': self.courriel})}")
            return await letter.count() > 0

        await eventually(arrived, within=30, every=0.2)
        return await letter.inner_text()

    async def activate(self) -> None:
        """Come by the link of the invitation and choose a password; on return the second factor is asked."""
        await self.open_letter("Activez votre compte")
        async with self.page.expect_navigation():
            await self.page.get_by_role("link", name="/activation").first.click()
        await self.page.fill("#mot_de_passe", self.mot_de_passe)
        await self.page.fill("#confirmation", self.mot_de_passe)
        await self.press("Activer")
        assert await self.title() == "Code reçu par courriel"

    async def give_mailed_code(self) -> None:
        """Read the code in the mailbox, in another tab, and type it."""
        tab = Arrivant(self.up, await self.page.context.new_page(), self.courriel, self.mot_de_passe)
        letter = await tab.open_letter("Votre code de connexion")
        await tab.page.close()
        (code,) = [word for word in letter.split() if len(word) == 6 and word.isdecimal()]
        await self.page.fill("#code", code)
        await self.press("Valider")

    async def add_application(self) -> None:
        """Copy the key that the page shows in text, as who has no telephone does, and type the first code it gives."""
        key = await self.page.locator("code").first.inner_text()
        await self.page.fill("#code", pyotp.TOTP(key.replace(" ", "")).now())
        await self.press("Ajouter l'application")

    async def open_application(self) -> Frontend:
        """Go to the application, by identity and back: who has just signed in is asked nothing."""
        identity, verifier = self.up.url("IDENTITY_PORT"), secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        async with (
            serve(Starlette(routes=[Route("/retour", HTMLResponse("<h1>Application</h1>"))])) as application,
            open_client() as http,
        ):
            client = {"client_id": _CLIENT, "redirect_uri": f"{application.url}/retour"}
            asked = {**client, "response_type": "code", "scope": "openid", "state": secrets.token_urlsafe(16)}
            proof = {"code_challenge": challenge, "code_challenge_method": "S256"}
            await self.page.goto(f"{identity}/authorize?{urlencode(asked | proof)}")
            assert await self.title() == "Application", await self.page.content()
            back = {name: values[0] for name, values in parse_qs(urlsplit(self.page.url).query).items()}
            assert (back["state"], back["iss"]) == (asked["state"], identity)
            given = {"grant_type": "authorization_code", "code": back["code"], "code_verifier": verifier}
            answer = await http.post(f"{identity}/token", data=client | given)
        return Frontend(self.up.url("PASSERELLE_PORT"), answer.raise_for_status().json()["access_token"])


@pytest.fixture(scope="module")
async def chromium() -> AsyncIterator[Browser]:
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("Chromium is missing: `apt-get install chromium` brings it")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        await browser.close()


async def arrive(up: Up, chromium: Browser, courriel: str, mot_de_passe: str) -> Arrivant:
    """Somebody at a computer of its own."""
    context = await chromium.new_context(locale="fr-FR")
    return Arrivant(up, await context.new_page(), courriel, mot_de_passe)


async def invite(who: Frontend, courriel: str, nom: str, prenom: str, **rest: object) -> str:
    """Invite somebody who has no account; the account."""
    answer = await who.ask(_INVITER, e={"courriel": courriel, "nom": nom, "prenom": prenom, **rest})
    assert "errors" not in answer, answer["errors"]
    invited = answer["data"]["inviter"]
    assert (invited["refus"], invited["nouveau"], invited["compte"]["etat"]) == ([], True, "INVITE")
    return str(invited["compte"]["id"])


def code_of(answer: dict[str, object]) -> str | None:
    """The code by which a whole answer was refused."""
    errors = answer.get("errors")
    return errors[0]["extensions"]["code"] if isinstance(errors, list) else None


async def test_a_new_head_of_school_comes_lets_a_colleague_in_and_out_again(up: Up, chromium: Browser) -> None:
    uai = list(lycees(up.folder / "demonstration"))[2]
    academie = await frontend(up, "academie")
    await invite(
        academie, "jeanne.delmas@ac-creteil.fr", "Delmas", "Jeanne", role={"role": "CHEF_ETABLISSEMENT", "uai": uai}
    )
    head = await arrive(up, chromium, "jeanne.delmas@ac-creteil.fr", "quatre ardoises pour un préau")
    await head.activate()
    await head.give_mailed_code()
    await head.add_application()
    assert await head.title() == "Vous êtes connecté"
    chef = await head.open_application()

    eleves, rapports = DEMANDES["ELEVES"].query, DEMANDES["RAPPORTS"].query
    assert (await chef.ask(eleves, uai=uai))["data"]["eleves"]["totalCount"] > 0
    colleague = await invite(
        chef,
        "idriss.sorel@ac-creteil.fr",
        "Sorel",
        "Idriss",
        role={"role": "GESTIONNAIRE", "uai": uai},
        droits=[{"rubrique": "ELEVES", "niveau": "LECTURE"}],
    )

    other = await arrive(up, chromium, "idriss.sorel@ac-creteil.fr", "sept lanternes vertes au grenier")
    await other.activate()
    await other.give_mailed_code()
    await other.press("Plus tard")
    assert await other.title() == "Vous êtes connecté"
    gestionnaire = await other.open_application()
    assert await compte_of(gestionnaire) == colleague

    async def is_let_in() -> bool:
        answer = await gestionnaire.ask(eleves, uai=uai)
        return code_of(answer) is None and answer["data"]["eleves"]["totalCount"] > 0

    await eventually(is_let_in, within=5)
    assert code_of(await gestionnaire.ask(rapports, uai=uai)) == "NON_AUTORISE"
    matrice = (await chef.ask(_MATRICE, uai=uai))["data"]["matriceDroits"]["edges"]
    (theirs,) = [edge["node"] for edge in matrice if edge["node"]["compte"]["id"] == colleague]
    assert theirs["compte"]["etat"] == "ACTIF"
    held = {case["rubrique"]: case["niveau"] for case in theirs["cases"] if case["niveau"]}
    assert held == {"ELEVES": "LECTURE"}

    await take_right(chef, colleague, uai, "ELEVES")

    async def is_let_out() -> bool:
        return code_of(await gestionnaire.ask(eleves, uai=uai)) == "NON_AUTORISE"

    await eventually(is_let_out, within=5)
