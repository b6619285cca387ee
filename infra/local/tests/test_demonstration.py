"""Which lycées the demonstration has, and who can sign in."""

from pathlib import Path

import pytest

from infra.local import demonstration
from infra.local.demonstration import comptes, is_loaded, is_written, lycees, mark_loaded


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An offer in which the second lycée of each académie has formations, and the first has none."""
    rows = [f"{name};{uai}" for name in ("CRÉTEIL", "RENNES") for uai in (f"{name[0]}1", f"{name[0]}2", f"{name[0]}3")]
    (tmp_path / "lycees.csv").write_text("\n".join(["academie;uai", *rows]), encoding="utf-8")
    (tmp_path / "offre.csv").write_text("cod_uai;fili\nC2;BTS\nR2;BTS\n", encoding="utf-8")
    return tmp_path


def test_lycees_with_formations_come_first_in_each_academie(folder: Path) -> None:
    assert list(lycees(folder)) == ["C2", "C1", "C3", "R2", "R1"]
    places = {compte.nom_court: compte.ligne["roles"][0].get("uai") for compte in comptes(folder)}
    assert (places["chef"], places["voisin"], places["lointain"]) == ("C2", "C1", "R2")


def test_files_of_an_earlier_release_with_one_academie_are_written_anew(folder: Path) -> None:
    assert is_written(folder)
    (folder / "lycees.csv").write_text("academie;uai\nCRÉTEIL;C1\nCRÉTEIL;C2\n", encoding="utf-8")
    assert not is_written(folder)
    (folder / "lycees.csv").unlink()
    assert not is_written(folder)


def test_each_account_has_a_name_and_a_secret_of_its_own(folder: Path) -> None:
    known = comptes(folder)
    assert len({compte.nom_court for compte in known}) == len({compte.courriel for compte in known}) == len(known)
    assert len({demonstration.totp(compte.nom_court) for compte in known}) == len(known)


def test_what_was_loaded_is_loaded_again_only_when_the_files_or_the_stores_are_others(folder: Path) -> None:
    data, other_data = folder / "data", folder / "autres"
    for stores in (data, other_data):
        stores.mkdir()
    assert not is_loaded(folder, data)
    mark_loaded(folder, data)
    assert is_loaded(folder, data)
    assert not is_loaded(folder, other_data)
    siecle = demonstration.charges(folder) / "C1"
    siecle.mkdir(parents=True)
    (siecle / "Eleves.xml").write_text("<BEE_ELEVES/>", encoding="utf-8")
    assert not is_loaded(folder, data)
