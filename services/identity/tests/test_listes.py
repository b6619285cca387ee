"""Lists of persons to invite: their columns, and what each row asks for."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from kit.errors import Refusal
from services.identity.domain.depots import Depot, EtatDepot, Refuse
from services.identity.domain.listes import (
    PROFILS,
    ROLES,
    Colonne,
    ColonnesRefusees,
    ListeVide,
    ValeurInconnue,
    ValeurTropLongue,
    parse_row,
    read_list,
)
from services.identity.domain.profils import Profil
from socle.principal import RoleTenu
from socle.rubriques import Role

COURTS = ("Courriel", "Nom", "Prénom", "Rôle")
LEA = ("lea.martin@ac-creteil.fr", "Martin", "Léa", "Gestionnaire")
NOW = datetime(2025, 1, 6, 9, tzinfo=UTC)


def listed(*rows: Sequence[str]) -> list[tuple[int, Sequence[str]]]:
    return list(enumerate(rows, 1))


def row(**valeurs: str) -> dict[Colonne, str]:
    lea = dict(zip((Colonne.COURRIEL, Colonne.NOM, Colonne.PRENOM, Colonne.ROLE), LEA, strict=True))
    return lea | {Colonne[name.upper()]: value for name, value in valeurs.items()}


def test_headings_are_known_in_whatever_order_case_and_accents() -> None:
    (ligne,) = read_list(listed(("prenom", "ROLE", "e-mail", "Nom de famille", "N° UAI".replace("N° ", "")), ("Léa",)))
    assert (ligne.numero, ligne.valeurs) == (2, {Colonne.PRENOM: "Léa"})
    (ligne,) = read_list(listed((*COURTS, "region_academique"), (*LEA, "Bretagne")))
    assert ligne.valeurs[Colonne.REGION] == "Bretagne"


@pytest.mark.parametrize(
    ("titres", "said"),
    [
        ((*COURTS, "Téléphone"), "colonne n° 5"),
        ((*COURTS, "Adresse mail"), "deux fois"),
        (COURTS[:2], "Il manque les colonnes : Prénom, Rôle"),
        (LEA, "colonne n° 1"),
    ],
)
def test_columns_that_are_not_of_the_model_refuse_the_whole_file(titres: Sequence[str], said: str) -> None:
    with pytest.raises(ColonnesRefusees, match=said) as refused:
        read_list(listed(titres, LEA))
    assert "martin" not in refused.value.message, "what people wrote is not repeated"


def test_a_value_without_heading_refuses_the_whole_file_and_a_blank_column_does_not() -> None:
    assert len(read_list(listed((*COURTS, "", "UAI"), (*LEA, "", "0940001A")))) == 1
    for titres in ((*COURTS, "", "UAI"), COURTS):
        with pytest.raises(ColonnesRefusees, match="colonne n° 5"):
            read_list(listed(titres, (*LEA, "x")))


def test_a_list_of_nobody_is_refused() -> None:
    for rows in ([], listed(COURTS)):
        with pytest.raises(ListeVide):
            read_list(rows)


def test_a_row_says_who_is_invited_as_what_and_where() -> None:
    asked = parse_row(
        row(role="professeur  principal", uai="0940001a", classes="TG1, TG2;TG 3\n", groupes="Cordées", profil="")
        | {Colonne.PROFIL: "Professeur principal"}
    )
    assert (asked.courriel, asked.nom, asked.prenom) == LEA[:3]
    assert asked.role == RoleTenu(
        role=Role.PROFESSEUR_PRINCIPAL,
        uai="0940001A",
        classes=frozenset({"TG1", "TG2", "TG 3"}),
        groupes=frozenset({"Cordées"}),
    )
    assert asked.profil is Profil.PROFESSEUR_PRINCIPAL


@pytest.mark.parametrize(
    ("said", "tenu"),
    [
        (row(role="CAES", academie="Créteil"), RoleTenu(role=Role.CAES, academie="creteil")),
        (row(role="caes", academie="aix-marseille"), RoleTenu(role=Role.CAES, academie="aix-marseille")),
        (
            row(role="Administrateur academique", region="ile de france"),
            RoleTenu(role=Role.ADMIN_ACADEMIQUE, region_academique="10"),
        ),
        (row(role="ADMIN_ACADEMIQUE", region="10"), RoleTenu(role=Role.ADMIN_ACADEMIQUE, region_academique="10")),
    ],
)
def test_academies_and_regions_are_known_by_name_and_by_code(said: dict[Colonne, str], tenu: RoleTenu) -> None:
    assert parse_row(said).role == tenu


def test_every_role_of_a_person_and_every_profile_is_known_by_its_name_and_its_code() -> None:
    assert set(ROLES) == set(Role) - {Role.ADMIN_NATIONAL, Role.SYSTEME}
    assert set(PROFILS) == set(Profil)
    for role, nom in ROLES.items():
        assert {parse_row(row(role=said)).role.role for said in (role, nom, nom.upper())} == {role}
    for profil, nom in PROFILS.items():
        assert {parse_row(row(profil=said)).profil for said in (profil, nom)} == {profil}


@pytest.mark.parametrize(
    ("said", "refus", "champ"),
    [
        (row(role="Roi"), ValeurInconnue, "role"),
        (row(role="SYSTEME"), ValeurInconnue, "role"),
        (row(role="ADMIN_NATIONAL"), ValeurInconnue, "role"),
        (row(academie="Atlantide"), ValeurInconnue, "academie"),
        (row(region="99"), ValeurInconnue, "regionAcademique"),
        (row(profil="Tout"), ValeurInconnue, "profil"),
        (row(nom="a" * 255), ValeurTropLongue, "nom"),
        (row(classes="a" * 5081), ValeurTropLongue, "classes"),
    ],
)
def test_what_stands_for_nothing_is_refused_with_its_column(
    said: dict[Colonne, str], refus: type[Refusal], champ: str
) -> None:
    with pytest.raises(refus) as refused:
        parse_row(said)
    assert refused.value.champ == champ


def test_a_row_without_role_is_refused() -> None:
    said = row()
    del said[Colonne.ROLE]
    with pytest.raises(ValeurInconnue, match="Rôle"):
        parse_row(said)


@pytest.mark.parametrize(
    ("changed", "restantes", "etat"),
    [
        ({}, 0, EtatDepot.ATTENDU),
        ({"expire_le": NOW}, 0, EtatDepot.EXPIRE),
        ({"recu_le": NOW}, 0, EtatDepot.EXPIRE),
        ({"recu_le": NOW, "refus": Refuse(code="A", message="b")}, 0, EtatDepot.REFUSE),
        ({"recu_le": NOW, "lignes": 2}, 1, EtatDepot.EN_COURS),
        ({"recu_le": NOW, "lignes": 2}, 0, EtatDepot.TERMINE),
    ],
)
def test_a_file_is_where_its_rows_are(changed: dict[str, object], restantes: int, etat: EtatDepot) -> None:
    fields: dict[str, object] = {"id": "01A", "compte": "01B", "taille": 1, "sha256": "", "demande_le": NOW}
    fields |= {"expire_le": NOW + timedelta(minutes=10)} | changed
    assert Depot(**fields).etat(restantes=restantes, now=NOW) is etat  # type: ignore[arg-type]
