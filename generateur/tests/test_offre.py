"""The generator of offers: the same seed gives the same bytes, in the shape of the national files."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from generateur.marginales import PART_DES_FORMATIONS, PART_DES_VOEUX
from generateur.offre import formations_offertes, generate, write_lycees, write_offre
from socle.academies import academie_by_slug
from socle.formations import TypeFormation
from socle.identifiants import parse_uai_origine


def test_the_same_seed_gives_the_same_bytes_and_another_gives_others(tmp_path: Path) -> None:
    files = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        offre = generate(academie_by_slug("lyon"), lycees=5, superieurs=3, formations=50, seed=seed)
        write_offre(offre, tmp_path / f"{name}.csv")
        write_lycees(offre, tmp_path / f"{name}-lycees.csv")
        files.append((tmp_path / f"{name}.csv").read_bytes() + (tmp_path / f"{name}-lycees.csv").read_bytes())
    assert files[0] == files[1] != files[2]


@pytest.mark.parametrize("slug", ["creteil", "corse", "la-reunion", "aix-marseille"])
def test_every_establishment_has_a_valid_number_of_its_own_in_any_academie(slug: str, tmp_path: Path) -> None:
    offre = generate(academie_by_slug(slug), lycees=400, superieurs=100, formations=10, seed=1)
    uais = [parse_uai_origine(e.uai) for e in offre.etablissements]
    assert len(set(uais)) == 500
    write_lycees(offre, tmp_path / "l.csv")
    with (tmp_path / "l.csv").open(encoding="utf-8") as text:
        assert len(list(csv.DictReader(text, delimiter=";"))) == 400


def test_the_shares_of_wishes_and_of_formations_make_a_hundred_percent() -> None:
    assert sum(PART_DES_VOEUX.values()) == pytest.approx(100, abs=0.2)
    assert sum(PART_DES_FORMATIONS.values()) == pytest.approx(100, abs=0.2)


def test_a_small_offer_too_has_some_formations_of_every_type_and_lycees_offer_what_lycees_do() -> None:
    offre = generate(academie_by_slug("creteil"), lycees=12, superieurs=4, formations=220, seed=1)
    counted = Counter(formation.type for formation in formations_offertes(offre.formations, session=2025))
    assert counted.total() == 220
    assert min(counted[kind] for kind in TypeFormation) >= 10
    lycees = {e.uai for e in offre.etablissements if e.lycee}
    assert {row["fili"] for row in offre.formations if row["cod_uai"] in lycees} == {"BTS", "CPGE", "Autre formation"}


def test_lycees_without_any_other_host_offer_all_there_is() -> None:
    offre = generate(academie_by_slug("creteil"), lycees=1, superieurs=0, formations=20, seed=1)
    assert {row["fili"] for row in offre.formations} == {"BTS", "CPGE", "Autre formation"}
    assert len(offre.formations) == 20
