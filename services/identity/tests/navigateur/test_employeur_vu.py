"""The pages of an employer's identity: linked, signed in by, and no more."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from services.identity.tests.conftest import Identity
from services.identity.tests.employeur import serve_declared
from services.identity.tests.navigateur.chromium import Onglet
from socle.principal import RoleTenu
from socle.rubriques import Role

pytestmark = [pytest.mark.stack, pytest.mark.long]

UAI = "0940001A"
GESTIONNAIRE = RoleTenu(role=Role.GESTIONNAIRE, uai=UAI)
PROPRE = "/compte/employeur"


@pytest.fixture
async def chez(chromium: Browser, identity: Identity, tmp_path: Path) -> AsyncIterator[tuple[Onglet, Identity]]:
    """A tab at a provider that knows one employer, which lets in whoever comes."""
    async with serve_declared(identity, tmp_path, uai=UAI, hote="localhost") as (known, _):
        context = await chromium.new_context(locale="fr-FR")
        yield Onglet(await context.new_page(), known.url), known
        await context.close()


async def test_the_pages_of_an_employer_s_identity_can_be_read_by_everybody(
    chez: tuple[Onglet, Identity], tmp_path: Path
) -> None:
    onglet, identity = chez
    someone, wrong = await identity.account(GESTIONNAIRE), list[str]()

    async def see(title: str) -> None:
        assert await onglet.title() == title
        wrong.extend(await onglet.examine(tmp_path))

    await onglet.go("/connexion")
    await see("Connexion")
    await onglet.go("/employeur/lycee")
    await see("Connexion")
    assert "est lié" in await onglet.page.get_by_role("alert").first.inner_text(), "nothing is linked yet"
    await onglet.sign_in(someone, "/connexion?suite=employeur")
    await see("Identité de votre employeur")
    await link(onglet)
    await see("Identité de votre employeur")
    await onglet.press("Ne plus lier cette identité")
    await see("Identité de votre employeur")
    await link(onglet)
    await onglet.page.context.clear_cookies()
    await onglet.go("/employeur/lycee")
    await see("Code de votre application")
    assert wrong == []


async def link(onglet: Onglet) -> None:
    """Go to the employer's and come back; the page in between moves on by itself."""
    async with onglet.page.expect_navigation(url=f"**{PROPRE}*"):
        await onglet.page.get_by_role("button", name="Lier mon identité").click()
    await onglet.page.get_by_role("button", name="Ne plus lier cette identité").wait_for()
