"""Names of persons: one normal form, and nothing but a name."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.domain.noms import LONGUEUR, NomRefuse, parse_nom, same_name, sort_key


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("  Le   Goff ", "Le Goff"),
        ("Le\u0301ve\u0302que-Roy", "Lévêque-Roy"),
        ("d’Ormesson", "d’Ormesson"),
        ("Anne-Sophie", "Anne-Sophie"),
        ("J. P.", "J. P."),
        ("Ñúñez y Œuvrard", "Ñúñez y Œuvrard"),
        ("Nguyễn", "Nguyễn"),
        ("O", "O"),
    ],
)
def test_a_name_has_one_normal_form(value: str, expected: str) -> None:
    assert parse_nom(value, champ="nom") == expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        "   ",
        "-",
        "Dupont\r\nBcc: tous@exemple.fr",
        "Dupont\x00",
        "Dupont\u202e",
        "Du\u200bpont",
        "Dup\u043ent",
        "\u0391lix",
        "evil.example",
        "Cliquez sur www.exemple.fr",
        "<b>Dupont</b>",
        "camille@exemple.fr",
        "Dupont2",
        "=1+1",
        "\u0301",
        "a" * (LONGUEUR + 1),
        "a" * 100_000,
    ],
)
def test_what_is_no_name_is_refused_with_its_field(value: str) -> None:
    with pytest.raises(NomRefuse) as refus:
        parse_nom(value, champ="prenom")
    assert refus.value.champ == "prenom"
    assert value.strip() == "" or len(value) < 2 or value not in refus.value.message


@given(st.text(max_size=300))
def test_a_name_that_is_taken_is_its_own_normal_form_and_holds_no_control_character(value: str) -> None:
    try:
        nom = parse_nom(value, champ="nom")
    except NomRefuse:
        return
    assert parse_nom(nom, champ="nom") == nom
    assert 1 <= len(nom) <= LONGUEUR
    assert not any(unicodedata.category(letter).startswith("C") for letter in nom)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("LE GOFF", "Le Goff", True),
        ("Lévêque-Roy", "leveque roy", True),
        ("d’Ormesson", "D'ORMESSON", True),
        ("Jean-Paul", "Jean", False),
        ("Petit", "Petite", False),
    ],
)
def test_a_name_is_one_whatever_its_case_its_accents_and_what_joins_its_parts(one: str, other: str, same: bool) -> None:
    assert same_name(one, other) is same


def test_lists_are_sorted_as_people_read_them() -> None:
    persons = [("Zola", "A"), ("Éluard", "P"), ("d’Ormesson", "J"), ("Œuvrard", "N"), ("eluard", "B"), ("Odin", "Z")]
    by_name = [nom for nom, _ in sorted(persons, key=lambda person: sort_key(*person))]
    assert by_name == ["d’Ormesson", "eluard", "Éluard", "Odin", "Œuvrard", "Zola"]
