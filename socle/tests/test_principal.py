"""What roles and rights allow (domaine.md §1 and §3)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from socle.academies import academies_of_region
from socle.principal import (
    Droit,
    Lieu,
    Preuve,
    PreuveInsuffisante,
    Principal,
    RoleTenu,
    require_recent,
)
from socle.rubriques import Niveau, Role, Rubrique

NOW = datetime(2025, 1, 6, 9, tzinfo=UTC)
ICI = Lieu(uai="0940001A", academie="creteil", region_academique="10")
AILLEURS = Lieu(uai="0690001A", academie="lyon", region_academique="01")


def who(*roles: RoleTenu, droits: tuple[Droit, ...] = (), actif: bool = True) -> Principal:
    return Principal(compte="01C", session="01S", actif=actif, roles=roles, droits=droits)


@pytest.mark.parametrize(
    ("role", "rubrique", "niveau", "expected"),
    [
        (Role.CHEF_ETABLISSEMENT, Rubrique.RAPPORTS, Niveau.SIGNATURE, True),
        (Role.CHEF_ETABLISSEMENT, Rubrique.UTILISATEURS, Niveau.ECRITURE, True),
        (Role.ADMIN_ETABLISSEMENT, Rubrique.SIECLE, Niveau.ECRITURE, True),
        (Role.ADMIN_ETABLISSEMENT, Rubrique.RAPPORTS, Niveau.SIGNATURE, False),
        (Role.ADJOINT, Rubrique.PILOTAGE, Niveau.LECTURE, True),
        (Role.ADJOINT, Rubrique.ELEVES, Niveau.LECTURE, False),
        (Role.GESTIONNAIRE, Rubrique.PILOTAGE, Niveau.LECTURE, False),
        (Role.PSY_EN, Rubrique.PILOTAGE, Niveau.LECTURE, True),
        (Role.PSY_EN, Rubrique.ELEVES, Niveau.LECTURE, False),
    ],
)
def test_a_role_of_an_establishment_holds_its_rubrics_there_and_nowhere_else(
    role: Role, rubrique: Rubrique, niveau: Niveau, expected: bool
) -> None:
    principal = who(RoleTenu(role=role, uai=ICI.uai))
    assert principal.holds(rubrique, niveau, ICI, now=NOW) is expected
    assert not principal.holds(rubrique, niveau, AILLEURS, now=NOW)


def test_an_academie_administrator_reads_its_academie_only_and_writes_nothing_of_schools() -> None:
    principal = who(RoleTenu(role=Role.ADMIN_ACADEMIQUE, academie="creteil"))
    assert principal.holds(Rubrique.ELEVES, Niveau.LECTURE, ICI, now=NOW)
    assert not principal.holds(Rubrique.ELEVES, Niveau.ECRITURE, ICI, now=NOW)
    assert not principal.holds(Rubrique.ELEVES, Niveau.LECTURE, AILLEURS, now=NOW)


def test_an_administrator_of_a_region_academique_reads_all_its_academies() -> None:
    principal = who(RoleTenu(role=Role.ADMIN_ACADEMIQUE, region_academique="10"))
    assert principal.holds(Rubrique.PILOTAGE, Niveau.LECTURE, ICI, now=NOW)
    assert principal.academies(Rubrique.PILOTAGE, Niveau.LECTURE, academies_of_region) == {
        "paris",
        "creteil",
        "versailles",
    }


def test_the_national_team_reads_indicators_everywhere_and_no_students() -> None:
    principal = who(RoleTenu(role=Role.ADMIN_NATIONAL))
    assert principal.holds(Rubrique.PILOTAGE, Niveau.LECTURE, AILLEURS, now=NOW)
    assert not principal.holds(Rubrique.ELEVES, Niveau.LECTURE, AILLEURS, now=NOW)
    assert principal.holds_everywhere(Rubrique.PILOTAGE, Niveau.LECTURE, now=NOW)
    assert not principal.holds_everywhere(Rubrique.ELEVES, Niveau.LECTURE, now=NOW)


def test_a_right_on_a_region_is_not_one_on_the_country() -> None:
    principal = who(RoleTenu(role=Role.ADMIN_ACADEMIQUE, region_academique="10"))
    assert not principal.holds_everywhere(Rubrique.PILOTAGE, Niveau.LECTURE, now=NOW)


def test_a_right_given_counts_up_to_its_level_until_its_date_and_for_its_formation() -> None:
    droit = Droit(
        uai=ICI.uai,
        rubrique=Rubrique.RAPPORTS,
        niveau=Niveau.ECRITURE,
        formation="2025/1",
        jusqu_au=NOW + timedelta(days=1),
    )
    principal = who(droits=(droit,))
    assert principal.holds(Rubrique.RAPPORTS, Niveau.LECTURE, ICI, now=NOW, formation="2025/1")
    assert not principal.holds(Rubrique.RAPPORTS, Niveau.SIGNATURE, ICI, now=NOW, formation="2025/1")
    assert not principal.holds(Rubrique.RAPPORTS, Niveau.LECTURE, ICI, now=NOW, formation="2025/2")
    assert not principal.holds(Rubrique.RAPPORTS, Niveau.LECTURE, ICI, now=NOW)
    later = NOW + timedelta(days=1)
    assert not principal.holds(Rubrique.RAPPORTS, Niveau.LECTURE, ICI, now=later, formation="2025/1")


def test_a_disabled_account_holds_nothing() -> None:
    principal = who(RoleTenu(role=Role.CHEF_ETABLISSEMENT, uai=ICI.uai), actif=False)
    assert not principal.holds(Rubrique.PILOTAGE, Niveau.LECTURE, ICI, now=NOW)
    assert not principal.etablissements(Rubrique.PILOTAGE, Niveau.LECTURE, now=NOW)
    assert not principal.academies(Rubrique.PILOTAGE, Niveau.LECTURE, academies_of_region)
    assert not principal.has_role(Role.CHEF_ETABLISSEMENT)


def test_the_establishments_of_a_right_are_those_of_roles_and_of_rights_still_valid() -> None:
    principal = who(
        RoleTenu(role=Role.CHEF_ETABLISSEMENT, uai="0940001A"),
        droits=(
            Droit(uai="0940002B", rubrique=Rubrique.ELEVES, niveau=Niveau.LECTURE),
            Droit(uai="0940003C", rubrique=Rubrique.ELEVES, niveau=Niveau.LECTURE, jusqu_au=NOW),
            Droit(uai="0940004D", rubrique=Rubrique.NOTES, niveau=Niveau.LECTURE),
        ),
    )
    assert principal.etablissements(Rubrique.ELEVES, Niveau.LECTURE, now=NOW) == {"0940001A", "0940002B"}


@pytest.mark.exigence("ASVS 10.3.4")
@pytest.mark.parametrize("acr", ["2", "3"])
def test_a_sensitive_act_is_done_for_ten_minutes_after_all_factors_were_shown(acr: str) -> None:
    shown = Preuve(acr=acr, amr=("pwd", "otp"), le=NOW - timedelta(minutes=10))
    require_recent(replace(who(), preuve=shown), now=NOW)
    with pytest.raises(PreuveInsuffisante):
        require_recent(replace(who(), preuve=shown), now=NOW + timedelta(seconds=1))


@pytest.mark.parametrize("acr", ["1", "", "urn:exemple:fort", "²"])
def test_a_sensitive_act_is_refused_to_who_was_spared_a_factor_or_proved_nothing_we_know(acr: str) -> None:
    spared = Preuve(acr=acr, amr=("pwd",), le=NOW)
    for preuve in (spared, None):
        with pytest.raises(PreuveInsuffisante):
            require_recent(replace(who(), preuve=preuve), now=NOW)


def test_the_refusal_says_what_to_ask_the_issuer_for() -> None:
    shown = Preuve(acr="2", amr=("pwd", "otp"), le=NOW - timedelta(minutes=6), recente=timedelta(minutes=5))
    for preuve, minutes in ((shown, 5), (None, 10)):
        with pytest.raises(PreuveInsuffisante, match=f"depuis moins de {minutes} minutes") as refused:
            require_recent(replace(who(), preuve=preuve), now=NOW)
        assert refused.value.extensions == {"acrValues": "2", "maxAge": 60 * minutes}
