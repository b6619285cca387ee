"""Reading the offer: what is loaded, what is refused, and what is said of it."""

from pathlib import Path

import pytest

from services.offre.chargement import formations
from services.offre.chargement.tableau import FichierRefuse, Remarque
from services.offre.domain import Position, Secteur
from services.offre.tests.tables import COLUMNS, GOOD, UAI, table
from socle.formations import TypeFormation


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
        ({"capa_fin": "3000000000"}, "capa_fin", "de 0 à 99999"),
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


def test_a_quote_that_is_never_closed_costs_its_own_row_and_no_other(tmp_path: Path) -> None:
    path = table(tmp_path / "o.csv", GOOD, {**GOOD, "capa_fin": "12"}, {**GOOD, "capa_fin": "13"})
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[2] = lines[2].replace("BTS - ", '"BTS - ')
    path.write_text("\n".join(lines), encoding="utf-8")
    lecture = formations.read(path, session=2025)
    assert sorted(ligne.formation.capacite for ligne in lecture.bonnes) == [13, 30]
    (rejet,) = lecture.rejets
    assert (rejet.ligne, rejet.colonne) == (3, "")
    assert "guillemets" in rejet.raison


def test_a_value_without_end_is_refused_and_the_rows_around_it_are_loaded(tmp_path: Path) -> None:
    rows = (GOOD, {**GOOD, "lib_for_voe_ins": "x" * 200_000}, {**GOOD, "capa_fin": "12"})
    lecture = formations.read(table(tmp_path / "o.csv", *rows), session=2025)
    assert len(lecture.bonnes) == 2
    assert [(rejet.ligne, rejet.colonne) for rejet in lecture.rejets] == [(3, "")]


def test_quotes_within_a_value_are_read_as_the_national_file_writes_them(tmp_path: Path) -> None:
    row = {**GOOD, "lib_for_voe_ins": 'Licence - DU "Droit ; entreprise"'}
    (ligne,) = formations.read(table(tmp_path / "o.csv", row), session=2025).bonnes
    assert ligne.formation.libelle == 'Licence - DU "Droit ; entreprise"'


def test_blank_lines_are_no_rows(tmp_path: Path) -> None:
    path = table(tmp_path / "o.csv", GOOD)
    path.write_text(path.read_text(encoding="utf-8") + "\n  \n", encoding="utf-8")
    lecture = formations.read(path, session=2025)
    assert (len(lecture.bonnes), lecture.rejets) == (1, [])


def test_a_sector_that_is_not_known_is_said_and_one_that_is_absent_is_not(tmp_path: Path) -> None:
    absent, unknown = {**GOOD, "contrat_etab": ""}, {**GOOD, "contrat_etab": "Mixte", "capa_fin": "12"}
    rejected = {**GOOD, "contrat_etab": "Mixte", "capa_fin": "?"}
    lecture = formations.read(table(tmp_path / "o.csv", absent, unknown, rejected), session=2025)
    assert [ligne.etablissement.secteur for ligne in lecture.bonnes] == [None, None]
    said = [(a.ligne, a.raison) for a in lecture.avertissements if a.colonne == "contrat_etab"]
    assert said == [(3, "secteur inconnu, laissé de côté : « Mixte » ; attendu : public, privé, privé sous contrat")]


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


def test_a_heading_that_cannot_be_read_refuses_the_file(tmp_path: Path) -> None:
    path = table(tmp_path / "o.csv", GOOD)
    path.write_text('"' + path.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(FichierRefuse, match="ligne de titres"):
        formations.read(path, session=2025)


def test_an_empty_or_absent_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "vide.csv").touch()
    with pytest.raises(FichierRefuse, match="vide"):
        formations.read(tmp_path / "vide.csv", session=2025)
    with pytest.raises(FichierRefuse, match="vérifiez son nom"):
        formations.read(tmp_path / "absent.csv", session=2025)
