"""E-mail addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socle.courriels import (
    CourrielFonctionnel,
    CourrielInvalide,
    is_academique,
    parse_courriel,
    parse_courriel_nominatif,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Lea.Martin@Courriel.Example", "lea.martin@courriel.example"),
        ("  lea.martin@courriel.example\n", "lea.martin@courriel.example"),
        ("lea+lycee@courriel.example", "lea+lycee@courriel.example"),
        ("lea_m-2007@mail.courriel.example", "lea_m-2007@mail.courriel.example"),
        ("lea@bücher.example", "lea@xn--bcher-kva.example"),
    ],
)
def test_an_address_has_one_normal_form(value: str, expected: str) -> None:
    assert parse_courriel(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        "lea",
        "lea@",
        "@courriel.example",
        "lea@courriel",
        "lea martin@courriel.example",
        "lea..martin@courriel.example",
        "léa@courriel.example",
        "lea@@courriel.example",
        "Léa <lea@courriel.example>",
        "lea@courriel.example,luc@courriel.example",
        "lea@localhost",
        "lea@[192.0.2.1]",
        "l" * 65 + "@courriel.example",
    ],
)
def test_what_cannot_be_written_to_is_refused(value: str) -> None:
    with pytest.raises(CourrielInvalide, match="mal formée"):
        parse_courriel(value)


@pytest.mark.parametrize(
    "domain",
    [
        "\u0430c-creteil.fr",  # Cyrillic a
        "xn--c-creteil-zyh.fr",  # the same, as the network writes it
        "\u0430\u0441.fr",  # Cyrillic alone
        "\u03b1c-creteil.fr",  # Greek alpha
        "ac-crete\u0131l.fr",  # i without its dot
        "\u0261mail.com",  # a g that is a sign of phonetics
    ],
)
def test_a_domain_that_reads_like_another_is_refused(domain: str) -> None:
    with pytest.raises(CourrielInvalide, match="mal formée"):
        parse_courriel(f"lea.martin@{domain}")


@pytest.mark.parametrize("domain", ["bücher.example", "xn--bcher-kva.example", "cœur.example", "forêt.example"])
def test_a_domain_of_latin_letters_with_accents_is_taken(domain: str) -> None:
    assert parse_courriel(f"lea.martin@{domain}").endswith(".example")


def test_what_follows_a_plus_is_a_part_of_the_address_as_any_other() -> None:
    assert parse_courriel_nominatif("Lea.Martin+Site@courriel.example") == "lea.martin+site@courriel.example"
    assert parse_courriel_nominatif("lea.martin+site@courriel.example") != parse_courriel_nominatif(
        "lea.martin@courriel.example"
    )


def test_an_address_of_more_than_254_characters_is_refused() -> None:
    domain = ".".join(["d" * 60] * 4) + ".example"
    assert len(f"lea@{domain}") == 255
    with pytest.raises(CourrielInvalide, match="254"):
        parse_courriel(f"lea@{domain}")
    assert parse_courriel(f"le@{domain}").startswith("le@")


@given(st.text(max_size=40))
def test_reading_an_address_refuses_or_gives_its_normal_form(value: str) -> None:
    try:
        normal = parse_courriel(value)
    except CourrielInvalide:
        return
    assert parse_courriel(normal) == normal


@pytest.mark.parametrize(
    "value",
    [
        "ce.0940001A@ac-creteil.fr",
        "0940001a@ac-creteil.fr",
        "contact@lycee-des-tilleuls.example",
        "secretariat@lycee-des-tilleuls.example",
        "Secretariat.Proviseur@lycee-des-tilleuls.example",
        "proviseur@lycee-des-tilleuls.example",
        "vie-scolaire@lycee-des-tilleuls.example",
        "scolarite2@universite.example",
        "ce.saio@ac-creteil.fr",
    ],
)
def test_the_address_of_a_function_or_an_institution_is_refused_with_an_example(value: str) -> None:
    with pytest.raises(CourrielFonctionnel, match=r"nominatif.*prenom\.nom@"):
        parse_courriel_nominatif(value)


@pytest.mark.parametrize(
    "value",
    [
        "prenom.nom@ac-creteil.fr",
        "celine.contactini@courriel.example",
        "c.e@courriel.example",
        "cecile@courriel.example",
        "directeau.paul@courriel.example",
        "12345@courriel.example",
    ],
)
def test_a_persons_address_is_accepted_even_at_an_academie(value: str) -> None:
    assert parse_courriel_nominatif(value) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("lea@ac-creteil.fr", True),
        ("lea@eleves.ac-orleans-tours.fr", True),
        ("lea@Monlycee.net", True),
        ("lea@courriel.example", False),
        ("lea@vac-ances.fr", False),
    ],
)
def test_a_schools_own_domain_is_recognised(value: str, expected: bool) -> None:
    assert is_academique(value) is expected
