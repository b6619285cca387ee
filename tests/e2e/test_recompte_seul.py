"""The recount itself, on an input small enough to be counted by hand, and on what it may import."""

import ast
import json
import os
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import lectures, recompte
from tests.e2e.lectures import read_series
from tests.e2e.recompte import ChiffresRapport, FormationOfferte, Indicateurs, Recompte, recount

NOMENCLATURE = """<?xml version="1.0" encoding="ISO-8859-15"?>
<BEE_NOMENCLATURES><DONNEES><MEFS>
<MEF CODE_MEF="20210019110"><LIBELLE_LONG>TERMINALE GENERALE</LIBELLE_LONG></MEF>
<MEF CODE_MEF="21231018110"><LIBELLE_LONG>T-STMG MERCATIQUE (MARKETING)</LIBELLE_LONG></MEF>
<MEF CODE_MEF="24725520331"><LIBELLE_LONG>TLEPRO METIERS DE L'ELECTRICITE</LIBELLE_LONG></MEF>
<MEF CODE_MEF="20110019110"><LIBELLE_LONG>PREMIERE GENERALE</LIBELLE_LONG></MEF>
</MEFS></DONNEES></BEE_NOMENCLATURES>
"""
OFFRE = """cod_uai;lib_for_voe_ins;fili;capa_fin;cod_aff_form
0779000P;Licence - Droit;Licence;40;1
0779000P;Licence - Droit;Licence_Las;20;2
0779001R;PASS;PASS;100;3
0779001R;BTS - Tourisme;BTS;12;4
"""
LYCEES = """academie;uai
CRÉTEIL;0779000P
CRÉTEIL;0779001R
AIX-MARSEILLE;0139000A
"""
GENERALE, STMG, PRO, PREMIERE = "20210019110", "21231018110", "24725520331", "20110019110"
type Row = tuple[str, str] | tuple[str, str, str]


def siecle(folder: Path, uai: str, name: str, *eleves: Row) -> Path:
    """A file of students given as INE, MEF and, for who has left, the day; their class is named after their MEF."""
    structures = "".join(
        f'<STRUCTURES_ELEVE ELEVE_ID="{ine}"><STRUCTURE><CODE_STRUCTURE>_G1</CODE_STRUCTURE><TYPE_STRUCTURE>G'
        f"</TYPE_STRUCTURE></STRUCTURE><STRUCTURE><CODE_STRUCTURE>T{mef[:4]}</CODE_STRUCTURE><TYPE_STRUCTURE>D"
        "</TYPE_STRUCTURE></STRUCTURE></STRUCTURES_ELEVE>"
        for ine, mef, *_ in eleves
    )
    rows = "".join(
        f'<ELEVE ELEVE_ID="{ine}"><INE_RNIE>{ine}</INE_RNIE><CODE_MEF>{mef}</CODE_MEF>'
        + "".join(f"<DATE_SORTIE>{day}</DATE_SORTIE>" for day in left)
        + "</ELEVE>"
        for ine, mef, *left in eleves
    )
    path = folder / f"{uai}-{name}.xml"
    path.write_text(
        f'<?xml version="1.0" encoding="ISO-8859-15"?><BEE_ELEVES><PARAMETRES><UAJ>{uai}</UAJ>'
        f"<DATE_EXPORT>09/12/2024</DATE_EXPORT></PARAMETRES><DONNEES><ELEVES>{rows}</ELEVES>"
        f"<STRUCTURES>{structures}</STRUCTURES></DONNEES></BEE_ELEVES>",
        encoding="iso-8859-15",
    )
    return path


def voeu(code: int, etat: str = "FORMULE", *, propose: bool = False) -> dict[str, Any]:
    return {
        "formation": f"2025/{code}",
        "etat": etat,
        "confirme_le": None if etat == "FORMULE" else "2025-03-20",
        "proposition_le": "2025-06-02" if propose else None,
    }


def etat(ine: str, *voeux: dict[str, Any], version: int = 3, inscrit: bool = True) -> dict[str, Any]:
    return {
        "candidat": f"n{ine}",
        "session": 2025,
        "version": version,
        "ine": ine,
        "inscrit_le": "2025-01-20" if inscrit else None,
        "voeux": voeux,
    }


