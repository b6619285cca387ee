"""Who may give and take which rights (domaine.md §1 and §3)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kit.errors import Forbidden, Unauthenticated
from services.identity import policy
from services.identity.domain.comptes import Compte
from services.identity.policy import DroitNonDetenu
from socle.principal import Droit, Lieu, Principal, RoleTenu
from socle.rubriques import Niveau, Role, Rubrique

NOW = datetime(2025, 1, 6, 9, tzinfo=UTC)
LIEU = Lieu(uai="0940001A", academie="creteil", region_academique="10")
SIECLE = Droit(uai=LIEU.uai, rubrique=Rubrique.SIECLE, niveau=Niveau.ECRITURE)
PILOTAGE = Droit(uai=LIEU.uai, rubrique=Rubrique.PILOTAGE, niveau=Niveau.LECTURE)


def principal(*roles: RoleTenu, droits: tuple[Droit, ...] = (), actif: bool = True) -> Principal:
    return Principal(compte="01A", session="01S", actif=actif, roles=roles, droits=droits)


def cible(*roles: RoleTenu) -> Compte:
    return Compte(id="01B", courriel="b@exemple.fr", nom="B", prenom="B", roles=roles)


def give(giver: Principal, droit: Droit, target: Compte | None = None, lieu: Lieu = LIEU) -> None:
    policy.require_give(giver, droit, lieu, target or cible(), now=NOW)


ADMIN = RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai=LIEU.uai)
CHEF = RoleTenu(role=Role.CHEF_ETABLISSEMENT, uai=LIEU.uai)
ACADEMIE = RoleTenu(role=Role.ADMIN_ACADEMIQUE, academie="creteil")
REGION = RoleTenu(role=Role.ADMIN_ACADEMIQUE, region_academique="10")


@pytest.mark.parametrize("role", [ADMIN, CHEF])
def test_the_administrator_and_the_head_give_the_rights_of_their_establishment(role: RoleTenu) -> None:
    give(principal(role), SIECLE)


@pytest.mark.parametrize("role", [ADMIN, CHEF])
def test_they_give_nothing_elsewhere(role: RoleTenu) -> None:
    elsewhere = Lieu(uai="0940002B", academie="creteil")
    with pytest.raises(Forbidden):
        give(principal(role), Droit(uai="0940002B", rubrique=Rubrique.SIECLE, niveau=Niveau.LECTURE), lieu=elsewhere)


@pytest.mark.parametrize("role", [ADMIN, CHEF])
def test_nobody_gives_itself_a_right_to_keep_when_its_role_is_gone(role: RoleTenu) -> None:
    giver = principal(role)
    with pytest.raises(Forbidden):
        give(giver, SIECLE, replace(cible(role), id=giver.compte))


def test_whoever_was_given_the_users_gives_only_what_it_holds() -> None:
    users = Droit(uai=LIEU.uai, rubrique=Rubrique.UTILISATEURS, niveau=Niveau.ECRITURE)
    giver = principal(droits=(users, PILOTAGE))
    give(giver, PILOTAGE)
    with pytest.raises(DroitNonDetenu):
        give(giver, SIECLE)
    with pytest.raises(DroitNonDetenu):
        give(giver, Droit(uai=LIEU.uai, rubrique=Rubrique.PILOTAGE, niveau=Niveau.ECRITURE))


def test_a_right_is_not_given_for_longer_than_it_is_held() -> None:
    users = Droit(uai=LIEU.uai, rubrique=Rubrique.UTILISATEURS, niveau=Niveau.ECRITURE)
    end = NOW + timedelta(days=10)
    giver = principal(
        droits=(users, Droit(uai=LIEU.uai, rubrique=Rubrique.NOTES, niveau=Niveau.ECRITURE, jusqu_au=end))
    )

    def until(moment: datetime | None) -> Droit:
        return Droit(uai=LIEU.uai, rubrique=Rubrique.NOTES, niveau=Niveau.LECTURE, jusqu_au=moment)

    give(giver, until(end))
    for moment in (None, end + timedelta(seconds=1)):
        with pytest.raises(DroitNonDetenu):
            give(giver, until(moment))


def test_a_right_on_one_formation_does_not_let_give_the_establishment() -> None:
    users = Droit(uai=LIEU.uai, rubrique=Rubrique.UTILISATEURS, niveau=Niveau.ECRITURE)
    one = Droit(uai=LIEU.uai, rubrique=Rubrique.CANDIDATURES, niveau=Niveau.LECTURE, formation="2025/1")
    giver = principal(droits=(users, one))
    give(giver, one)
    with pytest.raises(DroitNonDetenu):
        give(giver, Droit(uai=LIEU.uai, rubrique=Rubrique.CANDIDATURES, niveau=Niveau.LECTURE))


@pytest.mark.parametrize("role", [ACADEMIE, REGION])
def test_the_academie_gives_to_the_administrators_of_its_establishments_what_it_holds(role: RoleTenu) -> None:
    give(principal(role), PILOTAGE, cible(ADMIN))
    with pytest.raises(DroitNonDetenu):
        give(principal(role), SIECLE, cible(ADMIN))


def test_the_academie_gives_nothing_to_the_other_users_nor_in_another_academie() -> None:
    with pytest.raises(Forbidden):
        give(principal(ACADEMIE), PILOTAGE, cible(RoleTenu(role=Role.GESTIONNAIRE, uai=LIEU.uai)))
    other = RoleTenu(role=Role.ADMIN_ACADEMIQUE, academie="lille")
    with pytest.raises(Forbidden):
        give(principal(other), PILOTAGE, cible(ADMIN))


@pytest.mark.parametrize(
    "role", [role for role in Role if role not in (Role.ADMIN_ETABLISSEMENT, Role.CHEF_ETABLISSEMENT)]
)
def test_no_other_role_gives_rights_to_a_user(role: Role) -> None:
    with pytest.raises(Forbidden):
        give(principal(RoleTenu(role=role, uai=LIEU.uai)), PILOTAGE)


def test_a_disabled_account_gives_nothing_and_sees_itself_only() -> None:
    disabled = principal(ADMIN, actif=False)
    with pytest.raises(Forbidden):
        give(disabled, SIECLE)
    assert policy.scope(disabled, now=NOW).uais == frozenset()
    with pytest.raises(Forbidden):
        policy.require_active(disabled)
    with pytest.raises(Unauthenticated):
        policy.require_active(None)


def test_everyone_sees_its_own_account_and_managers_their_users() -> None:
    assert policy.scope(principal(), now=NOW) == policy.Portee(compte="01A", uais=frozenset(), academies=frozenset())
    assert policy.scope(principal(ADMIN), now=NOW).uais == {LIEU.uai}
    assert policy.scope(principal(ACADEMIE), now=NOW).academies == {"creteil"}
    assert "versailles" in policy.scope(principal(REGION), now=NOW).academies


NATIONAL = RoleTenu(role=Role.ADMIN_NATIONAL)
LILLE = RoleTenu(role=Role.ADMIN_ACADEMIQUE, academie="lille")
AILLEURS = Lieu(uai="0940002B", academie="creteil", region_academique="10")
LOIN = Lieu(uai="0590001C", academie="lille", region_academique="09")
UTILISATEURS = Droit(uai=LIEU.uai, rubrique=Rubrique.UTILISATEURS, niveau=Niveau.ECRITURE)


def tenu(role: Role) -> RoleTenu:
    """That role, where such a role holds."""
    if role is Role.ADMIN_NATIONAL:
        return NATIONAL
    if role in (Role.ADMIN_ACADEMIQUE, Role.CAES):
        return RoleTenu(role=role, academie="creteil")
    return RoleTenu(role=role, uai=LIEU.uai, classes=frozenset({"T1"}))


_ACADEMIQUES = {Role.ADMIN_ACADEMIQUE, Role.CAES}
_DU_RECTORAT = {Role.ADMIN_ETABLISSEMENT, Role.CHEF_ETABLISSEMENT, Role.DIRECTEUR_CIO}
_UTILISATEURS = {Role.ADJOINT, Role.GESTIONNAIRE, Role.PROFESSEUR_PRINCIPAL, Role.REFERENT, Role.PSY_EN}


@pytest.mark.parametrize(
    ("giver", "roles"),
    [
        (principal(NATIONAL), _ACADEMIQUES),
        (principal(ACADEMIE), _DU_RECTORAT),
        (principal(REGION), _DU_RECTORAT),
        (principal(ADMIN), _UTILISATEURS | {Role.ADMIN_ETABLISSEMENT}),
        (principal(CHEF), _UTILISATEURS | {Role.ADMIN_ETABLISSEMENT}),
        (principal(droits=(UTILISATEURS,)), {Role.GESTIONNAIRE}),
        (principal(droits=(UTILISATEURS, PILOTAGE)), {Role.GESTIONNAIRE, Role.ADJOINT}),
        (principal(LILLE), set()),
        (principal(RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai=AILLEURS.uai)), set()),
        (principal(RoleTenu(role=Role.CAES, academie="creteil")), set()),
        (principal(RoleTenu(role=Role.ADJOINT, uai=LIEU.uai)), set()),
        (principal(ADMIN, actif=False), set()),
        (principal(NATIONAL, actif=False), set()),
    ],
)
def test_each_level_gives_the_roles_of_the_one_below_and_no_other(giver: Principal, roles: set[Role]) -> None:
    given = set()
    for role in set(Role) - {Role.SYSTEME}:
        held = tenu(role)
        try:
            policy.require_confer(giver, held, LIEU if held.uai else None, now=NOW)
        except (Forbidden, DroitNonDetenu):
            continue
        given.add(role)
    assert given == roles


def test_a_role_is_not_given_on_rights_that_end() -> None:
    end = Droit(uai=LIEU.uai, rubrique=Rubrique.PILOTAGE, niveau=Niveau.LECTURE, jusqu_au=NOW + timedelta(days=9))
    giver = principal(droits=(UTILISATEURS, end))
    with pytest.raises(DroitNonDetenu):
        policy.require_confer(giver, tenu(Role.ADJOINT), LIEU, now=NOW)
    policy.require_name(giver, tenu(Role.ADJOINT), LIEU, now=NOW)


def test_a_follow_up_role_is_given_by_who_may_read_students_and_write_their_sheet() -> None:
    eleves = Droit(uai=LIEU.uai, rubrique=Rubrique.ELEVES, niveau=Niveau.LECTURE)
    fiche = Droit(uai=LIEU.uai, rubrique=Rubrique.FICHE_AVENIR, niveau=Niveau.ECRITURE)
    whole = (UTILISATEURS, PILOTAGE, eleves, fiche)
    policy.require_confer(principal(droits=whole), tenu(Role.PROFESSEUR_PRINCIPAL), LIEU, now=NOW)
    for missing in (PILOTAGE, eleves, fiche):
        fewer = principal(droits=tuple(droit for droit in whole if droit is not missing))
        with pytest.raises(DroitNonDetenu):
            policy.require_confer(fewer, tenu(Role.PROFESSEUR_PRINCIPAL), LIEU, now=NOW)


GESTIONNAIRE = RoleTenu(role=Role.GESTIONNAIRE, uai=LIEU.uai)
PARTOUT = {lieu.uai: lieu for lieu in (LIEU, AILLEURS, LOIN)}
USER, HEAD, MANAGER = cible(GESTIONNAIRE), cible(CHEF), cible(GESTIONNAIRE)
SHARED = cible(GESTIONNAIRE, RoleTenu(role=Role.GESTIONNAIRE, uai=AILLEURS.uai))
MIXED = cible(ADMIN, RoleTenu(role=Role.GESTIONNAIRE, uai=LOIN.uai))
RECTORAT, NATION = cible(ACADEMIE), cible(NATIONAL)


def with_right(droit: Droit) -> Compte:
    return Compte(id="01B", courriel="b@exemple.fr", nom="B", prenom="B", roles=(GESTIONNAIRE,), droits=(droit,))


@pytest.mark.parametrize(
    ("who", "whom", "helps", "ends"),
    [
        (principal(ADMIN), USER, True, True),
        (principal(CHEF), USER, True, True),
        (principal(droits=(UTILISATEURS,)), USER, True, True),
        # Nobody is above its equal, be it by a right that was given.
        (principal(droits=(UTILISATEURS,)), with_right(UTILISATEURS), False, False),
        (principal(ADMIN), with_right(UTILISATEURS), True, True),
        (principal(ADMIN), cible(ADMIN), False, False),
        (principal(ADMIN), HEAD, False, False),
        (principal(CHEF), cible(ADMIN), False, False),
        (principal(ACADEMIE), cible(ADMIN), True, True),
        (principal(REGION), HEAD, True, True),
        (principal(LILLE), cible(ADMIN), False, False),
        (principal(ACADEMIE), RECTORAT, False, False),
        (principal(NATIONAL), RECTORAT, True, True),
        (principal(NATIONAL), NATION, False, False),
        # Who serves in two places is helped by either, and ended by who is above it in both.
        (principal(ADMIN), SHARED, True, False),
        (principal(ADMIN, RoleTenu(role=Role.CHEF_ETABLISSEMENT, uai=AILLEURS.uai)), SHARED, True, True),
        (principal(ACADEMIE), SHARED, True, True),
        # An administrator who is also a user elsewhere is of the académie's, not of that establishment's.
        (principal(RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai=LOIN.uai)), MIXED, False, False),
        (principal(ACADEMIE), MIXED, True, False),
        (principal(ACADEMIE, LILLE), MIXED, True, True),
        (principal(ADMIN), cible(), False, False),
        (principal(ADMIN, actif=False), USER, False, False),
    ],
)
def test_whoever_is_above_helps_and_who_is_above_everywhere_ends(
    who: Principal, whom: Compte, helps: bool, ends: bool
) -> None:
    for everywhere, expected in ((False, helps), (True, ends)):
        if expected:
            policy.require_above(who, whom, PARTOUT, now=NOW, everywhere=everywhere)
        else:
            with pytest.raises(Forbidden):
                policy.require_above(who, whom, PARTOUT, now=NOW, everywhere=everywhere)


def test_nobody_acts_on_its_own_account_as_the_level_above_does() -> None:
    me = Compte(id="01A", courriel="a@exemple.fr", nom="A", prenom="A", roles=(GESTIONNAIRE,))
    with pytest.raises(Forbidden):
        policy.require_above(principal(ADMIN), me, PARTOUT, now=NOW, everywhere=False)


def test_an_establishment_that_is_not_known_is_in_nobodys_hands_but_the_nations() -> None:
    for who in (ADMIN, ACADEMIE):
        with pytest.raises(Forbidden):
            policy.require_above(principal(who), USER, {}, now=NOW, everywhere=False)
    policy.require_above(principal(NATIONAL), USER, {}, now=NOW, everywhere=False)


def test_the_national_team_sees_those_who_work_for_an_academie() -> None:
    assert policy.scope(principal(NATIONAL), now=NOW).academiques
    assert not policy.scope(principal(ACADEMIE), now=NOW).academiques
