"""Identifiers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socle.academies import ACADEMIES, academie_by_slug, academies_of_region, find_academie
from socle.identifiants import (
    IdentifiantInvalide,
    TypeIne,
    ine_bea_letter,
    ine_type,
    is_matiere,
    is_mef,
    normalize_ine,
    parse_uai_accueil,
    parse_uai_origine,
    uai_letter,
)


@pytest.mark.parametrize("uai", ["0752387M", "0140070A", "0860038Z", "0750680G", "0692185A"])
def test_published_uai_have_their_letter(uai: str) -> None:
    assert parse_uai_origine(uai) == uai


def test_a_uai_is_read_in_small_letters_and_with_blanks() -> None:
    assert parse_uai_origine(" 075 2387m ") == "0752387M"


@given(st.integers(0, 9_999_999), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
def test_an_establishment_of_origin_needs_the_right_letter_and_a_host_is_warned_of_a_wrong_one(
    number: int, letter: str
) -> None:
    digits = f"{number:07d}"
    right = letter == uai_letter(digits)
    uai, warning = parse_uai_accueil(digits + letter)
    assert uai == digits + letter
    assert (warning is None) == right
    if right:
        assert parse_uai_origine(uai) == uai
    else:
        with pytest.raises(IdentifiantInvalide, match=uai_letter(digits)):
            parse_uai_origine(uai)


@pytest.mark.parametrize("value", ["", "075238M", "07523877", "0752387MM", "07X2387M", "é752387M"])
def test_what_has_not_the_shape_of_a_uai_is_refused_for_hosts_too(value: str) -> None:
    with pytest.raises(IdentifiantInvalide):
        parse_uai_accueil(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("070832327JA", TypeIne.RNIE),
        ("060375611AC", TypeIne.RNIE),
        ("060375611AI", None),
        ("0113014881M", TypeIne.BEA),
        ("1234A56789B", TypeIne.APPRENTI),
        ("123", None),
        ("", None),
    ],
)
def test_a_student_number_is_of_one_of_three_kinds(value: str, expected: TypeIne | None) -> None:
    assert ine_type(value) == expected


def test_the_letter_of_an_ine_bea_follows_its_ten_digits() -> None:
    assert ine_bea_letter("0113014881") == "M"


def test_a_student_number_is_normalised_to_capitals_without_blanks() -> None:
    assert normalize_ine(" 070832327 ja ") == "070832327JA"


def test_codes_of_mef_and_subjects_have_their_length() -> None:
    assert is_mef("20211010110")
    assert not is_mef("2021101011")
    assert is_matiere("030201")
    assert not is_matiere("0302011")


def test_there_are_thirty_academies_of_the_ministry_and_more_places_that_the_offer_names() -> None:
    assert len({a.slug for a in ACADEMIES}) == len(ACADEMIES)
    assert len([a for a in ACADEMIES if a.domaine_courriel]) == 30


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Créteil", "creteil"),
        ("CRETEIL", "creteil"),
        ("Besancon", "besancon"),
        ("ORLEANS-TOURS", "orleans-tours"),
        ("La Réunion", "la-reunion"),
        ("Etranger", "etranger"),
        ("CAEN", "normandie"),
        ("ROUEN", "normandie"),
    ],
)
def test_an_academie_is_found_whatever_its_accents_and_case(name: str, slug: str) -> None:
    found = find_academie(name)
    assert found is not None
    assert found.slug == slug
    assert academie_by_slug(slug) is found


def test_an_unknown_academie_is_not_found() -> None:
    assert find_academie("Atlantide") is None


def test_a_region_academique_has_its_academies() -> None:
    assert academies_of_region("10") == {"paris", "creteil", "versailles"}
