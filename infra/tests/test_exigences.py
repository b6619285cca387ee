"""The pages of the standards: made of what tests say that they show, and of nothing that they do not."""

from pathlib import Path

import pytest

from infra.exigences import Exigence, Norme, find_preuves, page, problems, read_normes

_TEST = """
import pytest

@pytest.mark.stack
@pytest.mark.exigence("ASVS 1.1", "ASVS 1.2")
async def test_a_thing_is_so() -> None: ...

@pytest.mark.exigence("ASVS 9.9")
def test_another() -> None: ...

def test_that_shows_nothing() -> None: ...
"""


def norme(**exigences: Exigence) -> Norme:
    return Norme(
        titre="Essai",
        page="essai",
        portee="Tout.",
        exigences={n[1:].replace("_", "."): e for n, e in exigences.items()},
    )


def test_each_marker_is_found_with_its_test(tmp_path: Path) -> None:
    folder = tmp_path / "services/x/tests"
    folder.mkdir(parents=True)
    (folder / "test_x.py").write_text(_TEST, encoding="utf-8")
    assert [(name, preuve.nom) for name, preuve in find_preuves(tmp_path)] == [
        ("ASVS 1.1", "test_a_thing_is_so"),
        ("ASVS 1.2", "test_a_thing_is_so"),
        ("ASVS 9.9", "test_another"),
    ]


def test_a_requirement_of_which_nothing_is_said_and_one_that_is_none_are_problems(tmp_path: Path) -> None:
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "test_x.py").write_text(_TEST, encoding="utf-8")
    preuves = {name: [preuve] for name, preuve in find_preuves(tmp_path)}
    declared = norme(
        _1_1=Exigence(objet="Shown"),
        _1_2=Exigence(objet="Shown, yet said not to concern us", sans_objet="no such thing"),
        _1_3=Exigence(objet="Silent"),
        _1_4=Exigence(objet="Otherwise", ecart="for a reason"),
    )
    found = problems({"ASVS": declared}, preuves)
    assert len(found) == 3
    assert any("ASVS 9.9" in problem for problem in found)
    assert any(problem.startswith("ASVS 1.3:") for problem in found)
    assert any(problem.startswith("ASVS 1.2:") for problem in found)


def test_a_page_counts_what_is_met_and_says_the_rest_plainly(tmp_path: Path) -> None:
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "test_x.py").write_text(_TEST, encoding="utf-8")
    preuves = {name: [preuve] for name, preuve in find_preuves(tmp_path)}
    text = page(
        "ASVS", norme(_1_1=Exigence(objet="Shown", niveau=1), _1_4=Exigence(objet="Other", ecart="why")), preuves
    )
    assert "2 requirements: 1 met, 1 met otherwise or in part, 0 not concerned." in text
    assert "| **1.1** (L1) Shown | met | [a thing is so](../../tests/test_x.py) |" in text
    assert "| **1.4** Other | met otherwise or in part | why |" in text


def test_a_requirement_with_a_field_that_is_none_or_a_missing_document_is_named(tmp_path: Path) -> None:
    path = tmp_path / "exigences.toml"
    for line in ('preuve = "x"', 'document = "docs/absent.md"'):
        path.write_text(
            f'[A]\ntitre = "t"\npage = "p"\nportee = "x"\n[A.exigences."1"]\nobjet = "o"\n{line}\n', encoding="utf-8"
        )
        with pytest.raises(SystemExit, match=r"exigences\.toml"):
            read_normes(path)
