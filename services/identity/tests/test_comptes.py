"""Accounts and what they hold: the rules (domaine.md §1 and §3)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.identity.domain.comptes import (
    DROITS_AU_PLUS,
    ROLES_AU_PLUS,
    Compte,
    CompteDesactive,
    DroitInvalide,
    EtatCompte,
    RoleInvalide,
    TropDeDroits,
    administrations_lost,
    personal_words,
)
from services.identity.store.comptes import habilitations
from socle.principal import Droit, RoleTenu
from socle.rubriques import Niveau, Role, Rubrique

NOW = datetime(2025, 1, 6, 9, tzinfo=UTC)
UAI = "0940001A"
SIECLE = Droit(uai=UAI, rubrique=Rubrique.SIECLE, niveau=Niveau.ECRITURE)


def compte(**fields: object) -> Compte:
    known = {"id": "01A", "courriel": "lea.petit@ac-creteil.fr", "nom": "Petit", "prenom": "Léa"}
    return Compte(**known | fields)  # type: ignore[arg-type]


def test_a_new_account_is_invited_and_may_do_nothing() -> None:
    assert compte().etat is EtatCompte.INVITE
    assert not compte().actif
    assert compte().activate().actif


def test_a_disabled_account_keeps_what_it_held_and_is_given_nothing_more() -> None:
    disabled = compte(droits=(SIECLE,)).activate().disable()
    assert disabled.droits == (SIECLE,)
    for change in (
        disabled.activate,
        lambda: disabled.give_right(SIECLE, now=NOW),
        lambda: disabled.give_role(RoleTenu(role=Role.ADJOINT, uai=UAI)),
    ):
        with pytest.raises(CompteDesactive):
            change()


def test_a_right_given_again_replaces_the_one_on_the_same_thing() -> None:
    read = Droit(uai=UAI, rubrique=Rubrique.SIECLE, niveau=Niveau.LECTURE)
    other = Droit(uai=UAI, rubrique=Rubrique.NOTES, niveau=Niveau.LECTURE)
    holder = compte().give_right(read, now=NOW).give_right(other, now=NOW).give_right(SIECLE, now=NOW)
    assert set(holder.droits) == {SIECLE, other}


def test_the_same_right_or_role_given_again_changes_nothing() -> None:
    role = RoleTenu(role=Role.ADJOINT, uai=UAI)
    holder = compte(droits=(SIECLE,), roles=(role,))
    assert holder.give_right(SIECLE, now=NOW) is holder
    assert holder.give_role(role) is holder


def test_an_account_holds_no_more_than_can_be_told_in_one_message() -> None:
    held = compte()
    for number in range(DROITS_AU_PLUS):
        held = held.give_right(
            Droit(
                uai=UAI,
                rubrique=Rubrique.CANDIDATURES,
                niveau=Niveau.LECTURE,
                formation=f"2025/{number:060d}",
            ),
            now=NOW,
        )
    for number in range(ROLES_AU_PLUS):
        held = held.give_role(RoleTenu(role=Role.GESTIONNAIRE, uai=f"{number:07d}A"))
    with pytest.raises(TropDeDroits):
        held.give_right(Droit(uai=UAI, rubrique=Rubrique.SIECLE, niveau=Niveau.LECTURE), now=NOW)
    with pytest.raises(TropDeDroits):
        held.give_role(RoleTenu(role=Role.ADJOINT, uai=UAI))
    first = held.droits[0]
    assert held.give_right(replace(first, niveau=Niveau.ECRITURE), now=NOW).droits[-1].niveau is Niveau.ECRITURE
    assert len(habilitations(held).SerializeToString()) < 100_000


def test_a_right_on_one_formation_stands_beside_the_one_on_the_establishment() -> None:
    whole = Droit(uai=UAI, rubrique=Rubrique.CANDIDATURES, niveau=Niveau.LECTURE)
    one = Droit(uai=UAI, rubrique=Rubrique.CANDIDATURES, niveau=Niveau.ECRITURE, formation="2025/4321")
    holder = compte().give_right(whole, now=NOW).give_right(one, now=NOW)
    assert set(holder.droits) == {whole, one}
    assert holder.take_right(UAI, Rubrique.CANDIDATURES, "2025/4321").droits == (whole,)


def test_taking_what_is_not_held_changes_nothing() -> None:
    holder = compte(droits=(SIECLE,))
    assert holder.take_right(UAI, Rubrique.NOTES) == holder
    assert holder.take_right("0940002B", Rubrique.SIECLE) == holder
    assert holder.take_role(Role.ADJOINT) == holder


def test_a_role_is_taken_in_one_establishment_or_everywhere() -> None:
    here, there = (RoleTenu(role=Role.CHEF_ETABLISSEMENT, uai=uai) for uai in (UAI, "0940002B"))
    head = compte(roles=(here, there))
    assert head.take_role(Role.CHEF_ETABLISSEMENT, uai=UAI).roles == (there,)
    assert head.take_role(Role.CHEF_ETABLISSEMENT).roles == ()


@pytest.mark.parametrize(
    ("droit", "champ"),
    [
        (Droit(uai=UAI, rubrique=Rubrique.RAPPORTS, niveau=Niveau.SIGNATURE), "niveau"),
        (Droit(uai=UAI, rubrique=Rubrique.SIECLE, niveau=Niveau.LECTURE, formation="2025/1"), "formation"),
        (Droit(uai=UAI, rubrique=Rubrique.CLASSEMENTS, niveau=Niveau.LECTURE, formation="n'importe"), "formation"),
        (Droit(uai=UAI, rubrique=Rubrique.SIECLE, niveau=Niveau.LECTURE, jusqu_au=NOW), "jusquAu"),
    ],
)
def test_a_signature_a_foreign_formation_and_a_past_end_are_not_given(droit: Droit, champ: str) -> None:
    with pytest.raises(DroitInvalide) as refus:
        compte().give_right(droit, now=NOW)
    assert refus.value.champ == champ


def test_a_right_with_an_end_to_come_is_given() -> None:
    until = Droit(uai=UAI, rubrique=Rubrique.SIECLE, niveau=Niveau.LECTURE, jusqu_au=NOW + timedelta(days=1))
    assert compte().give_right(until, now=NOW).droits == (until,)


@pytest.mark.parametrize(
    "role",
    [
        RoleTenu(role=Role.CHEF_ETABLISSEMENT),
        RoleTenu(role=Role.CHEF_ETABLISSEMENT, uai=UAI, academie="creteil"),
        RoleTenu(role=Role.ADMIN_NATIONAL, academie="creteil"),
        RoleTenu(role=Role.ADMIN_ACADEMIQUE),
        RoleTenu(role=Role.ADMIN_ACADEMIQUE, academie="creteil", region_academique="10"),
        RoleTenu(role=Role.CAES, region_academique="10"),
        RoleTenu(role=Role.SYSTEME),
    ],
)
def test_a_role_holds_only_where_such_a_role_may(role: RoleTenu) -> None:
    with pytest.raises(RoleInvalide):
        compte().give_role(role)


@pytest.mark.parametrize(
    "role",
    [
        RoleTenu(role=Role.ADMIN_NATIONAL),
        RoleTenu(role=Role.ADMIN_ACADEMIQUE, academie="creteil"),
        RoleTenu(role=Role.ADMIN_ACADEMIQUE, region_academique="10"),
        RoleTenu(role=Role.CAES, academie="creteil"),
        RoleTenu(role=Role.PROFESSEUR_PRINCIPAL, uai=UAI, classes=frozenset({"T3"})),
    ],
)
def test_every_role_of_a_person_can_be_held(role: RoleTenu) -> None:
    assert compte().give_role(role).roles == (role,)


@pytest.mark.exigence("ASVS 6.1.2", "ASVS 6.2.11")
def test_the_words_that_a_password_must_not_hold_are_login_names_and_uai() -> None:
    holder = compte(nom="Lévêque-Roy", prenom="Zoé", droits=(SIECLE,))
    words = personal_words(holder)
    assert {"leveque", "petit", "creteil", "0940001a", "lea.petit@ac-creteil.fr"} <= words
    assert not {word for word in words if len(word) < 4}


def test_a_follow_up_role_given_again_follows_the_classes_that_are_named_now() -> None:
    first = RoleTenu(role=Role.PROFESSEUR_PRINCIPAL, uai=UAI, classes=frozenset({"TG01"}))
    second = RoleTenu(role=Role.PROFESSEUR_PRINCIPAL, uai=UAI, classes=frozenset({"TG02"}))
    elsewhere = RoleTenu(role=Role.PROFESSEUR_PRINCIPAL, uai="0940002B", classes=frozenset({"T1"}))
    assert compte(roles=(first, elsewhere)).give_role(second).roles == (elsewhere, second)


@pytest.mark.parametrize(
    ("role", "champ"),
    [
        (RoleTenu(role=Role.REFERENT, uai=UAI), "classes"),
        (RoleTenu(role=Role.REFERENT, uai=UAI, classes=frozenset({"T\n1"})), "classes"),
        (RoleTenu(role=Role.REFERENT, uai=UAI, classes=frozenset({"T" * 21})), "classes"),
        (RoleTenu(role=Role.REFERENT, uai=UAI, classes=frozenset(f"T{n}" for n in range(61))), "classes"),
        (RoleTenu(role=Role.PSY_EN, uai=UAI, groupes=frozenset({"<script>"})), "groupes"),
        (RoleTenu(role=Role.ADJOINT, uai=UAI, classes=frozenset({"TG01"})), "classes"),
    ],
)
def test_follow_up_roles_alone_follow_and_name_whom(role: RoleTenu, champ: str) -> None:
    with pytest.raises(RoleInvalide) as refus:
        compte().give_role(role)
    assert refus.value.champ == champ


def test_a_role_of_a_region_is_taken_there_only() -> None:
    region, academie = (
        RoleTenu(role=Role.ADMIN_ACADEMIQUE, region_academique="10"),
        RoleTenu(role=Role.ADMIN_ACADEMIQUE, academie="lille"),
    )
    holder = compte(roles=(region, academie))
    assert holder.take_role(Role.ADMIN_ACADEMIQUE, region="10").roles == (academie,)


def test_a_disabled_account_is_invited_again_and_no_other() -> None:
    disabled = compte().activate().disable()
    assert disabled.invite_again().etat is EtatCompte.INVITE
    assert compte().activate().invite_again().etat is EtatCompte.ACTIF


def test_an_establishment_loses_an_administrator_who_is_active_and_no_head() -> None:
    here, there = (RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai=uai) for uai in (UAI, "0940002B"))
    head = RoleTenu(role=Role.CHEF_ETABLISSEMENT, uai=UAI)
    active = compte(roles=(here, there, head)).activate()
    assert administrations_lost(active, active.take_role(Role.ADMIN_ETABLISSEMENT, uai=UAI)) == {UAI}
    assert administrations_lost(active, active.take_role(Role.CHEF_ETABLISSEMENT)) == frozenset()
    assert administrations_lost(active, active.disable()) == {UAI, "0940002B"}
    assert administrations_lost(active, None) == {UAI, "0940002B"}
    invited = compte(roles=(here,))
    assert administrations_lost(invited, None) == frozenset()
    assert administrations_lost(active, active.give_right(SIECLE, now=NOW)) == frozenset()
