"""Checking a whole file: what is kept, left out and rejected, with the reason and what to do."""

import re
from dataclasses import replace
from datetime import date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generateur.ecoles import Ecole
from generateur.fautes import FauteEleve, with_faults
from generateur.siecle import write_eleves
from services.eleves.domain import Courriel, Option, Sexe, TypeTache
from services.eleves.rapport import report
from services.eleves.siecle.changements import Nature, plan
from services.eleves.siecle.compte_rendu import CodeAvertissement, CodeRejet
from services.eleves.siecle.controle import Controle, check
from services.eleves.siecle.documents import Depot
from services.eleves.siecle.lecture import read_documents
from services.eleves.siecle.rapprochement import match
from services.eleves.siecle.refus import AutreAnnee, AutreEtablissement, ElevesAbsents, ParametresErrones
from services.eleves.tests.envois import DEPOSE_LE, SESSION, UAI, controle, depot, document, ecole, with_student
from socle.identifiants import ine_bea_letter
from socle.series import Serie


def line_of(lycee: Ecole, rank: int) -> int:
    lines = write_eleves(lycee).split(b"\n")
    return [n for n, line in enumerate(lines, 1) if b"<ELEVE " in line][rank]


def test_a_good_file_is_accepted_whole() -> None:
    lycee = ecole(terminales=60)
    checked = controle(lycee, structures=True, nomenclature=True)
    assert len(checked.lignes) == 60
    assert not checked.rejets
    assert checked.ecartes_non_terminale == 0
    assert checked.exporte_le == datetime(2024, 12, 9, 8, 30)  # noqa: DTZ001 - the file tells no zone
    assert [ligne.siecle.serie for ligne in checked.lignes] == [eleve.serie for eleve in lycee.eleves]


def test_a_row_becomes_what_siecle_says_of_the_student() -> None:
    lycee = with_student(
        ecole(),
        3,
        nom="LE GOFF",
        nom_usage="MARTIN",
        prenoms=("Zoélie", "Anne"),
        naissance=date(2007, 5, 17),
        sexe="2",
        serie=Serie.GENERALE,
        classe="TG 1",
        options=(("061300", "O"), ("013000", "S"), ("030001", "O"), ("074700", "F")),
        bourse="3",
        statut="ST",
        regime="24",
        doublement=True,
        courriel="Zoelie.LeGoff@Courriel.Example",
        balises={"CODE_MEF": "20210019110"},
    )
    ligne = controle(lycee).lignes[3]
    siecle = ligne.siecle
    assert ligne.etiquette == "MARTIN Zoélie"
    assert ligne.ligne == line_of(lycee, 3)
    assert ligne.courriel == Courriel("zoelie.legoff@courriel.example")
    assert (siecle.nom, siecle.nom_usage, siecle.prenoms) == ("LE GOFF", "MARTIN", ("Zoélie", "Anne"))
    assert siecle.naissance == date(2007, 5, 17)
    assert siecle.sexe is Sexe.FEMININ
    assert siecle.serie is Serie.GENERALE
    assert siecle.classe == "TG 1"
    assert siecle.specialites == ("0300", "0613")
    assert siecle.options == (
        Option("013000", "S"),
        Option("030001", "O"),
        Option("061300", "O"),
        Option("074700", "F"),
    )
    assert siecle.boursier
    assert siecle.doublement
    assert siecle.entree == date(2022, 9, 1)
    assert ligne.sorti_le is None


def test_only_the_voie_generale_has_specialities() -> None:
    balises = {"CODE_MEF": "21231017110"}
    lycee = with_student(ecole(), 0, options=(("061300", "O"),), balises=balises)
    assert controle(lycee).lignes[0].siecle.specialites == ()


@pytest.mark.parametrize(("code", "boursier"), [(c, c in "13678") for c in "1234678"])
def test_only_national_scholarships_make_a_boursier(code: str, *, boursier: bool) -> None:
    assert controle(with_student(ecole(), 0, bourse=code)).lignes[0].siecle.boursier is boursier


