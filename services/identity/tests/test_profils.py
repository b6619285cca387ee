"""Ready-made sets of rights, and what is copied from a colleague: the rules."""

from datetime import UTC, datetime, timedelta

import pytest

from services.identity.domain.comptes import Compte, RoleInvalide, check_right
from services.identity.domain.matrice import Case, row_of
from services.identity.domain.profils import (
    PROFILS,
    Profil,
    ProfilInvalide,
    adds_to,
    contents,
    rights_to_copy,
    rights_with,
)
from socle.principal import Droit, RoleTenu
from socle.rubriques import Niveau, Role, Rubrique

NOW = datetime(2025, 1, 6, 9, tzinfo=UTC)
SOON, LATER = NOW + timedelta(days=10), NOW + timedelta(days=90)
UAI, AILLEURS = "0940001A", "0940002B"


def compte(*droits: Droit, roles: tuple[RoleTenu, ...] = ()) -> Compte:
    return Compte(id="01A", courriel="a@exemple.fr", nom="A", prenom="A", droits=droits, roles=roles)


def droit(
    niveau: Niveau = Niveau.LECTURE, jusqu_au: datetime | None = None, formation: str | None = None, uai: str = UAI
) -> Droit:
    return Droit(uai=uai, rubrique=Rubrique.CANDIDATURES, niveau=niveau, jusqu_au=jusqu_au, formation=formation)


@pytest.mark.parametrize("profil", Profil)
def test_every_profile_is_made_of_rights_that_can_be_given(profil: Profil) -> None:
    held = PROFILS[profil]
    don = contents(
        profil,
        UAI,
        formation="2025/7" if held.par_formation else None,
        classes=frozenset({"TG03"}) if held.role else frozenset(),
    )
    assert don.droits or don.roles
    for one in don.droits:
        check_right(one, now=NOW)
        assert one.uai == UAI
    assert all(role.classes == {"TG03"} for role in don.roles)
    # The management of users is given by its own name, never as a part of something else.
    assert Rubrique.UTILISATEURS not in {one.rubrique for one in don.droits}


@pytest.mark.parametrize(
    ("profil", "fields", "champ"),
    [
        (Profil.RESPONSABLE_FORMATION, {}, "formation"),
        (Profil.SECRETARIAT, {"formation": "2025/7"}, "formation"),
        (Profil.PROFESSEUR_PRINCIPAL, {}, "classes"),
        (Profil.SECRETARIAT, {"classes": frozenset({"T1"})}, "classes"),
        (Profil.PROFESSEUR_PRINCIPAL, {"classes": frozenset({"T1"}), "jusqu_au": SOON}, "jusquAu"),
    ],
)
def test_a_profile_names_what_it_is_about_and_nothing_else(
    profil: Profil, fields: dict[str, object], champ: str
) -> None:
    with pytest.raises(ProfilInvalide) as refus:
        contents(profil, UAI, **fields)  # type: ignore[arg-type]
    assert refus.value.champ == champ


def test_a_profile_follows_no_class_that_cannot_be_called_so() -> None:
    with pytest.raises(RoleInvalide):
        contents(Profil.PROFESSEUR_PRINCIPAL, UAI, classes=frozenset({"<T1>"}))


def test_what_is_copied_is_of_that_establishment_not_over_and_ends_at_the_sooner_of_two_dates() -> None:
    over = droit(jusqu_au=NOW)
    de = compte(over, droit(uai=AILLEURS), droit(formation="2025/1"), droit(formation="2025/2", jusqu_au=SOON))
    assert rights_to_copy(de, UAI, now=NOW, jusqu_au=LATER) == [
        droit(formation="2025/1", jusqu_au=LATER),
        droit(formation="2025/2", jusqu_au=SOON),
    ]
    assert rights_to_copy(de, UAI, now=NOW, jusqu_au=None)[0].jusqu_au is None


