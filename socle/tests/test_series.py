"""The série that a MEF tells."""

import os
from pathlib import Path

import pytest
from lxml import etree

from socle.series import AUTRE_NIVEAU, NiveauMef, Serie, read_mef


@pytest.mark.parametrize(
    ("mef", "serie"),
    [
        ("20211010110", Serie.GENERALE),  # S
        ("20212005112", Serie.GENERALE),  # ES, European section
        ("20213019110", Serie.GENERALE),  # L
        ("20210019110", Serie.GENERALE),  # since 2020
        ("21231017110", Serie.STMG),
        ("21239903110", Serie.STMG),
        ("21220003110", Serie.STI2D),
        ("21220006110", Serie.STI2D),
        ("21220007112", Serie.STL),
        ("21229902110", Serie.STL),
        ("21233104110", Serie.ST2S),
        ("21213403110", Serie.STD2A),
        ("21233404110", Serie.STHR),
        ("21213302110", Serie.S2TMD),
        ("21221004110", Serie.STAV),
        ("24725520331", Serie.PRO),
        ("27621004331", Serie.PRO),
    ],
)
def test_a_terminale_has_a_serie(mef: str, serie: Serie) -> None:
    assert read_mef(mef) == NiveauMef(terminale=True, serie=serie)


@pytest.mark.parametrize(
    "mef",
    [
        "10310019110",  # 3e
        "20010014110",  # 2de
        "20111010110",  # 1re S
        "21131016110",  # 1re STMG
        "21033401110",  # 2de hôtellerie
        "24725520311",  # 2de pro
        "24725520321",  # 1re pro
        "24123112221",  # CAP
        "31131406210",  # BTS
        "7419990B11A",  # FCIL
        "99999999990",  # indeterminate
    ],
)
def test_another_level_is_not_terminale(mef: str) -> None:
    assert read_mef(mef) == AUTRE_NIVEAU


def test_a_brevet_de_technicien_is_a_terminale_of_no_serie() -> None:
    assert read_mef("22224210110") == NiveauMef(terminale=True, serie=None)


@pytest.mark.parametrize("mef", ["26900000110", "50000000000", "00000000000", ""])
def test_an_unknown_mef_tells_nothing(mef: str) -> None:
    assert read_mef(mef) is None


@pytest.mark.parametrize(
    ("mefstat", "libelle", "expected"),
    [
        ("22131010019", "", NiveauMef(terminale=True, serie=Serie.GENERALE)),
        ("22132320009", "", NiveauMef(terminale=True, serie=Serie.STL)),
        ("22132A20009", "T-STI2D INGENIERIE INNOV.", NiveauMef(terminale=True, serie=Serie.STI2D)),
        ("22132A20009", "TSTI2D ENERGIES", NiveauMef(terminale=True, serie=Serie.STI2D)),
        ("22132A20009", "Tst2s", NiveauMef(terminale=True, serie=Serie.ST2S)),
        ("22132A20009", "DISTHRIE", NiveauMef(terminale=True, serie=None)),
        ("22133124210", "", NiveauMef(terminale=True, serie=None)),
        ("23830025520", "", NiveauMef(terminale=True, serie=Serie.PRO)),
        ("23820025520", "", AUTRE_NIVEAU),
        ("22122231016", "", AUTRE_NIVEAU),
    ],
)
def test_the_schools_nomenclature_tells_the_serie_of_a_mef_we_do_not_know(
    mefstat: str, libelle: str, expected: NiveauMef
) -> None:
    assert read_mef("26920009110", mefstat=mefstat, libelle=libelle) == expected


def test_a_terminale_technologique_of_unknown_speciality_has_no_serie() -> None:
    assert read_mef("21220099110") == NiveauMef(terminale=True, serie=None)


@pytest.mark.donnees_reelles
@pytest.mark.skipif("DONNEES_REELLES" not in os.environ, reason="DONNEES_REELLES is not set")
def test_our_table_agrees_with_a_real_nomenclature_and_with_the_labels_people_read() -> None:
    path = Path(os.environ["DONNEES_REELLES"]) / "siecle" / "Nomenclature.xml"
    modules = list(etree.parse(path).iter("MEF"))
    assert len(modules) > 60
    for module in modules:
        code = module.get("CODE_MEF") or ""
        label = module.findtext("LIBELLE_LONG") or ""
        alone = read_mef(code)
        assert alone == read_mef(code, mefstat=module.findtext("CODE_MEFSTAT") or "", libelle=label)
        assert alone is not None
        assert alone.terminale == label.startswith(("TERMINALE", "T-"))
        assert alone.serie is not Serie.GENERALE or label.split()[1] in {"SCIENTIFIQUE", "LITTERAIRE", "ECONOMIQUE"}


@pytest.mark.donnees_reelles
@pytest.mark.skipif("DONNEES_REELLES" not in os.environ, reason="DONNEES_REELLES is not set")
def test_our_table_agrees_with_the_livret_scolaire() -> None:
    path = Path(os.environ["DONNEES_REELLES"]) / "lsl" / "lsl-nomenclatures-2016-05-20.xml"
    modules = list(etree.parse(path).iter("mef"))
    assert len(modules) > 40
    for module in modules:
        level = read_mef(module.get("codeMef") or "")
        assert level is not None
        assert level.terminale == (module.get("niveau") == "Terminale")
        serie = module.get("codeSerie") or ""
        if level.terminale:
            assert level.serie == (Serie.GENERALE if serie in {"S", "ES", "L"} else Serie(serie))
