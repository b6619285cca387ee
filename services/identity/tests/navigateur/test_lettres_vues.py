"""Every letter as a mail client shows it: on a telephone and wide, for a screen reader, and the same in plain text."""

import html
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from playwright.async_api import Browser, ViewportSize

import services.identity.employeurs
import services.identity.lettres
import services.identity.mfa
from services.identity.lettres import rendu
from services.identity.lettres.lettre import Lettre
from services.identity.tests.navigateur.chromium import AXE, OVERFLOW
from socle.rubriques import Role

pytestmark = pytest.mark.long

SAID: dict[str, Any] = {
    "prenom": "Marie-Charlotte",
    "code": "042 137",
    "adresse": "https://identite.site-de-gestion.example.fr",
    "lien": "xJ4m0Yk3Q9bU7r2tVw5zA8cDfGhKlNpS1eLoRiTuYqE",
    "role": Role.ADMIN_ETABLISSEMENT,
    "ou": " du lycée Marguerite de Flandre (0599999Z)",
    "mois": 13,
    "fin": datetime(2026, 12, 31, 23, 0, tzinfo=UTC),
    "active": True,
    "restants": 7,
    "nom": "Académie de Clermont-Ferrand",
}
"""What a letter may be given, by the name of what it is given."""
_WIDTHS = (320, 1280)
_FAULTS = """async () => (await axe.run(
  {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})).violations.map(
  v => v.id + ': ' + v.nodes.map(n => n.html.slice(0, 150)).join(' | '))"""
_SUBJECT = 70


def writers() -> Iterator[Callable[..., Lettre]]:
    """Whatever of the service returns a letter."""
    for package in (services.identity.lettres, services.identity.mfa, services.identity.employeurs):
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(found.name)
            for _, made in inspect.getmembers(module, inspect.isfunction):
                if made.__module__ != found.name or made.__name__.startswith("_") or made.__name__ == "read":
                    continue
                if get_type_hints(made).get("return") is Lettre:
                    yield made


WRITERS = {f"{one.__module__.rpartition('.')[2]}.{one.__name__}": one for one in writers()}


def written(name: str) -> Lettre:
    """The letter, given what it asks for; one that asks for what we have no example of has to get one here."""
    return WRITERS[name](**{asked: SAID[asked] for asked in inspect.signature(WRITERS[name]).parameters})


def test_there_are_letters() -> None:
    assert {"gestion.invitation", "verrou.locked", "courriel.letter", "avis.letter_linked"} <= WRITERS.keys()


@pytest.mark.parametrize("name", WRITERS)
async def test_a_letter_can_be_read_by_everybody_and_says_the_same_in_plain_text(
    chromium: Browser, tmp_path: Path, name: str
) -> None:
    lettre = written(name)
    page, text = rendu.html(lettre), rendu.text(lettre)
    assert 0 < len(lettre.sujet) <= _SUBJECT, "mailboxes cut it short"
    assert not re.search(r"<(script|img|link|form|iframe)|url\(|@import", page), "nothing is fetched, nothing runs"
    shown = _plain(re.sub(r"<[^>]+>", " ", re.sub(r"<title>.*?</title>", "", page)))
    for sentence in _plain(text.replace("-- \n", "")).split(". "):
        for part in re.split(r" :(?: |$)|https?://\S+", sentence):
            assert part.strip(" .") in shown, part
    assert set(re.findall(r"https?://[^\s<\"]+", html.unescape(page))) == set(re.findall(r"https?://\S+", text))
    assert "votre" in text or "vous" in text
    assert not re.search(r"\b(tu|ton|tes|toi)\b", text), "politely"
    async with await chromium.new_context(locale="fr-FR", java_script_enabled=True) as context:
        tab = await context.new_page()
        for width in _WIDTHS:
            await tab.set_viewport_size(ViewportSize(width=width, height=800))
            await tab.set_content(page)
            assert await tab.evaluate(OVERFLOW) == []
            await tab.evaluate(AXE.read_text())
            assert await tab.evaluate(_FAULTS) == []
            await tab.screenshot(path=tmp_path / f"{name}-{width}.png", full_page=True)


def _plain(text: str) -> str:
    return " ".join(html.unescape(text).split())