@pytest.mark.parametrize(
    ("held", "given", "adds"),
    [
        ((), droit(), True),
        ((droit(),), droit(), False),
        ((droit(),), droit(Niveau.ECRITURE), True),
        ((droit(Niveau.ECRITURE),), droit(), False),
        ((droit(jusqu_au=SOON),), droit(), True),
        ((droit(jusqu_au=SOON),), droit(jusqu_au=LATER), True),
        ((droit(jusqu_au=LATER),), droit(jusqu_au=SOON), False),
        ((droit(),), droit(Niveau.ECRITURE, jusqu_au=SOON), False),
        ((droit(formation="2025/1"),), droit(), True),
    ],
)
def test_many_rights_at_once_lower_and_shorten_none(held: tuple[Droit, ...], given: Droit, adds: bool) -> None:
    assert adds_to(compte(*held), given) is adds


def case_of(who: Compte, rubrique: Rubrique = Rubrique.CANDIDATURES) -> Case:
    (case,) = (case for case in row_of(who, UAI, now=NOW) if case.rubrique is rubrique)
    return case


def test_a_row_of_the_matrix_says_the_highest_of_roles_and_rights_and_when_it_ends() -> None:
    assert [case.rubrique for case in row_of(compte(), UAI, now=NOW)] == list(Rubrique)
    assert case_of(compte()).niveau is None
    assert case_of(compte(droit(jusqu_au=SOON))) == Case(
        rubrique=Rubrique.CANDIDATURES, niveau=Niveau.LECTURE, jusqu_au=SOON
    )
    head = compte(droit(Niveau.ECRITURE, jusqu_au=SOON), roles=(RoleTenu(role=Role.CHEF_ETABLISSEMENT, uai=UAI),))
    assert case_of(head) == Case(rubrique=Rubrique.CANDIDATURES, niveau=Niveau.SIGNATURE, par_role=True)
    assert case_of(compte(droit(jusqu_au=NOW), droit(uai=AILLEURS))).niveau is None
    elsewhere = compte(roles=(RoleTenu(role=Role.CHEF_ETABLISSEMENT, uai=AILLEURS),))
    assert case_of(elsewhere).niveau is None


def test_a_row_of_the_matrix_lists_the_formations_for_which_more_is_held() -> None:
    lower, higher = droit(formation="2025/1"), droit(Niveau.ECRITURE, formation="2025/2")
    longer = droit(formation="2025/3")
    assert case_of(compte(droit(), lower, higher)).formations == (higher,)
    assert case_of(compte(lower)).formations == (lower,)
    assert case_of(compte(droit(jusqu_au=SOON), longer)).formations == (longer,)


def test_a_profile_is_given_with_the_role_that_somebody_is_invited_as() -> None:
    gestionnaire = RoleTenu(role=Role.GESTIONNAIRE, uai=UAI)
    principal = RoleTenu(role=Role.PROFESSEUR_PRINCIPAL, uai=UAI, classes=frozenset({"TG03"}))
    assert rights_with(None, gestionnaire) == ()
    assert rights_with(Profil.SECRETARIAT, gestionnaire) == contents(Profil.SECRETARIAT, UAI).droits
    assert rights_with(Profil.PROFESSEUR_PRINCIPAL, principal) == ()
    commission = rights_with(Profil.COMMISSION_EXAMEN, principal, formation="2025/7")
    assert {droit.formation for droit in commission} == {"2025/7"}


@pytest.mark.parametrize(
    ("profil", "role", "formation", "champ"),
    [
        (None, RoleTenu(role=Role.GESTIONNAIRE, uai=UAI), "2025/7", "profil"),
        (Profil.SECRETARIAT, RoleTenu(role=Role.CAES, academie="creteil"), None, "profil"),
        (Profil.PROFESSEUR_PRINCIPAL, RoleTenu(role=Role.GESTIONNAIRE, uai=UAI), None, "profil"),
        (Profil.COMMISSION_EXAMEN, RoleTenu(role=Role.GESTIONNAIRE, uai=UAI), None, "formation"),
    ],
)
def test_a_profile_that_does_not_go_with_the_role_is_refused(
    profil: Profil | None, role: RoleTenu, formation: str | None, champ: str
) -> None:
    with pytest.raises(ProfilInvalide) as refused:
        rights_with(profil, role, formation=formation)
    assert refused.value.champ == champ
