"""Debian's Chromium over the pages: what it shows, what it says against them, and its keys."""

from dataclasses import dataclass, field
from pathlib import Path

import pyotp
from playwright.async_api import CDPSession, Page, ViewportSize

from services.identity.tests.conftest import Identity, Titulaire

AXE = Path(__file__).parents[4] / ".local/navigateur/node_modules/axe-core/axe.min.js"
_NARROW, _WIDE = ViewportSize(width=320, height=640), ViewportSize(width=1280, height=900)
_ZOOMED = ViewportSize(width=640, height=450)
"""What is left of a wide window at 200 %."""
OVERFLOW = """() => [...document.querySelectorAll('body *')]
  .filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1
    && getComputedStyle(e).position !== 'absolute')
  .map(e => e.outerHTML.slice(0, 120))"""
_UNKNOWN = """() => {
  const known = ['id', 'name', 'type', 'value', 'required', 'autocomplete', 'inputmode', 'maxlength', 'class',
    'autofocus', 'style'];
  return [...document.querySelectorAll('input')].flatMap(
    e => e.getAttributeNames().filter(n => !known.includes(n) && !n.startsWith('aria-')).map(n => e.id + ': ' + n));
}"""
"""What no field of ours has: two attributes that a template ran together, say."""
_FAULTS = """async () => (await axe.run()).violations.map(
  v => v.id + ': ' + v.nodes.map(n => n.html.slice(0, 150)).join(' | '))"""


@dataclass(slots=True)
class Onglet:
    """A tab, and what it said against the pages it opened."""

    page: Page
    url: str
    plaintes: list[str] = field(default_factory=list)
    vues: int = 0

    def __post_init__(self) -> None:
        self.page.on("console", lambda said: self.plaintes.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.plaintes.append(str(error)))

    async def go(self, path: str) -> None:
        await self.page.goto(self.url + path)

    async def fill(self, **fields: str) -> None:
        """Fill fields of the page in, by their identifiers."""
        for name, value in fields.items():
            await self.page.fill(f"#{name}", value)

    async def type(self, field: str, text: str) -> None:
        """Type where the page put the focus by itself, which is that field."""
        await self.page.wait_for_function(f"document.activeElement.id === '{field}'")
        await self.page.keyboard.type(text)

    async def enter(self) -> None:
        """Send the form by the Enter key, and wait for the page it leads to."""
        async with self.page.expect_navigation():
            await self.page.keyboard.press("Enter")

    async def press(self, button: str) -> None:
        """Press a button, by what it says, and wait for the page it leads to."""
        async with self.page.expect_navigation():
            await self.page.get_by_role("button", name=button).first.click()

    async def title(self) -> str:
        return await self.page.locator("h1").inner_text()

    async def password(self, who: Titulaire, page: str = "/connexion") -> None:
        await self.go(page)
        await self.fill(courriel=who.personne.courriel, mot_de_passe=who.personne.mot_de_passe)
        await self.press("Continuer")

    async def sign_in(self, who: Titulaire, page: str = "/connexion?suite=compte") -> None:
        """By the password and the application."""
        await self.password(who, page)
        await self.fill(code=pyotp.TOTP(who.personne.totp or "").now())
        await self.press("Valider")

    async def examine(self, screenshots: Path) -> list[str]:
        """What is wrong with the page as it is: accessibility, width on a telephone, zoom, text at twice its size."""
        name = await self.title()
        await self.page.set_viewport_size(_WIDE)
        await self.page.evaluate(AXE.read_text())
        wrong = [f"{name}: {fault}" for script in (_FAULTS, _UNKNOWN) for fault in await self.page.evaluate(script)]
        for size in (_NARROW, _ZOOMED):
            await self.page.set_viewport_size(size)
            wrong += [f"{name} at {size['width']} px: {one}" for one in await self.page.evaluate(OVERFLOW)]
        await self.page.evaluate("document.documentElement.style.fontSize = '200%'")
        wrong += [f"{name} with large text: {one}" for one in await self.page.evaluate(OVERFLOW)]
        await self.page.evaluate("document.documentElement.style.fontSize = ''")
        await self.page.set_viewport_size(_NARROW)
        self.vues += 1
        await self.page.screenshot(path=screenshots / f"{self.vues:02d}.png", full_page=True)
        await self.page.set_viewport_size(_WIDE)
        return wrong


async def with_keys(page: Page, *, verifie: bool = True) -> tuple[CDPSession, str]:
    """Give the tab an authenticator that answers by itself: the session to speak to it by, and its identifier."""
    session = await page.context.new_cdp_session(page)
    await session.send("WebAuthn.enable")
    added = await session.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": verifie,
                "isUserVerified": verifie,
                "automaticPresenceSimulation": True,
            }
        },
    )
    return session, added["authenticatorId"]


@dataclass(frozen=True, slots=True)
class Fournisseur:
    """A provider that has a name, so that browsers make keys for it; its accounts are those of `identity`."""

    identity: Identity
    url: str
