"""The page of the environment variables: what it says can be pasted."""

import importlib
import re
from pathlib import Path

import pytest

from infra.environment import SERVICES, page

REQUIRED = {
    "MODE": "local",
    "MONGODB_URI": "mongodb://127.0.0.1",
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092",
    "IDENTITY_URL": "http://127.0.0.1:4001",
    "CLES_SERVICES": "cles",
}


@pytest.mark.parametrize("service", SERVICES)
def test_a_default_that_is_pasted_from_the_page_changes_nothing(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, _, name = SERVICES[service].partition(":")
    settings = getattr(importlib.import_module(module), name)
    monkeypatch.chdir(Path(__file__).parents[2])
    for variable, value in REQUIRED.items():
        monkeypatch.setenv(variable, value)
    asked = settings()
    defaults = {
        variable: default
        for heading, table in re.findall(r"## (.*?)\n\n(.*?)\n\n", page() + "\n", re.DOTALL)
        if heading in ("Every service", f"`{service}`")
        for variable, default in re.findall(r"^\| `(\w+)` \| `(.*?)` \|", table, re.MULTILINE)
        if variable not in REQUIRED
    }
    assert f"{service.upper()}_PORT" in defaults
    for variable, default in defaults.items():
        monkeypatch.setenv(variable, default)
    pasted = settings()
    for field, value in asked:
        given = getattr(pasted, field)
        assert (given.absolute() if isinstance(given, Path) else given) == (
            value.absolute() if isinstance(value, Path) else value
        )
