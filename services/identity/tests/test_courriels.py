"""Addresses of accounts: nominative ones only (domaine.md §1)."""

import pytest

from services.identity.domain.courriels import CourrielRefuse, parse_address


def test_the_address_of_a_person_is_written_in_one_way() -> None:
    assert parse_address("  Prenom.Nom@AC-Creteil.fr ") == "prenom.nom@ac-creteil.fr"


def test_plus_addressing_is_its_owners_right_and_another_address() -> None:
    assert parse_address("a.b+c@exemple.fr") != parse_address("a.b@exemple.fr")


@pytest.mark.parametrize("courriel", ["ce.0940001A@ac-creteil.fr", "contact@exemple.fr", "secretariat@exemple.fr"])
def test_the_address_of_a_function_is_refused_with_the_reason_and_an_example(courriel: str) -> None:
    with pytest.raises(CourrielRefuse) as refus:
        parse_address(courriel)
    assert "nominatif" in refus.value.message
    assert f"prenom.nom@{courriel.partition('@')[2]}" in refus.value.message
    assert refus.value.champ == "courriel"


@pytest.mark.parametrize(
    "courriel",
    [
        "",
        "sans arobase",
        "a@@exemple.fr",
        "a b@exemple.fr",
        "a@exemple.fr\nBcc: tous@exemple.fr",
        "a@exemple.fr\r\nBcc: tous@exemple.fr",
        "а.б@exemple.fr",
        "a@exemple.fr\u0000",
        "a" * 250 + "@exemple.fr",
    ],
)
def test_what_is_no_address_is_refused(courriel: str) -> None:
    with pytest.raises(CourrielRefuse):
        parse_address(courriel)
