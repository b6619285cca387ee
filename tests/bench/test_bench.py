"""What the bars are measured on is what they say."""

import os
from pathlib import Path

import pytest

from infra.local.processes import ROOT
from tests.bench import offer, up


def test_a_clone_is_started_without_anything_of_the_checkout_that_measures_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.pathsep.join([str(ROOT / ".local/venv/bin"), os.environ["PATH"]]))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("VIRTUAL_ENV", str(ROOT / ".local/venv"))
    kept = up.environment()
    assert not {"PYTHONPATH", "PYTHONPYCACHEPREFIX", "VIRTUAL_ENV"} & kept.keys()
    assert kept["PATH"]
    assert str(ROOT) not in kept["PATH"]


def test_a_fictitious_offer_is_not_called_the_national_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DONNEES_REELLES", str(tmp_path / "donnees"))
    assert offer.describe(tmp_path / "donnees/offre/parcoursup_formations_2025.csv") == "the national offer"
    assert "fictitious" in offer.describe(tmp_path / "offre.csv")
    monkeypatch.delenv("DONNEES_REELLES")
    assert "fictitious" in offer.describe(tmp_path / "offre.csv")
