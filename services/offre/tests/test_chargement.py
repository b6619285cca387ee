"""Reading the offer and the lycées: what is loaded, what is refused, and what is said of it."""

import csv
import io
from pathlib import Path

import pytest

from services.offre.chargement import formations, lycees
from services.offre.chargement.tableau import FichierRefuse, Remarque
from services.offre.domain import Position, Secteur
from socle.formations import TypeFormation
from socle.identifiants import uai_letter

COLUMNS = (
    "cod_uai",
    "g_ea_lib_vx",
    "contrat_etab",
    "acad_mies",
    "lib_for_voe_ins",
    "fili",
    "select_form",
    "g_olocalisation_des_formations",
    "capa_fin",
    "voe_tot",
)
UAI = "0940001" + uai_letter("0940001")
GOOD = {
    "cod_uai": UAI,
    "g_ea_lib_vx": "Lycée des Tilleuls",
    "contrat_etab": "Public",
    "acad_mies": "Créteil",
    "lib_for_voe_ins": "BTS - Comptabilité et gestion",
    "fili": "BTS",
    "select_form": "formation sélective",
    "g_olocalisation_des_formations": "48.79, 2.45",
    "capa_fin": "30",
    "voe_tot": "412",
}


def table(path: Path, *rows: dict[str, str], columns: tuple[str, ...] = COLUMNS, separator: str = ";") -> Path:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, delimiter=separator, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(text.getvalue(), encoding="utf-8")
    return path


def test_a_good_row_gives_the_formation_and_the_host_side_of_its_establishment(tmp_path: Path) -> None:
    lecture = formations.read(table(tmp_path / "offre.csv", GOOD), session=2025)
    assert not lecture.rejets
    assert not lecture.avertissements
    (ligne,) = lecture.bonnes
    assert ligne.formation.type is TypeFormation.BTS
    assert ligne.formation.selective is True
    assert ligne.formation.capacite == 30
    assert ligne.formation.position == Position(48.79, 2.45)
    assert ligne.formation.id.startswith("2025/h")
    assert ligne.etablissement.nom == "Lycée des Tilleuls"
    assert ligne.etablissement.academie == "creteil"
    assert ligne.etablissement.secteur is Secteur.PUBLIC
    assert ligne.etablissement.origine is None


def test_the_official_code_is_taken_where_there_is_one(tmp_path: Path) -> None:
    path = table(tmp_path / "o.csv", {**GOOD, "cod_aff_form": "4321"}, columns=(*COLUMNS, "cod_aff_form"))
    assert formations.read(path, session=2025).bonnes[0].formation.id == "2025/4321"


def test_an_official_code_that_comes_twice_is_refused_the_second_time(tmp_path: Path) -> None:
    rows = ({**GOOD, "cod_aff_form": "4321"}, {**GOOD, "cod_aff_form": "4321", "capa_fin": "12"})
    lecture = formations.read(table(tmp_path / "o.csv", *rows, columns=(*COLUMNS, "cod_aff_form")), session=2025)
    assert len(lecture.bonnes) == 1
    assert lecture.rejets == [Remarque(3, "cod_aff_form", "code 4321 déjà porté par la ligne 2")]


def test_a_row_twice_is_loaded_once_and_the_copy_is_named(tmp_path: Path) -> None:
    lecture = formations.read(table(tmp_path / "o.csv", GOOD, GOOD), session=2025)
    assert len(lecture.bonnes) == 1
    assert lecture.rejets == [Remarque(3, "", "copie exacte de la ligne 2")]


def test_rows_without_code_that_differ_in_other_columns_only_keep_their_codes_in_any_order(tmp_path: Path) -> None:
    first, second = GOOD, {**GOOD, "capa_fin": "12"}
    one = formations.read(table(tmp_path / "a.csv", first, second), session=2025)
    other = formations.read(table(tmp_path / "b.csv", second, first), session=2025)
    assert {(x.formation.id, x.formation.capacite) for x in one.bonnes} == {
        (x.formation.id, x.formation.capacite) for x in other.bonnes
    }
    assert len({x.formation.id for x in one.bonnes}) == 2
    assert [(r.ligne, r.colonne) for r in one.avertissements] == [(2, "cod_aff_form"), (3, "cod_aff_form")]


@pytest.mark.parametrize(
    ("changed", "colonne", "raison"),
    [
        ({"cod_uai": "12345"}, "cod_uai", "numéro UAI attendu"),
        ({"acad_mies": "Atlantide"}, "acad_mies", "académie inconnue"),
        ({"fili": "Alchimie"}, "fili", "valeur inconnue"),
        ({"select_form": "peut-être"}, "select_form", "valeur inconnue"),
        ({"capa_fin": "beaucoup"}, "capa_fin", "nombre de places attendu"),
        ({"lib_for_voe_ins": ""}, "lib_for_voe_ins", "valeur absente"),
        ({"g_olocalisation_des_formations": "là-bas"}, "g_olocalisation_des_formations", "latitude, longitude"),
        ({"g_olocalisation_des_formations": "98.0, 2.0"}, "g_olocalisation_des_formations", "hors du globe"),
    ],
)
def test_a_bad_row_is_named_by_line_column_and_reason_and_the_good_ones_are_loaded(
    tmp_path: Path, changed: dict[str, str], colonne: str, raison: str
) -> None:
    lecture = formations.read(table(tmp_path / "o.csv", {**GOOD, **changed}, GOOD), session=2025)
    assert len(lecture.bonnes) == 1
    (rejet,) = lecture.rejets
    assert (rejet.ligne, rejet.colonne) == (2, colonne)
    assert raison in rejet.raison


