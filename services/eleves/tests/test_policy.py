"""Who sends, who follows, who sees: by role, right, académie and class."""

from datetime import UTC, datetime, timedelta

import pytest

from kit.errors import Forbidden, Unauthenticated
from services.eleves import policy
from services.eleves.portee import Portee
from socle.principal import Droit, Lieu, Principal, RoleTenu
from socle.rubriques import Niveau, Role, Rubrique

NOW = datetime(2025, 1, 6, 8, tzinfo=UTC)
ICI = Lieu(uai="0779000P", academie="creteil", region_academique="10")


def who(*roles: RoleTenu, droits: tuple[Droit, ...] = (), actif: bool = True) -> Principal:
    return Principal(compte="01A", session="01S", actif=actif, roles=roles, droits=droits)


def right(rubrique: Rubrique, niveau: Niveau, *, jusqu_au: datetime | None = None, uai: str = ICI.uai) -> Droit:
    return Droit(uai=uai, rubrique=rubrique, niveau=niveau, jusqu_au=jusqu_au)


@pytest.mark.parametrize("role", [Role.CHEF_ETABLISSEMENT, Role.ADMIN_ETABLISSEMENT])
def test_the_head_and_the_administrator_of_a_lycee_send_its_files(role: Role) -> None:
    policy.require_deposit(who(RoleTenu(role=role, uai=ICI.uai)), ICI, now=NOW)
    with pytest.raises(Forbidden):
        policy.require_deposit(who(RoleTenu(role=role, uai="0779001R")), ICI, now=NOW)
    with pytest.raises(Forbidden):
        policy.require_deposit(who(RoleTenu(role=role, uai=ICI.uai), actif=False), ICI, now=NOW)


@pytest.mark.parametrize(
    "droit",
    [
        right(Rubrique.SIECLE, Niveau.LECTURE),
        right(Rubrique.ELEVES, Niveau.ECRITURE),
        right(Rubrique.SIECLE, Niveau.ECRITURE, uai="0779001R"),
        right(Rubrique.SIECLE, Niveau.ECRITURE, jusqu_au=NOW),
    ],
    ids=["only reads", "another rubric", "another lycée", "until just now"],
)
def test_another_right_does_not_send(droit: Droit) -> None:
    policy.require_deposit(who(droits=(right(Rubrique.SIECLE, Niveau.ECRITURE),)), ICI, now=NOW)
    with pytest.raises(Forbidden):
        policy.require_deposit(who(droits=(droit,)), ICI, now=NOW)


def test_a_right_ends_at_its_date() -> None:
    until = right(Rubrique.SIECLE, Niveau.ECRITURE, jusqu_au=NOW + timedelta(seconds=1))
    policy.require_deposit(who(droits=(until,)), ICI, now=NOW)


def test_the_academie_and_its_region_see_students_and_send_nothing() -> None:
    for role in (
        RoleTenu(role=Role.ADMIN_ACADEMIQUE, academie="creteil"),
        RoleTenu(role=Role.ADMIN_ACADEMIQUE, region_academique="10"),
    ):
        assert "creteil" in policy.require_see(who(role), ICI, now=NOW).academies
        with pytest.raises(Forbidden):
            policy.require_deposit(who(role), ICI, now=NOW)
        with pytest.raises(Forbidden):
            policy.require_follow(who(role), ICI, now=NOW)


@pytest.mark.parametrize(
    "roles",
    [
        (RoleTenu(role=Role.ADMIN_NATIONAL),),
        (RoleTenu(role=Role.ADMIN_ACADEMIQUE, academie="rennes"),),
        (RoleTenu(role=Role.ADJOINT, uai=ICI.uai),),
        (RoleTenu(role=Role.DIRECTEUR_CIO, uai=ICI.uai),),
        (RoleTenu(role=Role.PROFESSEUR_PRINCIPAL, uai=ICI.uai),),
        (),
    ],
    ids=["nation", "another académie", "deputy", "CIO", "of no class", "nobody in particular"],
)
def test_others_see_no_student(roles: tuple[RoleTenu, ...]) -> None:
    with pytest.raises(Forbidden):
        policy.require_see(who(*roles), ICI, now=NOW)


def test_who_follows_classes_reaches_these_classes_only() -> None:
    first = RoleTenu(role=Role.PROFESSEUR_PRINCIPAL, uai=ICI.uai, classes=frozenset({"TG1"}))
    second = RoleTenu(role=Role.REFERENT, uai=ICI.uai, classes=frozenset({"TG2"}))
    portee = policy.require_see(who(first, second), ICI, now=NOW)
    assert portee == Portee(classes={ICI.uai: frozenset({"TG1", "TG2"})})
    assert policy.scope(who(first, actif=False), now=NOW) == Portee()


def test_nobody_is_told_anything() -> None:
    with pytest.raises(Unauthenticated):
        policy.require_account(None)