@pytest.mark.parametrize(
    ("faute", "code", "champ"),
    [
        (FauteEleve.INE_INVALIDE, CodeRejet.INE_INVALIDE, "INE_RNIE"),
        (FauteEleve.NOM_ABSENT, CodeRejet.NOM_ABSENT, "NOM_DE_FAMILLE"),
        (FauteEleve.NAISSANCE_IMPOSSIBLE, CodeRejet.DATE_INVALIDE, "DATE_NAISS"),
        (FauteEleve.CLASSE_ABSENTE, CodeRejet.CLASSE_ABSENTE, "CODE_STRUCTURE"),
        (FauteEleve.CLASSE_INCONNUE, CodeRejet.CLASSE_INCONNUE, "CODE_STRUCTURE"),
        (FauteEleve.MEF_INCONNU, CodeRejet.MEF_INCONNU, "CODE_MEF"),
    ],
)
def test_a_faulty_row_is_rejected_with_line_student_field_reason_and_what_to_do(
    faute: FauteEleve, code: CodeRejet, champ: str
) -> None:
    lycee = with_faults(ecole(), {faute: 1}, seed=1)
    checked = controle(lycee, structures=True)
    (rejet,) = checked.rejets
    assert len(checked.lignes) == 11
    good = {ligne.siecle.eleve_id for ligne in checked.lignes}
    (rank,) = (rank for rank, eleve in enumerate(lycee.eleves) if eleve.eleve_id not in good)
    assert (rejet.code, rejet.champ, rejet.ligne) == (code, champ, line_of(lycee, rank))
    assert lycee.eleves[rank].prenoms[0] in rejet.eleve
    assert rejet.raison
    assert "SIECLE" in rejet.conseil or "exports" in rejet.conseil
    assert checked.rejetees[0].eleve_id == lycee.eleves[rank].eleve_id


@pytest.mark.parametrize(
    ("balises", "code"),
    [
        ({"PRENOM": ""}, CodeRejet.PRENOM_ABSENT),
        ({"DATE_NAISS": ""}, CodeRejet.DATE_INVALIDE),
        ({"DATE_NAISS": "2007-01-02"}, CodeRejet.DATE_INVALIDE),
        ({"DATE_NAISS": "01/01/1850"}, CodeRejet.DATE_INVALIDE),
        ({"DATE_NAISS": "01/01/2030"}, CodeRejet.DATE_INVALIDE),
        ({"DATE_ENTREE": "32/01/2022"}, CodeRejet.DATE_INVALIDE),
        ({"DATE_SORTIE": "hier"}, CodeRejet.DATE_INVALIDE),
        ({"CODE_MEF": ""}, CodeRejet.MEF_INVALIDE),
        ({"CODE_MEF": "123"}, CodeRejet.MEF_INVALIDE),
        ({"CODE_MEF": "21220099110"}, CodeRejet.SERIE_INCONNUE),
        ({"CODE_MEF": "22224210110"}, CodeRejet.SERIE_INCONNUE),
        ({"INE_RNIE": "", "ID_NATIONAL": "???"}, CodeRejet.INE_INVALIDE),
    ],
)
def test_a_wrong_value_rejects_its_row_only(balises: dict[str, str], code: CodeRejet) -> None:
    checked = controle(with_student(ecole(), 5, balises=balises))
    assert [rejet.code for rejet in checked.rejets] == [code]
    assert len(checked.lignes) == 11


def test_everything_wrong_in_a_row_is_said_at_once() -> None:
    checked = controle(with_student(ecole(), 5, classe=None, balises={"PRENOM": "", "DATE_NAISS": "x"}))
    assert {rejet.code for rejet in checked.rejets} == {
        CodeRejet.PRENOM_ABSENT,
        CodeRejet.DATE_INVALIDE,
        CodeRejet.CLASSE_ABSENTE,
    }
    assert len(checked.rejetees) == 1


def test_every_row_that_repeats_an_ine_is_rejected_and_names_the_others() -> None:
    lycee = with_faults(ecole(), {FauteEleve.INE_EN_DOUBLE: 2}, seed=1)
    checked = controle(lycee)
    assert len(checked.lignes) == 9
    lines = sorted(rejet.ligne for rejet in checked.rejets)
    assert lines[0] == line_of(lycee, 0)
    first = next(rejet for rejet in checked.rejets if rejet.ligne == lines[0])
    assert {rejet.code for rejet in checked.rejets} == {CodeRejet.INE_EN_DOUBLE}
    assert f"les lignes {lines[1]}, {lines[2]}" in first.raison


