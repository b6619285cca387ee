"""Reading the lycées: of which rows, in the words of which publication, and what is said of the others."""

from pathlib import Path

import pytest

from services.offre.chargement import lycees
from services.offre.chargement.tableau import FichierRefuse
from services.offre.domain import Accueil, Etablissement, Origine, Secteur
from services.offre.tests.tables import GOOD, UAI, table
from socle.identifiants import uai_letter

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


@pytest.mark.parametrize(
    ("secteur", "expected"),
    [("public", Secteur.PUBLIC), ("privé sous contrat", Secteur.PRIVE), ("Privé", Secteur.PRIVE), ("", None)],
)
def test_the_sector_is_read_in_the_words_of_each_publication(
    tmp_path: Path, secteur: str, expected: Secteur | None
) -> None:
    lecture = lycees.read(table(tmp_path / "l.csv", {**LYCEE, "secteur": secteur}, columns=STATISTIQUES))
    assert [ligne.etablissement.secteur for ligne in lecture.bonnes] == [expected]
    assert not lecture.avertissements


def test_a_sector_that_is_not_known_is_said_by_line_and_the_lycee_is_loaded(tmp_path: Path) -> None:
    lecture = lycees.read(table(tmp_path / "l.csv", {**LYCEE, "secteur": "mixte"}, columns=STATISTIQUES))
    assert [ligne.etablissement.secteur for ligne in lecture.bonnes] == [None]
    (avertissement,) = lecture.avertissements
    assert (avertissement.ligne, avertissement.colonne) == (2, "secteur")
    assert "« mixte »" in avertissement.raison


def test_what_one_side_does_not_say_of_the_sector_the_other_does() -> None:
    def sector(origine: Secteur | None, accueil: Secteur | None) -> Secteur | None:
        return Etablissement(
            uai=UAI,
            origine=Origine(nom="Lycée", academie="creteil", commune=None, secteur=origine),
            accueil=Accueil(nom="Lycée", academie="creteil", secteur=accueil),
        ).secteur

    assert sector(None, Secteur.PRIVE) is Secteur.PRIVE
    assert sector(Secteur.PUBLIC, None) is Secteur.PUBLIC
    assert sector(Secteur.PUBLIC, Secteur.PRIVE) is Secteur.PUBLIC
    assert sector(None, None) is None


ANNUAIRE = (
    "Identifiant_de_l_etablissement",
    "Nom_etablissement",
    "Type_etablissement",
    "Statut_public_prive",
    "Nom_commune",
    "Libelle_academie",
    "etat",
)
OUVERT = dict(
    zip(ANNUAIRE, (UAI, "Lycée des Tilleuls", "Lycée", "Public", "Créteil", "Créteil", "OUVERT"), strict=True)
)


def test_only_lycees_that_have_students_are_read_of_the_directory(tmp_path: Path) -> None:
    number = "Identifiant_de_l_etablissement"
    uais = [digits + uai_letter(digits) for digits in ("0940002", "0940003", "0940004")]
    closing, closed, to_open = (
        {**OUVERT, number: uai, "etat": etat} for uai, etat in zip(uais, ("A FERMER", "FERME", "A OUVRIR"), strict=True)
    )
    rows = (OUVERT, {**OUVERT, "Type_etablissement": "Ecole"}, closing, closed, to_open)
    lecture = lycees.read(table(tmp_path / "a.csv", *rows, columns=ANNUAIRE))
    assert [ligne.etablissement.uai for ligne in lecture.bonnes] == [UAI, uais[0]]
    assert not lecture.rejets


def test_an_annexe_that_comes_under_the_number_of_its_lycee_is_listed_and_takes_nothing_of_it(tmp_path: Path) -> None:
    annexe = {**OUVERT, "Nom_etablissement": "Annexe des Tilleuls", "Nom_commune": "Melun"}
    lecture = lycees.read(table(tmp_path / "a.csv", OUVERT, annexe, columns=ANNUAIRE))
    (ligne,) = lecture.bonnes
    assert ligne.etablissement.origine is not None
    assert (ligne.etablissement.origine.nom, ligne.etablissement.origine.commune) == ("Lycée des Tilleuls", "Créteil")
    (said,) = lecture.avertissements
    assert (said.ligne, said.colonne) == (3, "Identifiant_de_l_etablissement")
    assert "ligne 2" in said.raison


def test_a_lycee_whose_state_is_not_known_is_listed(tmp_path: Path) -> None:
    lecture = lycees.read(table(tmp_path / "a.csv", {**OUVERT, "etat": "?"}, columns=ANNUAIRE))
    assert not lecture.bonnes
    assert [(r.ligne, r.colonne) for r in lecture.rejets] == [(2, "etat")]


@pytest.mark.parametrize("missing", ["Type_etablissement", "etat", "Statut_public_prive"])
def test_a_directory_without_a_column_is_refused_and_the_column_named(tmp_path: Path, missing: str) -> None:
    columns = tuple(column for column in ANNUAIRE if column != missing)
    with pytest.raises(FichierRefuse, match=missing):
        lycees.read(table(tmp_path / "a.csv", OUVERT, columns=columns))


def test_a_file_with_neither_publications_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FichierRefuse, match="annuaire de lycées"):
        lycees.read(table(tmp_path / "l.csv", GOOD))