CANDIDATS = [
    etat("G1", voeu(1), voeu(3)),  # only L1 or PASS
    etat("G2", voeu(2), voeu(4)),  # at least one
    etat("G3", voeu(4)),  # neither
    etat("G4"),  # no wish
    etat("G5", inscrit=False),  # an account, no file
    etat("T1", voeu(4)),
    etat("P1", voeu(2)),  # only L1 or PASS, elsewhere
    etat("X1", voeu(1)),  # in no lycée
    {**etat("G3", voeu(1)), "session": 2024, "candidat": "old"},
]


class Entree:
    """The files of a case."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, content in (("Nomenclature.xml", NOMENCLATURE), ("offre.csv", OFFRE), ("lycees.csv", LYCEES)):
            (folder / name).write_text(content, encoding="utf-8" if name.endswith("csv") else "iso-8859-15")
        self.files = [
            siecle(
                folder, "0779000P", "1", *((f"G{n}", GENERALE) for n in range(1, 7)), ("T1", STMG), ("S1", PREMIERE)
            ),
            siecle(folder, "0139000A", "1", ("P1", PRO)),
        ]

    def candidats(self, etats: Sequence[dict[str, Any]], name: str = "candidats.jsonl") -> Path:
        path = self.folder / name
        path.write_text("".join(json.dumps(state) + "\n" for state in etats), encoding="utf-8")
        return path

    def recount(
        self, etats: Sequence[dict[str, Any]] = CANDIDATS, *, avant_le_gel: Sequence[Path] | None = None
    ) -> Recompte:
        return recount(
            session=2025,
            siecle=self.files,
            nomenclature=self.folder / "Nomenclature.xml",
            candidats=[self.candidats(etats)],
            offre=self.folder / "offre.csv",
            lycees=self.folder / "lycees.csv",
            avant_le_gel=avant_le_gel,
        )


@pytest.fixture
def entree(tmp_path: Path) -> Entree:
    return Entree(tmp_path)


def test_students_are_counted_by_school_academie_and_nation_in_total_and_by_serie(entree: Entree) -> None:
    found = entree.recount()
    generale = Indicateurs(6, 6, 4, 1, 2, 1)
    stmg = Indicateurs(1, 1, 1, 0, 0, 0)
    assert found.lycee("0779000P", "GENERALE") == found.academie("creteil", "GENERALE") == generale
    assert found.lycee("0779000P", "STMG") == stmg
    assert found.lycee("0779000P") == found.academie("creteil") == Indicateurs(7, 7, 5, 1, 2, 1)
    assert found.academie("aix-marseille") == found.nation("PRO") == Indicateurs(1, 1, 1, 0, 1, 1)
    assert found.nation() == Indicateurs(8, 8, 6, 1, 3, 2)
    assert found.nation("STL") == Indicateurs()


def test_rates_are_of_the_vivier_initial_or_of_the_registered(entree: Entree) -> None:
    lycee = entree.recount().lycee("0779000P")
    assert lycee.taux_participation == Fraction(5, 7)
    assert lycee.part_des_inscrits(lycee.sans_voeu) == Fraction(1, 5)
    assert Indicateurs().taux_participation is None
    assert Indicateurs().part_des_inscrits(0) is None


def test_who_left_after_the_freeze_counts_in_the_vivier_initial_and_who_came_in_the_current_one(
    entree: Entree,
) -> None:
    before = list(entree.files)
    entree.files.append(siecle(entree.folder, "0779000P", "2", ("G1", GENERALE, "02/12/2024"), ("G7", GENERALE)))
    # G1, who has left, had registered: it is in the numerator as in the denominator of the participation rate.
    assert entree.recount(avant_le_gel=before).lycee("0779000P") == Indicateurs(7, 7, 5, 1, 2, 1)
    assert entree.recount().lycee("0779000P") == Indicateurs(7, 7, 4, 1, 1, 0)
    entree.files.append(siecle(entree.folder, "0779000P", "3", ("G8", GENERALE), ("G9", GENERALE, "10/12/2024")))
    assert entree.recount(avant_le_gel=before).lycee("0779000P") == Indicateurs(9, 7, 5, 1, 2, 1)


def test_who_is_not_in_the_next_file_has_left_unless_so_many_are_missing_that_it_is_a_complement(
    entree: Entree,
) -> None:
    before = list(entree.files)
    entree.files.append(siecle(entree.folder, "0779000P", "2", ("G1", GENERALE), ("T1", STMG)))
    # Five of seven are missing: G2 to G6. Of whom G2 to G4 had registered.
    assert entree.recount().lycee("0779000P") == Indicateurs(2, 2, 2, 0, 1, 1)
    assert entree.recount(avant_le_gel=before).lycee("0779000P") == Indicateurs(2, 7, 5, 1, 2, 1)
    entree.files[-1] = siecle(entree.folder, "0779000P", "2", ("G1", GENERALE))
    assert entree.recount().lycee("0779000P").vivier == 7


def test_of_a_candidates_states_the_one_of_the_highest_version_counts_whatever_their_order(entree: Entree) -> None:
    later = etat("G4", voeu(1), version=4)
    assert entree.recount([later, *CANDIDATS]).lycee("0779000P").sans_voeu == 0
    assert entree.recount([*CANDIDATS, later]).lycee("0779000P").sans_voeu == 0


def test_a_report_counts_the_candidates_with_a_confirmed_wish_wherever_they_come_from(entree: Entree) -> None:
    found = entree.recount(
        [
            etat("G1", voeu(1, "ACCEPTE", propose=True), voeu(4, "REFUSE", propose=True)),
            etat("G2", voeu(1, "EN_ATTENTE"), voeu(4, "REFUS_FORMATION")),
            etat("X1", voeu(1, "DEMISSION", propose=True)),
            etat("X2", voeu(1, "CONFIRME"), voeu(4, "DEMISSION")),
            etat("X3", voeu(1)),
        ]
    )
    assert found.rapports == {
        "2025/1": ChiffresRapport(40, 4, 2, 1, 1, 0, 1),
        "2025/2": ChiffresRapport(20),
        "2025/3": ChiffresRapport(100),
        "2025/4": ChiffresRapport(12, 3, 1, 0, 0, 1, 1),
    }


def test_the_formations_of_an_establishment_are_its_rows_of_the_offer(entree: Entree) -> None:
    assert entree.recount().formations == {
        "0779000P": {
            "2025/1": FormationOfferte("Licence - Droit", 40),
            "2025/2": FormationOfferte("Licence - Droit", 20),
        },
        "0779001R": {"2025/3": FormationOfferte("PASS", 100), "2025/4": FormationOfferte("BTS - Tourisme", 12)},
    }


def test_the_students_of_a_school_are_listed_by_class_and_by_serie_without_those_who_have_left(entree: Entree) -> None:
    entree.files.append(siecle(entree.folder, "0779000P", "2", ("G1", GENERALE, "02/12/2024"), ("G7", GENERALE)))
    found = entree.recount()
    generale, stmg = Counter(f"G{n}" for n in range(2, 8)), Counter(["T1"])
    # A complement: those whom the second file does not name have not left.
    assert found.par_classe["0779000P"] == {"T2021": generale, "T2123": stmg}
    assert found.par_serie["0779000P"] == {"GENERALE": generale, "STMG": stmg}
    assert found.par_classe["0139000A"] == {"T2472": Counter(["P1"])}


def test_a_file_is_read_from_its_zip_too(entree: Entree) -> None:
    zipped = entree.folder / "ExportXML_ElevesSansAdresses.zip"
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.write(entree.files[0], "ElevesSansAdresses.xml")
    plain = entree.recount()
    entree.files[0] = zipped
    assert entree.recount() == plain


def test_a_student_who_is_present_in_two_schools_is_not_counted_silently_twice(entree: Entree) -> None:
    entree.files.append(siecle(entree.folder, "0779001R", "1", ("G1", GENERALE)))
    with pytest.raises(ValueError, match="in two schools"):
        entree.recount()


def test_it_imports_nothing_of_the_platform() -> None:
    def imported(path: str | None) -> Iterator[str]:
        for node in ast.walk(ast.parse(Path(str(path)).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield node.module or "."

    of_others = {*sys.stdlib_module_names, "lxml"}
    assert {name.partition(".")[0] for name in imported(lectures.__file__)} <= of_others
    assert {name.partition(".")[0] for name in imported(recompte.__file__) if name != "tests.e2e.lectures"} <= of_others


@pytest.mark.donnees_reelles
@pytest.mark.skipif("DONNEES_REELLES" not in os.environ, reason="needs DONNEES_REELLES, the folder of the real data")
def test_the_ministrys_own_nomenclature_is_read_as_its_labels_say() -> None:
    """Counted by hand: 19 terminales, of which none professional, among its 68 modules."""
    series = read_series(Path(os.environ["DONNEES_REELLES"]) / "siecle/Nomenclature.xml")
    assert Counter(series.values()) == {"GENERALE": 6, "STMG": 9, "STL": 3, "ST2S": 1}