def test_a_row_with_too_few_values_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path / "o.csv", GOOD)
    path.write_text(path.read_text(encoding="utf-8") + "a;b\n", encoding="utf-8")
    lecture = formations.read(path, session=2025)
    assert len(lecture.bonnes) == 1
    assert lecture.rejets == [Remarque(3, "", "2 valeurs au lieu de 10")]


def test_a_host_with_a_wrong_letter_is_loaded_with_a_warning(tmp_path: Path) -> None:
    wrong = UAI[:7] + ("A" if UAI[7] != "A" else "B")
    lecture = formations.read(table(tmp_path / "o.csv", {**GOOD, "cod_uai": wrong}), session=2025)
    assert lecture.bonnes[0].formation.uai == wrong
    (avertissement,) = lecture.avertissements
    assert avertissement.raison.endswith(f"devrait être {UAI[7]}")


def test_a_formation_without_position_is_loaded(tmp_path: Path) -> None:
    row = {**GOOD, "g_olocalisation_des_formations": ""}
    assert formations.read(table(tmp_path / "o.csv", row), session=2025).bonnes[0].formation.position is None


def test_a_missing_column_refuses_the_file_and_names_it(tmp_path: Path) -> None:
    columns = tuple(c for c in COLUMNS if c not in ("fili", "capa_fin"))
    with pytest.raises(FichierRefuse, match="fili, capa_fin"):
        formations.read(table(tmp_path / "o.csv", GOOD, columns=columns), session=2025)


def test_a_wrong_separator_refuses_the_file_and_says_which_one_to_use(tmp_path: Path) -> None:
    with pytest.raises(FichierRefuse, match="point-virgule"):
        formations.read(table(tmp_path / "o.csv", GOOD, separator="|"), session=2025)


def test_another_encoding_refuses_the_file(tmp_path: Path) -> None:
    path = table(tmp_path / "o.csv", GOOD)
    path.write_bytes(path.read_text(encoding="utf-8").encode("iso-8859-15"))
    with pytest.raises(FichierRefuse, match="UTF-8"):
        formations.read(path, session=2025)


def test_an_empty_or_absent_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "vide.csv").touch()
    with pytest.raises(FichierRefuse, match="vide"):
        formations.read(tmp_path / "vide.csv", session=2025)
    with pytest.raises(FichierRefuse, match="vérifiez son nom"):
        formations.read(tmp_path / "absent.csv", session=2025)


STATISTIQUES = ("rentree_scolaire", "academie", "uai", "nom_de_l_etablissment", "nom_de_la_commune", "secteur")
LYCEE = {
    "rentree_scolaire": "2021-2022",
    "academie": "CRETEIL",
    "uai": UAI,
    "nom_de_l_etablissment": "LYCEE DES TILLEULS",
    "nom_de_la_commune": "CRETEIL",
    "secteur": "public",
}


def test_a_lycee_is_read_once_from_its_last_year(tmp_path: Path) -> None:
    earlier = {**LYCEE, "rentree_scolaire": "2019-2020", "nom_de_l_etablissment": "LYCEE ANCIEN"}
    lecture = lycees.read(table(tmp_path / "l.csv", LYCEE, earlier, columns=STATISTIQUES))
    (ligne,) = lecture.bonnes
    assert ligne.etablissement.nom == "LYCEE DES TILLEULS"
    assert ligne.etablissement.accueil is None


def test_an_establishment_of_origin_with_a_wrong_letter_is_refused(tmp_path: Path) -> None:
    wrong = UAI[:7] + ("A" if UAI[7] != "A" else "B")
    lecture = lycees.read(table(tmp_path / "l.csv", {**LYCEE, "uai": wrong}, columns=STATISTIQUES))
    assert not lecture.bonnes
    assert lecture.rejets[0].colonne == "uai"


def test_only_open_lycees_of_the_directory_are_read(tmp_path: Path) -> None:
    columns = (
        "Identifiant_de_l_etablissement",
        "Nom_etablissement",
        "Type_etablissement",
        "Statut_public_prive",
        "Nom_commune",
        "Libelle_academie",
        "etat",
    )
    row = dict(
        zip(columns, (UAI, "Lycée des Tilleuls", "Lycée", "Public", "Créteil", "Créteil", "OUVERT"), strict=True)
    )
    other = "0940002" + uai_letter("0940002")
    rows = (row, {**row, "Type_etablissement": "Ecole"}, {**row, columns[0]: other, "etat": "FERME"})
    lecture = lycees.read(table(tmp_path / "a.csv", *rows, columns=columns))
    assert [ligne.etablissement.uai for ligne in lecture.bonnes] == [UAI]
    assert not lecture.rejets


def test_a_file_with_neither_publications_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FichierRefuse, match="annuaire de lycées"):
        lycees.read(table(tmp_path / "l.csv", GOOD))
