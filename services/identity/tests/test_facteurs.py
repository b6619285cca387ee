"""Which factors are asked, in which order (domaine.md §3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.domain.facteurs import Etape, Facteur, Parcours, acr, amr, required_factors
from socle.principal import RoleTenu
from socle.rubriques import Role

PWD, TOTP, MAIL, SECOURS = Facteur.MOT_DE_PASSE, Facteur.TOTP, Facteur.COURRIEL, Facteur.SECOURS


def etape(requis: int, *faits: Facteur, totp: bool = True, premiere: bool = False, decline: bool = False) -> Etape:
    return Parcours(
        requis=requis, faits=frozenset({PWD, *faits}), totp=totp, premiere=premiere, enrolement_decline=decline
    ).etape


def test_administrators_show_three_factors_and_everyone_else_two() -> None:
    for role in Role:
        expected = 3 if role.value.startswith("ADMIN_") else 2
        assert required_factors([RoleTenu(role=role)]) == expected
    assert required_factors([]) == 2
    assert required_factors([RoleTenu(role=Role.GESTIONNAIRE), RoleTenu(role=Role.ADMIN_NATIONAL)]) == 3


def test_the_roles_that_show_three_are_a_setting() -> None:
    only = frozenset({Role.ADMIN_NATIONAL})
    assert required_factors([RoleTenu(role=Role.ADMIN_ETABLISSEMENT)], a_trois=only) == 2


@pytest.mark.parametrize(
    ("faits", "totp", "expected"),
    [
        ((), True, Etape.TOTP_OU_COURRIEL),
        ((), False, Etape.COURRIEL),
        ((TOTP,), True, Etape.TERMINEE),
        ((MAIL,), True, Etape.TERMINEE),
        ((MAIL,), False, Etape.TERMINEE),
        ((SECOURS,), True, Etape.TERMINEE),
        ((SECOURS,), False, Etape.TERMINEE),
    ],
)
def test_two_factors_are_the_password_and_either_code(faits: tuple[Facteur, ...], totp: bool, expected: Etape) -> None:
    assert etape(2, *faits, totp=totp) is expected


@pytest.mark.parametrize(
    ("faits", "totp", "expected"),
    [
        ((), True, Etape.TOTP),
        ((TOTP,), True, Etape.COURRIEL),
        ((MAIL,), True, Etape.TOTP),
        ((TOTP, MAIL), True, Etape.TERMINEE),
        ((), False, Etape.COURRIEL),
        ((MAIL,), False, Etape.ENROLEMENT),
        ((SECOURS,), True, Etape.COURRIEL),
        ((SECOURS,), False, Etape.COURRIEL),
        ((SECOURS, MAIL), True, Etape.TERMINEE),
        ((SECOURS, MAIL), False, Etape.TERMINEE),
        ((TOTP, SECOURS), True, Etape.TERMINEE),
    ],
)
def test_three_factors_are_the_password_and_both_codes(faits: tuple[Facteur, ...], totp: bool, expected: Etape) -> None:
    assert etape(3, *faits, totp=totp) is expected


@pytest.mark.parametrize("requis", [2, 3])
def test_an_application_is_never_enrolled_on_the_password_alone(requis: int) -> None:
    assert etape(requis, totp=False, premiere=True) is Etape.COURRIEL


def test_an_application_is_proposed_once_and_may_be_put_off() -> None:
    assert etape(2, MAIL, totp=False, premiere=True) is Etape.ENROLEMENT_PROPOSE
    assert etape(2, MAIL, totp=False, premiere=True, decline=True) is Etape.TERMINEE
    assert etape(2, MAIL, totp=False, premiere=False) is Etape.TERMINEE


def test_an_administrator_cannot_put_the_application_off() -> None:
    assert etape(3, MAIL, totp=False, decline=True) is Etape.ENROLEMENT


def test_the_claims_say_which_factors_and_how_many() -> None:
    shown = frozenset({MAIL, PWD, TOTP})
    assert (acr(shown), amr(shown)) == ("3", ("pwd", "otp", "email"))


@given(
    requis=st.sampled_from((2, 3)),
    faits=st.frozensets(st.sampled_from((TOTP, MAIL, SECOURS))),
    totp=st.booleans(),
    premiere=st.booleans(),
    decline=st.booleans(),
)
def test_no_sign_in_ends_with_fewer_factors_than_its_roles_ask_and_each_has_a_next_step(
    requis: int, faits: frozenset[Facteur], totp: bool, premiere: bool, decline: bool
) -> None:
    shown = faits if totp else faits - {TOTP}
    steps = 0
    while (asked := etape(requis, *shown, totp=totp, premiere=premiere, decline=decline)) is not Etape.TERMINEE:
        steps += 1
        assert steps <= 3, "the person is asked without end"
        match asked:
            case Etape.TOTP | Etape.TOTP_OU_COURRIEL:
                assert totp
                shown |= {TOTP}
            case Etape.COURRIEL:
                shown |= {MAIL}
            case Etape.ENROLEMENT | Etape.ENROLEMENT_PROPOSE:
                assert shown & {MAIL, SECOURS}
                totp, shown = True, shown | {TOTP}
    assert len({PWD, *shown}) >= requis
