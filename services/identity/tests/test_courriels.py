"""Addresses: nominative ones only (domaine.md §1)."""

import pytest

from services.identity.domain.courriels import CourrielFonctionnel, CourrielInvalide, normalize, require_nominative


@pytest.mark.parametrize(
    "courriel",
    [
        "prenom.nom@ac-creteil.fr",
        "jean-luc.le-goff@ac-rennes.fr",
        "mdupont@lycee-tilleuls.fr",
        "jean.principal@ac-lyon.fr",
        "claire.contact@exemple.fr",
    ],
)
def test_the_address_of_a_person_is_accepted(courriel: str) -> None:
    require_nominative(normalize(courriel))


@pytest.mark.parametrize(
    "courriel",
    [
        "ce.0940001A@ac-creteil.fr",
        "0940001A@ac-creteil.fr",
        "proviseur.0940001a@ac-creteil.fr",
        "contact@lycee-tilleuls.fr",
        "secretariat@lycee-tilleuls.fr",
        "lycee.victor-hugo@exemple.fr",
        "direction-bts@exemple.fr",
        "CE.0750001B@ac-paris.fr",
    ],
)
def test_the_address_of_a_function_is_refused_with_the_reason_and_an_example(courriel: str) -> None:
    with pytest.raises(CourrielFonctionnel) as refus:
        require_nominative(normalize(courriel))
    assert "nominatif" in refus.value.message
    assert f"prenom.nom@{normalize(courriel).partition('@')[2]}" in refus.value.message
    assert refus.value.champ == "courriel"


def test_case_and_blanks_around_do_not_make_another_address() -> None:
    assert normalize("  Prenom.Nom@AC-Creteil.fr ") == "prenom.nom@ac-creteil.fr"


def test_plus_addressing_is_another_address() -> None:
    assert normalize("a.b+c@exemple.fr") != normalize("a.b@exemple.fr")


@pytest.mark.parametrize(
    "courriel",
    [
        "",
        "sans arobase",
        "a@b",
        "a@@exemple.fr",
        "a.@exemple.fr",
        ".a@exemple.fr",
        "a@exemple..fr",
        "a@-exemple.fr",
        "a b@exemple.fr",
        "a@exemple.fr\nBcc: tous@exemple.fr",
        "a@exemple.fr\r\nBcc: tous@exemple.fr",
        "а.б@exemple.fr",
        "a@exemple.fr\u0000",
        "a" * 250 + "@exemple.fr",
    ],
)
def test_what_is_no_address_is_refused(courriel: str) -> None:
    with pytest.raises(CourrielInvalide):
        normalize(courriel)