def test_an_ine_that_a_student_of_another_level_has_too_rejects_the_row() -> None:
    lycee = ecole(terminales=12, autres=3)
    lycee = with_student(lycee, 13, ine_rnie=lycee.eleves[2].ine_rnie)
    checked = controle(lycee)
    assert [rejet.ligne for rejet in checked.rejets] == [line_of(lycee, 2)]
    assert checked.ecartes_non_terminale == 3


def test_a_student_twice_in_the_file_is_rejected_by_both_identifiers() -> None:
    lycee = ecole()
    lycee = replace(lycee, eleves=(*lycee.eleves, lycee.eleves[4]))
    checked = controle(lycee)
    assert len(checked.lignes) == 11
    codes = {rejet.code for rejet in checked.rejets}
    assert {CodeRejet.INE_EN_DOUBLE, CodeRejet.ELEVE_ID_EN_DOUBLE} <= codes


def test_students_of_other_levels_are_left_out_and_counted_not_judged() -> None:
    lycee = ecole(terminales=12, autres=30)
    lycee = with_student(lycee, 20, classe=None, balises={"DATE_NAISS": "x"})
    checked = controle(lycee)
    assert len(checked.lignes) == 12
    assert checked.ecartes_non_terminale == 30
    assert not checked.rejets


def test_the_schools_nomenclature_tells_modules_that_we_do_not_know() -> None:
    lycee = with_student(ecole(), 0, balises={"CODE_MEF": "21290001110"})
    assert controle(lycee).rejets[0].code is CodeRejet.SERIE_INCONNUE
    read = depot(lycee, nomenclature=True)
    assert read.nomenclature is not None
    known = read.nomenclature.mefs["21220006110"]
    nomenclature = replace(read.nomenclature, mefs={**read.nomenclature.mefs, "21290001110": known})
    checked = check(Depot(read.eleves, None, nomenclature), uai=UAI, session=SESSION, depose_le=DEPOSE_LE)
    assert checked.lignes[0].siecle.serie is Serie.STI2D


def test_without_a_list_of_classes_any_class_is_taken_and_with_it_only_those() -> None:
    lycee = with_student(ecole(), 0, classe="AILLEURS")
    assert not controle(lycee).rejets
    checked = controle(lycee, structures=True)
    assert [rejet.code for rejet in checked.rejets] == [CodeRejet.CLASSE_INCONNUE]


def test_a_student_in_two_classes_is_rejected() -> None:
    content = write_eleves(ecole()).replace(b"<TYPE_STRUCTURE>G<", b"<TYPE_STRUCTURE>D<", 1)
    checked = check(read_documents([document(content)]), uai=UAI, session=SESSION, depose_le=DEPOSE_LE)
    assert [rejet.code for rejet in checked.rejets] == [CodeRejet.CLASSE_MULTIPLE]


def test_a_student_who_has_left_needs_no_class_and_one_who_will_leave_does() -> None:
    gone = controle(with_student(ecole(), 0, classe=None, sortie=date(2024, 12, 9)))
    assert not gone.rejets
    assert gone.lignes[0].sorti_le == date(2024, 12, 9)
    assert gone.lignes[0].siecle.classe is None
    leaving = controle(with_student(ecole(), 0, classe=None, sortie=date(2024, 12, 10)))
    assert [rejet.code for rejet in leaving.rejets] == [CodeRejet.CLASSE_ABSENTE]


@pytest.mark.parametrize(
    ("courriel", "tache"),
    [
        (None, TypeTache.COURRIEL_ABSENT),
        ("   ", TypeTache.COURRIEL_ABSENT),
        ("pas d'adresse", TypeTache.COURRIEL_INVALIDE),
        ("x" * 250 + "@courriel.example", TypeTache.COURRIEL_INVALIDE),
        ("ce.0779000P@ac-creteil.fr", TypeTache.COURRIEL_INVALIDE),
    ],
)
def test_a_student_without_a_good_address_is_kept_with_a_task(courriel: str | None, tache: TypeTache) -> None:
    checked = controle(with_student(ecole(), 0, courriel=courriel))
    assert checked.lignes[0].courriel == Courriel(tache=tache)
    assert not checked.rejets
    assert "refaites l'envoi" in tache.consigne


