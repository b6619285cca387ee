"""One Chromium for the session, and a provider under a name."""

import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright

from kit.testing.serving import free_port, serve
from services.identity.app import create_app
from services.identity.tests.conftest import Identity, answers
from services.identity.tests.navigateur.chromium import AXE, Fournisseur, Onglet


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """Debian's Chromium, without a screen."""
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("Chromium is missing: `apt-get install chromium` brings it")
    if not AXE.exists():
        pytest.skip("axe-core is not installed: `make navigateur` brings it")
    async with async_playwright() as playwright:
        # Without a sandbox: the tests run as root, and open our own pages only.
        browser = await playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
async def fournisseur(identity: Identity) -> AsyncIterator[Fournisseur]:
    """A process over the same store, reached by a name."""
    port = free_port()
    url = f"http://localhost:{port}"
    changed = {"identity_url": url, "identity_port": port, "identity_grpc_port": free_port()}
    async with serve(create_app(identity.settings.model_copy(update=changed)), port=port):
        await answers(f"http://127.0.0.1:{port}")
        yield Fournisseur(identity, url)


@pytest.fixture
async def onglet(chromium: Browser, fournisseur: Fournisseur) -> AsyncIterator[Onglet]:
    """A tab of a browser that knows nobody yet."""
    context = await chromium.new_context(locale="fr-FR")
    yield Onglet(await context.new_page(), fournisseur.url)
    await context.close()
