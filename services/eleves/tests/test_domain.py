"""What a student is."""

from dataclasses import replace
from datetime import date

import pytest

from services.eleves.domain import Courriel, TypeTache
from services.eleves.tests.envois import after, ecole, send


def test_a_student_has_an_address_or_a_task_about_it() -> None:
    with pytest.raises(ValueError, match="address or a task"):
        Courriel()
    with pytest.raises(ValueError, match="address or a task"):
        Courriel("a@courriel.example", TypeTache.COURRIEL_ABSENT)


def test_a_student_who_had_left_keeps_its_first_day() -> None:
    eleve = after((), send(ecole())[1])[0]
    gone = eleve.leave(date(2025, 1, 5), vivier_gele=False)
    assert gone.leave(date(2025, 2, 1), vivier_gele=True) is gone
    assert not gone.present


def test_differences_name_what_siecle_owns_field_by_field_and_ignore_the_version() -> None:
    eleve = after((), send(ecole())[1])[0]
    other = replace(eleve, siecle=replace(eleve.siecle, classe="T1", regime="9"), version=eleve.version.next(1))
    assert eleve.differences(other) == ("classe", "regime")
    assert eleve.differences(replace(eleve, version=eleve.version.next(1))) == ()


def test_a_student_is_called_by_its_name_of_use() -> None:
    eleve = after((), send(ecole())[1])[0]
    siecle = replace(eleve.siecle, nom="A", nom_usage="B", prenoms=("C", "D"))
    assert replace(eleve, siecle=siecle).etiquette == "B C"


def test_every_task_says_what_happened_and_what_to_do() -> None:
    assert all(" : " in tache.consigne and tache.consigne.endswith(".") for tache in TypeTache)
