"""Which lycées the demonstration has, and who can sign in."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from infra.local import demonstration
from infra.local.demonstration import comptes, is_loaded, is_written, lycees, mark_loaded
from infra.local.processes import ROOT


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


PART_DES_VOEUX = {
    # domaine.md §5.3, in percent of the wishes of the nation.
    "L": 24.6,
    "BTS": 16.5,
    "IFSI": 10.7,
    "BUT": 9.9,
    "CPGE": 9.6,
    "PASS": 8.2,
    "INGENIEUR": 7.1,
    "LAS": 3.7,
    "ECOLE_COMMERCE": 2.9,
    "EFTS": 0.4,
    "AUTRE": 6.4,
}


def test_the_candidates_of_the_demonstration_are_at_the_documented_marginals(tmp_path: Path) -> None:
    states = tmp_path / "candidats.jsonl"
    run_generateur(*demonstration.offre(tmp_path))
    run_generateur("candidats", str(states), *demonstration.candidats(tmp_path))
    candidats = [json.loads(line) for line in states.read_text(encoding="utf-8").splitlines()]
    registered = [candidat for candidat in candidats if candidat["inscrit_le"]]
    voeux = [voeu for candidat in registered for voeu in candidat["voeux"]]
    # 980,117 candidates, 648,000 of them in terminale; 13.5 million wishes; 4.2 million proposals (domaine.md §5.3).
    assert sum(candidat["uai"] is None for candidat in registered) / len(registered) == pytest.approx(0.339, abs=0.01)
    assert len(voeux) / len(registered) == pytest.approx(13.8, rel=0.03)
    assert sum(voeu["proposition_le"] is not None for voeu in voeux) / len(registered) == pytest.approx(4.29, rel=0.05)
    counted = Counter(voeu["type"] for voeu in voeux)
    for kind, part in PART_DES_VOEUX.items():
        assert 100 * counted[kind] / len(voeux) == pytest.approx(part, abs=1.2), kind
    assert counted["EFTS"] > 0


def run_generateur(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "generateur", *arguments], cwd=ROOT, check=True)
