"""One import after another: matching, what changes, who left, and who keeps an address."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generateur.ecoles import Ecole, alter
from services.eleves.domain import Boursier, Courriel, Eleve, TypeTache
from services.eleves.siecle.changements import Nature
from services.eleves.siecle.compte_rendu import CodeAvertissement, CodeRejet
from services.eleves.tests.envois import after, ecole, send, with_student


def first_import(lycee: Ecole) -> list[Eleve]:
    _, changements = send(lycee)
    return after((), changements)


def later(lycee: Ecole) -> Ecole:
    return replace(lycee, exportee_le=lycee.exportee_le + timedelta(days=7))


def without(lycee: Ecole, *ranks: int) -> Ecole:
    return replace(lycee, eleves=tuple(e for rank, e in enumerate(lycee.eleves) if rank not in ranks))


def test_a_first_import_takes_every_student() -> None:
    lycee = ecole()
    matched, changements = send(lycee)
    assert [c.nature for c in changements] == [Nature.NOUVEAU] * 12
    assert len({c.eleve.id for c in changements}) == 12
    assert all(c.eleve.vivier_initial and c.eleve.present for c in changements)
    assert {c.eleve.academie for c in changements} == {"creteil"}
    assert not matched.rejets


def test_a_second_import_of_the_same_file_changes_nothing() -> None:
    lycee = ecole(terminales=60)
    connus = first_import(lycee)
    _, changements = send(lycee, connus)
    assert [c.nature for c in changements] == [Nature.INCHANGE] * 60
    assert [c.eleve for c in changements] == connus


def test_a_later_import_changes_what_siecle_changed_and_names_it() -> None:
    lycee = ecole()
    connus = first_import(lycee)
    lycee = with_student(later(lycee), 2, classe="TG9", courriel="autre@courriel.example")
    _, changements = send(lycee, connus)
    (changed,) = (c for c in changements if c.nature is not Nature.INCHANGE)
    assert changed.nature is Nature.MODIFIE
    assert changed.champs == ("classe", "courriel")
    assert changed.eleve.id == connus[2].id
    assert changed.eleve.siecle.classe == "TG9"
    assert changed.eleve.courriel == Courriel("autre@courriel.example")


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.floats(0, 0.5), st.integers(0, 5), st.integers(0, 5))
def test_a_month_later_the_changed_the_gone_and_the_new_are_counted(
    seed: int, part: float, departs: int, arrivees: int
) -> None:
    lycee = ecole(terminales=60)
    connus = first_import(lycee)
    next_month = alter(lycee, part=part, seed=seed, departs=departs, arrivees=arrivees)
    _, changements = send(next_month, connus)
    counted = Counter(c.nature for c in changements)
    assert counted[Nature.ABSENT] == departs
    assert counted[Nature.NOUVEAU] == arrivees
    assert counted[Nature.MODIFIE] == round(part * 60)
    _, again = send(next_month, after(connus, changements))
    assert {c.nature for c in again} == {Nature.INCHANGE}


@pytest.mark.parametrize(
    "balises",
    [
        {"INE_BEA": "", "ELEVE_ID": "x"},
        {"INE_RNIE": "", "ID_NATIONAL": ""},
    ],
    ids=["by INE-RNIE", "by its number in the school"],
)
def test_a_student_is_found_again_by_what_is_left_of_its_identifiers(balises: dict[str, str]) -> None:
    lycee = with_student(ecole(), 4, ine_bea=None)
    connus = first_import(lycee)
    _, changements = send(with_student(lycee, 4, balises=balises), connus)
    assert Nature.NOUVEAU not in {c.nature for c in changements}
    assert changements[4].eleve.id == connus[4].id


def test_a_student_is_found_by_its_ine_when_its_number_in_the_school_changed() -> None:
    lycee = ecole()
    connus = first_import(lycee)
    _, changements = send(with_student(lycee, 4, eleve_id="999999"), connus)
    assert changements[4].champs == ("eleve_id",)
    assert changements[4].eleve.id == connus[4].id


def test_a_student_is_found_by_its_ine_bea_before_its_number_in_the_school() -> None:
    lycee = ecole()
    lycee = with_student(lycee, 4, ine_bea="0123456789M", balises={"INE_RNIE": "", "ID_NATIONAL": ""})
    connus = first_import(lycee)
    _, changements = send(with_student(lycee, 4, eleve_id="999999"), connus)
    assert changements[4].eleve.id == connus[4].id


def test_a_corrected_ine_is_the_same_student_when_the_birth_date_is_the_same() -> None:
    lycee = ecole()
    connus = first_import(lycee)
    corrected = with_student(lycee, 4, ine_rnie="123456789AB", ine_bea=None)
    _, changements = send(corrected, connus)
    assert changements[4].eleve.id == connus[4].id
    assert "ine_rnie" in changements[4].champs


def test_a_number_given_to_somebody_else_is_rejected_as_ambiguous() -> None:
    lycee = ecole()
    connus = first_import(lycee)
    somebody = with_student(lycee, 4, ine_rnie="123456789AB", ine_bea=None, naissance=date(2006, 1, 1))
    matched, changements = send(somebody, connus)
    (rejet,) = matched.rejets
    assert rejet.code is CodeRejet.ELEVE_AMBIGU
    assert "autre date de naissance" in rejet.raison
    assert len(changements) == 11
    assert not matched.absents, "the student of a rejected row has not left"


def test_two_rows_about_one_known_student_are_both_rejected() -> None:
    lycee = ecole()
    connus = first_import(lycee)
    first = lycee.eleves[4]
    twin = replace(first, ine_rnie=lycee.eleves[5].ine_rnie, ine_bea=None, naissance=first.naissance)
    # One row has its INE, the other its number in the school, and an INE that nobody had.
    by_number = replace(twin, ine_rnie="123456789AB", courriel=None)
    by_ine = replace(first, eleve_id="999999")
    lycee = replace(lycee, eleves=(*lycee.eleves[:4], by_number, by_ine, *lycee.eleves[6:]))
    matched, _ = send(lycee, connus)
    assert [rejet.code for rejet in matched.rejets] == [CodeRejet.ELEVE_AMBIGU] * 2
    assert [eleve.id for eleve in matched.absents] == [connus[5].id]


def test_an_identifier_that_two_known_students_share_is_ambiguous() -> None:
    lycee = with_student(ecole(), 4, ine_bea="0123456789M")
    connus = first_import(lycee)
    connus[5] = replace(connus[5], siecle=replace(connus[5].siecle, ine_bea="0123456789M"))
    lycee = with_student(lycee, 4, balises={"INE_RNIE": "", "ID_NATIONAL": ""})
    matched, _ = send(without(lycee, 5), connus)
    assert [rejet.raison for rejet in matched.rejets] == ["Plusieurs élèves déjà reçus ont l'INE-BEA de cette ligne."]
    assert not matched.absents, "neither of the two has left"
    matched, _ = send(lycee, connus)
    assert not matched.rejets, "the other one's own row tells them apart"
    assert [paire.id for paire in matched.paires] == [eleve.id for eleve in connus]


def test_a_number_that_siecle_gave_to_another_student_leads_to_its_new_one() -> None:
    lycee = ecole()
    connus = first_import(lycee)
    first = lycee.eleves[4]
    moved = replace(first, eleve_id="999999")
    newcomer = replace(first, ine_rnie="123456789AB", ine_bea=None, naissance=date(2006, 1, 1), courriel=None)
    lycee = replace(lycee, eleves=(*lycee.eleves[:4], moved, newcomer, *lycee.eleves[5:]))
    matched, changements = send(lycee, connus)
    assert not matched.rejets
    assert [c.nature for c in changements[4:6]] == [Nature.MODIFIE, Nature.NOUVEAU]
    assert changements[4].eleve.id == connus[4].id


def test_a_student_who_has_left_by_the_file_is_gone_on_that_day_and_keeps_its_class() -> None:
    lycee = ecole()
    connus = first_import(lycee)
    left = with_student(later(lycee), 3, classe=None, sortie=date(2024, 12, 12))
    _, changements = send(left, connus)
    gone = changements[3]
    assert gone.nature is Nature.PARTI
    assert gone.eleve.parti_le == date(2024, 12, 12)
    assert gone.eleve.siecle.classe == connus[3].siecle.classe
    _, again = send(left, after(connus, changements))
    assert {c.nature for c in again} == {Nature.INCHANGE}


def test_a_student_whom_the_file_has_no_more_is_gone_at_its_date_and_may_come_back() -> None:
    lycee = ecole(terminales=60)
    connus = first_import(lycee)
    _, changements = send(without(later(lycee), 3, 7), connus)
    gone = [c for c in changements if c.nature is Nature.ABSENT]
    assert [c.eleve.id for c in gone] == [connus[3].id, connus[7].id]
    assert {c.eleve.parti_le for c in gone} == {date(2024, 12, 16)}
    assert {c.ligne for c in gone} == {None}
    connus = after(connus, changements)
    _, back = send(later(later(lycee)), connus)
    assert sum(c.nature is Nature.MODIFIE for c in back) == 2
    assert all(c.eleve.present for c in back)


def test_a_file_of_a_few_students_is_a_complement_and_nobody_is_gone() -> None:
    lycee = ecole(terminales=60)
    connus = first_import(lycee)
    matched, changements = send(without(later(lycee), *range(20, 60)), connus)
    assert Nature.ABSENT not in {c.nature for c in changements}
    (warning,) = matched.avertissements
    assert warning.code is CodeAvertissement.FICHIER_PARTIEL
    assert warning.raison.startswith("40 élèves")


def test_a_student_who_had_left_before_the_first_file_is_not_taken() -> None:
    matched, changements = send(with_student(ecole(), 3, sortie=date(2024, 10, 1)))
    assert len(changements) == 11
    assert matched.deja_partis == 1


def test_a_rejected_row_does_not_make_its_student_gone() -> None:
    lycee = ecole()
    connus = first_import(lycee)
    matched, changements = send(with_student(later(lycee), 3, balises={"DATE_NAISS": "x"}), connus)
    assert not matched.absents
    assert len(changements) == 11


def test_of_students_with_one_address_the_first_of_the_file_keeps_it() -> None:
    lycee = with_student(ecole(), 5, courriel="eleve2@courriel.example")
    _, changements = send(lycee)
    assert changements[2].eleve.courriel == Courriel("eleve2@courriel.example")
    assert changements[5].eleve.courriel == Courriel(tache=TypeTache.COURRIEL_EN_DOUBLE)


def test_who_holds_an_address_keeps_it_whatever_the_order_of_the_next_file() -> None:
    lycee = ecole()
    connus = first_import(lycee)
    lycee = with_student(lycee, 2, courriel="Eleve5@courriel.example")
    _, changements = send(lycee, connus)
    assert changements[5].nature is Nature.INCHANGE
    assert changements[2].eleve.courriel == Courriel(tache=TypeTache.COURRIEL_EN_DOUBLE)
    _, again = send(lycee, after(connus, changements))
    assert {c.nature for c in again} == {Nature.INCHANGE}


def test_an_address_that_is_somebody_elses_in_the_nation_makes_a_task_and_the_same_file_again_changes_nothing() -> None:
    taken = frozenset({"eleve2@courriel.example"})
    lycee = ecole()
    _, changements = send(lycee, taken=taken)
    assert changements[2].eleve.courriel == Courriel(tache=TypeTache.COURRIEL_DEJA_PRIS)
    connus = after((), changements)
    _, again = send(lycee, connus, taken=taken)
    assert {c.nature for c in again} == {Nature.INCHANGE}
    _, freed = send(lycee, connus)
    assert freed[2].eleve.courriel == Courriel("eleve2@courriel.example")


def test_what_the_head_certified_outlives_an_import_and_siecle_comes_first() -> None:
    lycee = with_student(ecole(), 0, bourse=None)
    connus = first_import(lycee)
    assert connus[0].boursier is Boursier.NON
    connus[0] = replace(connus[0], boursier=Boursier.CERTIFIE_CHEF)
    _, changements = send(lycee, connus)
    assert changements[0].nature is Nature.INCHANGE
    _, changements = send(with_student(lycee, 0, bourse="1"), connus)
    assert changements[0].eleve.boursier is Boursier.CERTIFIE_SIECLE
    _, changements = send(lycee, after(connus, changements))
    assert changements[0].eleve.boursier is Boursier.NON


def test_the_vivier_initial_follows_the_current_one_until_it_is_frozen_then_stays() -> None:
    lycee = ecole(terminales=60)
    connus = after(first_import(lycee), send(without(lycee, 0), first_import(lycee))[1])
    assert not connus[0].vivier_initial, "gone before the freeze"
    lycee = later(lycee)
    new = replace(lycee.eleves[1], eleve_id="777777", ine_rnie="123456789AB", ine_bea=None, courriel=None)
    lycee = replace(without(lycee, 0, 1), eleves=(*without(lycee, 0, 1).eleves, new))
    _, changements = send(lycee, connus, vivier_gele=True)
    after_freeze = {eleve.id: eleve for eleve in after(connus, changements)}
    assert after_freeze[connus[1].id].vivier_initial, "gone after the freeze: it counts"
    assert not after_freeze[connus[1].id].present
    (arrived,) = (c.eleve for c in changements if c.nature is Nature.NOUVEAU)
    assert not arrived.vivier_initial, "arrived after the freeze"
    assert arrived.present
    changed = with_student(lycee, len(lycee.eleves) - 1, regime="9")
    _, changements = send(changed, after(connus, changements), vivier_gele=True)
    (modified,) = (c.eleve for c in changements if c.nature is Nature.MODIFIE)
    assert modified.id == arrived.id
    assert not modified.vivier_initial, "a change does not bring it in"


def test_a_first_file_sent_after_the_freeze_makes_the_vivier_initial() -> None:
    _, changements = send(ecole(), vivier_gele=True)
    assert all(c.eleve.vivier_initial for c in changements)


def elsewhere(lycee: Ecole, *ranks: int) -> list[Eleve]:
    """Students of the lycée, as another one had sent them a week before."""
    _, changements = send(replace(lycee, exportee_le=lycee.exportee_le - timedelta(days=7)))
    return [replace(changements[rank].eleve, uai="0779001R", id=f"2025/AILLEURS{rank}") for rank in ranks]


def test_of_a_newcomer_and_a_student_who_arrives_with_an_address_the_one_who_holds_it_keeps_it() -> None:
    lycee = ecole()
    ailleurs = elsewhere(lycee, 5)
    _, changements = send(with_student(lycee, 2, courriel=lycee.eleves[5].courriel), ailleurs=ailleurs)
    assert changements[5].nature is Nature.ARRIVE
    assert changements[5].eleve.courriel == ailleurs[0].courriel
    assert changements[2].eleve.courriel == Courriel(tache=TypeTache.COURRIEL_EN_DOUBLE)


def test_two_rows_about_one_student_of_another_school_are_both_rejected() -> None:
    lycee = with_student(ecole(), 4, ine_bea="0123456789M")
    ailleurs = elsewhere(lycee, 4)
    first = lycee.eleves[4]
    by_rnie = replace(first, ine_bea=None)
    by_bea = replace(first, eleve_id="999999", courriel=None, balises={"INE_RNIE": "", "ID_NATIONAL": ""})
    lycee = replace(lycee, eleves=(*lycee.eleves[:4], by_rnie, by_bea, *lycee.eleves[5:]))
    matched, changements = send(lycee, ailleurs=ailleurs)
    assert [(rejet.code, rejet.raison) for rejet in matched.rejets] == [
        (CodeRejet.ELEVE_AMBIGU, "Plusieurs lignes désignent le même élève d'un autre établissement.")
    ] * 2
    assert len(changements) == 11