def test_the_address_of_a_school_is_kept_with_a_warning() -> None:
    checked = controle(with_student(ecole(), 0, courriel="lea.martin@ac-creteil.fr"))
    assert checked.lignes[0].courriel == Courriel("lea.martin@ac-creteil.fr")
    assert [a.code for a in checked.avertissements] == [CodeAvertissement.COURRIEL_ACADEMIQUE]


def test_a_student_without_national_number_is_kept_with_a_warning() -> None:
    lycee = with_student(ecole(), 0, ine_bea=None, balises={"INE_RNIE": "", "ID_NATIONAL": ""})
    checked = controle(lycee)
    assert checked.lignes[0].siecle.ine_rnie is None
    assert [a.code for a in checked.avertissements] == [CodeAvertissement.INE_ABSENT]


@pytest.mark.parametrize(
    ("bea", "kept", "warned"),
    [
        ("0123456789" + ine_bea_letter("0123456789"), True, False),
        ("0123456789" + ("A" if ine_bea_letter("0123456789") != "A" else "B"), True, True),
        ("n'importe quoi", False, True),
    ],
)
def test_a_doubtful_ine_bea_draws_a_warning_and_never_rejects(bea: str, *, kept: bool, warned: bool) -> None:
    checked = controle(with_student(ecole(), 0, balises={"INE_BEA": bea}))
    assert checked.lignes[0].siecle.ine_bea == (bea if kept else None)
    assert [a.code for a in checked.avertissements] == [CodeAvertissement.INE_BEA_SUSPECT] * warned


@pytest.mark.parametrize("field", ["INE_RNIE", "ID_NATIONAL"])
def test_the_national_number_is_taken_from_either_field(field: str) -> None:
    other = "ID_NATIONAL" if field == "INE_RNIE" else "INE_RNIE"
    lycee = with_student(ecole(), 0, balises={field: "123456789 kh", other: ""})
    assert controle(lycee).lignes[0].siecle.ine_rnie == "123456789KH"


def test_unknown_options_and_sex_draw_warnings() -> None:
    lycee = with_student(ecole(), 0, sexe="9", options=(("0613", "O"), ("061300", "?"), ("061300", "O")))
    checked = controle(lycee)
    assert checked.lignes[0].siecle.sexe is None
    assert checked.lignes[0].siecle.options == (Option("061300", "O"),)
    assert {a.code for a in checked.avertissements} == {
        CodeAvertissement.SEXE_INCONNU,
        CodeAvertissement.OPTION_IGNOREE,
    }


def test_the_file_of_another_school_or_year_is_refused_whole() -> None:
    read = depot(ecole())
    with pytest.raises(AutreEtablissement, match=r"0779000P.*0940001A"):
        check(read, uai="0940001A", session=SESSION, depose_le=DEPOSE_LE)
    with pytest.raises(AutreAnnee, match=r"2024.*2025-2026"):
        check(read, uai=UAI, session=2026, depose_le=DEPOSE_LE)


def test_what_is_sent_beside_the_students_must_be_the_schools_too() -> None:
    read = depot(ecole(), structures=True, nomenclature=True)
    assert read.structures is not None
    foreign = replace(read.structures, parametres=replace(read.structures.parametres, uai="0940001A"))
    with pytest.raises(AutreEtablissement, match=r"Structures\.xml"):
        check(replace(read, structures=foreign), uai=UAI, session=SESSION, depose_le=DEPOSE_LE)


@pytest.mark.parametrize("tag", [b"UAJ", b"ANNEE_SCOLAIRE", b"HORODATAGE"])
def test_a_file_without_its_heading_is_refused(tag: bytes) -> None:
    content = write_eleves(ecole()).replace(b"DATE_EXPORT", b"AUTRE_DATE")
    read = read_documents([document(content.replace(tag, b"AUTRE"))])
    with pytest.raises(ParametresErrones):
        check(read, uai=UAI, session=SESSION, depose_le=DEPOSE_LE)


