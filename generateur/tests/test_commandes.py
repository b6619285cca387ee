"""The commands write the files they say."""

import csv
import json
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from generateur.__main__ import main


def run(*arguments: object) -> str:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_an_offer_has_the_columns_of_the_national_file_with_or_without_codes(tmp_path: Path) -> None:
    run("offre", tmp_path / "avec", "--formations", 20)
    run("offre", tmp_path / "sans", "--formations", 20, "--sans-codes")
    with (tmp_path / "avec" / "offre.csv").open(encoding="utf-8") as text:
        avec = csv.DictReader(text, delimiter=";").fieldnames
    with (tmp_path / "sans" / "offre.csv").open(encoding="utf-8") as text:
        sans = csv.DictReader(text, delimiter=";").fieldnames
    assert sans is not None
    assert len(sans) == 20
    assert sans[-1] == "pct_bp"
    assert avec is not None
    assert set(avec) - set(sans) == {"cod_aff_form"}


def test_the_nation_has_every_academie_and_no_number_twice(tmp_path: Path) -> None:
    run("offre", tmp_path, "--academie", "nation", "--formations", 3000, "--lycees", 500, "--superieurs", 200)
    with (tmp_path / "offre.csv").open(encoding="utf-8") as text:
        rows = list(csv.DictReader(text, delimiter=";"))
    assert len(rows) == 3000
    assert len({row["cod_aff_form"] for row in rows}) == 3000
    assert len({row["acad_mies"] for row in rows}) == 30


def test_each_academie_that_is_named_has_what_it_would_have_alone(tmp_path: Path) -> None:
    size = ("--formations", 20, "--lycees", 3)
    run("offre", tmp_path / "deux", "--academie", "creteil", "--academie", "rennes", *size)
    for name in ("creteil", "rennes"):
        run("offre", tmp_path / name, "--academie", name, *size)
    for file in ("offre.csv", "lycees.csv"):
        both, first, second = (
            (tmp_path / folder / file).read_text(encoding="utf-8").splitlines()
            for folder in ("deux", "creteil", "rennes")
        )
        assert both == [*first, *second[1:]]


def test_a_lycees_documents_are_written_as_siecle_names_them(tmp_path: Path) -> None:
    run("siecle", tmp_path, "--uai", "0779000P", "--terminales", 40)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "ExportXML_ElevesSansAdresses.zip",
        "ExportXML_Nomenclature.zip",
        "ExportXML_Structures.zip",
    ]
    with zipfile.ZipFile(tmp_path / "ExportXML_ElevesSansAdresses.zip") as archive:
        assert archive.namelist() == ["ElevesSansAdresses.xml"]
        assert archive.read("ElevesSansAdresses.xml").count(b"<ELEVE ") == 40


def test_faults_and_a_later_file_are_written_on_demand(tmp_path: Path) -> None:
    run("siecle", tmp_path / "a", "--uai", "0779000P", "--xml")
    run("siecle", tmp_path / "b", "--uai", "0779000P", "--xml", "--suite", "0.1")
    run("siecle", tmp_path / "c", "--uai", "0779000P", "--xml", "--fautes", "MEF_INCONNU=3", "--fautes", "NOM_ABSENT")
    run("siecle", tmp_path / "d", "--uai", "0779000P", "--faute-fichier", "ZIP_BOMBE")
    first, later, faulty = ((tmp_path / n / "ElevesSansAdresses.xml").read_bytes() for n in "abc")
    assert first != later
    assert faulty.count(b"<CODE_MEF>26999999110<") == 3
    assert (tmp_path / "d" / "ElevesSansAdresses-ZIP_BOMBE").read_bytes().startswith(b"PK")


@pytest.mark.parametrize("faute", ["INCONNUE=1", "NOM_ABSENT=x"])
def test_an_unknown_fault_is_refused_and_the_known_ones_are_named(tmp_path: Path, faute: str) -> None:
    result = CliRunner().invoke(main, ["siecle", str(tmp_path), "--uai", "0779000P", "--fautes", faute])
    assert result.exit_code != 0
    assert "INE_EN_DOUBLE" in result.output


def test_candidates_are_written_one_a_line_and_are_those_of_the_lycee(tmp_path: Path) -> None:
    run("offre", tmp_path, "--formations", 40)
    run("siecle", tmp_path, "--uai", "0779000P", "--terminales", 30, "--xml")
    arguments = ("--offre", tmp_path / "offre.csv", "--lycee", "0779000P=30", "--hors-lycee", 15)
    run("candidats", tmp_path / "candidats.jsonl", *arguments)
    states = [json.loads(line) for line in (tmp_path / "candidats.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(states) == 45
    known = (tmp_path / "ElevesSansAdresses.xml").read_text(encoding="iso-8859-15")
    assert all(state["ine"] in known for state in states[:30])
    assert {state["uai"] for state in states[30:]} == {None}
    assert any(voeu["etat"] == "FORMULE" for state in states for voeu in state["voeux"])


def test_without_being_told_a_third_of_the_candidates_are_in_no_lycee(tmp_path: Path) -> None:
    run("offre", tmp_path, "--formations", 40)
    run("candidats", tmp_path / "candidats.jsonl", "--offre", tmp_path / "offre.csv", "--lycee", "0779000P=400")
    states = [json.loads(line) for line in (tmp_path / "candidats.jsonl").read_text(encoding="utf-8").splitlines()]
    registered = [state for state in states if state["inscrit_le"]]
    # 980,117 candidates, 648,000 students of terminale (domaine.md §5.3).
    assert sum(state["uai"] is None for state in registered) / len(registered) == pytest.approx(0.339, abs=0.02)


def test_an_offer_without_official_codes_is_refused_by_name(tmp_path: Path) -> None:
    run("offre", tmp_path, "--formations", 20, "--sans-codes")
    offre = str(tmp_path / "offre.csv")
    result = CliRunner().invoke(main, ["candidats", str(tmp_path / "c.jsonl"), "--offre", offre])
    assert result.exit_code == 2
    assert f"Invalid value for --offre: {offre}: the offer has no 'cod_aff_form'" in result.output
