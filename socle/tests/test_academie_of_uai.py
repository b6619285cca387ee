"""The académie that a UAI tells."""

import csv
import os
from pathlib import Path

import pytest

from socle.academies import academie_of_uai, find_academie


@pytest.mark.parametrize(
    ("uai", "slug"),
    [
        ("0940001A", "creteil"),
        ("0750680G", "paris"),
        ("0140070A", "normandie"),
        ("6200001A", "corse"),
        ("7200001A", "corse"),
        ("9740001A", "la-reunion"),
        ("9760001A", "mayotte"),
        ("9840001A", "polynesie-francaise"),
    ],
)
def test_a_uai_tells_the_academie_of_its_departement(uai: str, slug: str) -> None:
    academie = academie_of_uai(uai)
    assert academie is not None
    assert academie.slug == slug


@pytest.mark.parametrize("uai", ["9750001A", "9780001A", "1340001A", "2A00001A", ""])
def test_a_uai_of_a_shared_or_foreign_place_tells_no_academie(uai: str) -> None:
    assert academie_of_uai(uai) is None


@pytest.mark.donnees_reelles
@pytest.mark.skipif("DONNEES_REELLES" not in os.environ, reason="DONNEES_REELLES is not set")
def test_every_published_lycee_is_in_the_academie_that_its_uai_tells() -> None:
    path = Path(os.environ["DONNEES_REELLES"]) / "etablissements" / "fr-en-ips_lycees.csv"
    with path.open(encoding="utf-8-sig", newline="") as text:
        rows = {row["uai"]: row["academie"] for row in csv.DictReader(text, delimiter=";")}
    assert len(rows) > 3_000
    wrong = {uai: name for uai, name in rows.items() if academie_of_uai(uai) != find_academie(name)}
    assert wrong == {}