def test_a_file_that_siecle_made_after_it_was_sent_is_refused_but_for_clocks_that_differ() -> None:
    lycee = ecole()
    tomorrow = replace(lycee, exportee_le=datetime(2025, 1, 11, 16, 59))  # noqa: DTZ001 - the file tells no zone
    assert len(controle(tomorrow).lignes) == 12
    for later in (datetime(2025, 1, 11, 17, 1), datetime(2099, 1, 1)):  # noqa: DTZ001
        with pytest.raises(ParametresErrones, match=rf"est daté du {later:%d/%m/%Y}, après le jour de son envoi"):
            controle(replace(lycee, exportee_le=later))


@pytest.mark.parametrize(("terminales", "autres", "message"), [(0, 0, "aucun élève"), (0, 25, "Aucun des 25 élèves")])
def test_a_file_without_students_of_terminale_is_refused(terminales: int, autres: int, message: str) -> None:
    with pytest.raises(ElevesAbsents, match=message):
        controle(ecole(terminales, autres))


def on_one_line(lycee: Ecole) -> Controle:
    """The same rows, in a file without line breaks."""
    content = re.sub(rb">\s+<", b"><", write_eleves(lycee))
    return check(read_documents([document(content)]), uai=UAI, session=SESSION, depose_le=DEPOSE_LE)


def test_rows_that_stand_on_one_line_are_told_apart() -> None:
    lycee = ecole()
    twice = replace(lycee, eleves=(*lycee.eleves, lycee.eleves[4]))
    checked = on_one_line(twice)
    assert len(checked.lignes) == 11
    assert {rejet.ligne for rejet in checked.rejets} == {1}
    assert len(checked.rejetees) == 2
    same_ine = with_student(lycee, 5, ine_rnie=lycee.eleves[0].ine_rnie, ine_bea=None)
    checked = on_one_line(same_ine)
    assert [rejet.code for rejet in checked.rejets] == [CodeRejet.INE_EN_DOUBLE] * 2
    assert len(checked.lignes) == 10


def test_each_rejected_row_is_counted_whatever_its_line_and_the_first_thousand_are_detailed() -> None:
    lycee = ecole(terminales=1010)
    faulty = tuple(replace(eleve, balises={"DATE_NAISS": "x", "PRENOM": ""}) for eleve in lycee.eleves[:1005])
    checked = on_one_line(replace(lycee, eleves=(*faulty, *lycee.eleves[1005:])))
    matched = match(checked, (), new_id=lambda ligne: ligne.siecle.eleve_id)
    changements = plan(matched, controle=checked, academie="creteil", vivier_gele=False)
    told = report(checked, matched, changements, appliques={Nature.NOUVEAU: 5}, constats=())
    assert (told.lignes, told.acceptees, told.rejetees, len(told.rejets)) == (1010, 5, 1005, 1000)


FAUTES = st.dictionaries(st.sampled_from(FauteEleve), st.integers(1, 3), max_size=len(FauteEleve))


@settings(max_examples=40, deadline=None)
@given(FAUTES, st.integers(0, 100))
def test_every_row_is_accepted_rejected_or_left_out(fautes: dict[FauteEleve, int], seed: int) -> None:
    lycee = with_faults(ecole(terminales=60, autres=10), fautes, seed=seed)
    checked = controle(lycee, structures=True)
    rejected = {rejet.ligne for rejet in checked.rejets}
    assert len(checked.lignes) + len(rejected) + checked.ecartes_non_terminale == 70
    assert len(checked.rejetees) == len(rejected)
    assert rejected.isdisjoint(ligne.ligne for ligne in checked.lignes)


def test_a_message_names_three_of_the_lines_that_share_an_identifier_and_counts_the_others() -> None:
    lycee = ecole(terminales=30)
    lycee = replace(lycee, eleves=tuple(replace(eleve, eleve_id="1") for eleve in lycee.eleves))
    checked = controle(lycee)
    raisons = [rejet.raison for rejet in checked.rejets if rejet.code is CodeRejet.ELEVE_ID_EN_DOUBLE]
    assert len(raisons) == 30
    assert all("et de 26 autres" in raison and raison.count(",") == 2 for raison in raisons)
