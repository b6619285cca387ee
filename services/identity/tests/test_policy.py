"""Who may give and take which rights (domaine.md §1 and §3)."""

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
