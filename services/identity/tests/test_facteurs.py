"""Which factors are asked, in which order (domaine.md §3, ADR 031)."""

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.domain.facteurs import (
    ENROLES,
    FORTS,
    MOYENS,
    Etape,
    Facteur,
    MoyenIndispensable,
    Parcours,
    acr,
    amr,
    require_dispensable,
    required_factors,
)
from socle.principal import RoleTenu
from socle.rubriques import Role

PWD, TOTP, MAIL, SECOURS = Facteur.MOT_DE_PASSE, Facteur.TOTP, Facteur.COURRIEL, Facteur.SECOURS
CLE, VERIFICATION, SMS = Facteur.CLE, Facteur.VERIFICATION, Facteur.SMS


def parcours(
    requis: int,
    *faits: Facteur,
    enroles: frozenset[Facteur] = frozenset(),
    premiere: bool = False,
    decline: bool = False,
) -> Parcours:
    return Parcours(
        requis=requis,
        faits=frozenset({PWD, *faits}),
        enroles=enroles,
        premiere=premiere,
        enrolement_decline=decline,
    )


@pytest.mark.exigence("ASVS 6.3.3", "ANSSI multifacteur")
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
    ("enroles", "moyens"),
    [
        ({TOTP}, (TOTP, MAIL)),
        (set(), (MAIL,)),
        ({SMS}, (MAIL, SMS)),
        ({CLE, TOTP, SMS, SECOURS}, (CLE, TOTP, MAIL, SMS, SECOURS)),
    ],
)
def test_after_the_password_the_person_chooses_among_the_means_it_has(
    enroles: set[Facteur], moyens: tuple[Facteur, ...]
) -> None:
    assert parcours(2, enroles=frozenset(enroles)).moyens == moyens
    for moyen in moyens:
        done = parcours(2, moyen, enroles=frozenset(enroles))
        assert (done.etape, done.moyens) == (Etape.TERMINEE, ())


@pytest.mark.parametrize(
    ("faits", "enroles", "moyens"),
    [
        # Whatever comes first, the other may be anything once one of the two is strong.
        ((), {TOTP}, (TOTP, MAIL)),
        ((TOTP,), {TOTP}, (MAIL,)),
        ((TOTP,), {TOTP, SMS, SECOURS}, (MAIL, SMS, SECOURS)),
        # « at least one of which is neither e-mail nor SMS »: after one of these, only a strong one.
        ((MAIL,), {TOTP}, (TOTP,)),
        ((MAIL,), {TOTP, SMS}, (TOTP,)),
        ((SMS,), {TOTP, SMS}, (TOTP,)),
        ((MAIL,), {SMS, SECOURS}, (SECOURS,)),
        ((MAIL,), {CLE}, (CLE,)),
        # Each means once: a second recovery code is no third factor.
        ((SECOURS,), {TOTP, SECOURS}, (MAIL, TOTP)),
        ((SECOURS,), {SECOURS}, (MAIL,)),
        # A key that did not check who holds it is one factor; one that did is two.
        ((CLE,), {CLE}, (MAIL,)),
        ((CLE, VERIFICATION), {CLE, TOTP}, ()),
        ((TOTP, MAIL), {TOTP}, ()),
        ((SECOURS, MAIL), {SECOURS}, ()),
        ((SECOURS, MAIL), set(), ()),
        ((TOTP, SECOURS), {TOTP, SECOURS}, ()),
    ],
)
def test_three_factors_are_the_password_and_two_others_of_which_one_is_strong(
    faits: tuple[Facteur, ...], enroles: set[Facteur], moyens: tuple[Facteur, ...]
) -> None:
    here = parcours(3, *faits, enroles=frozenset(enroles))
    assert here.moyens == moyens
    assert here.etape is (Etape.MOYEN if moyens else Etape.TERMINEE)


@pytest.mark.parametrize("faits", [(MAIL,), (MAIL, SMS), (SMS,)])
def test_mail_and_sms_alone_lead_an_administrator_to_enrol_a_means_and_never_further(
    faits: tuple[Facteur, ...],
) -> None:
    for decline in (False, True):
        assert parcours(3, *faits, enroles=frozenset({SMS}), decline=decline).etape is Etape.ENROLEMENT


def test_a_verified_key_without_a_password_is_two_factors_and_an_administrator_adds_one() -> None:
    shown = frozenset({CLE, VERIFICATION})
    for requis, etape in ((2, Etape.TERMINEE), (3, Etape.MOYEN)):
        assert Parcours(requis=requis, faits=shown, enroles=frozenset({CLE}), premiere=False).etape is etape


@pytest.mark.parametrize("requis", [2, 3])
def test_a_means_is_never_enrolled_on_the_password_alone(requis: int) -> None:
    first = parcours(requis, premiere=True)
    assert (first.etape, first.moyens) == (Etape.MOYEN, (MAIL,))


def test_an_application_is_proposed_once_and_may_be_put_off() -> None:
    assert parcours(2, MAIL, premiere=True).etape is Etape.ENROLEMENT_PROPOSE
    assert parcours(2, MAIL, premiere=True, decline=True).etape is Etape.TERMINEE
    assert parcours(2, MAIL).etape is Etape.TERMINEE


def test_another_password_is_chosen_after_every_factor_and_before_what_may_be_put_off() -> None:
    due = replace(parcours(2, enroles=frozenset({TOTP}), premiere=True), renouveler=True, mobile=True)
    assert due.etape is Etape.MOYEN, "never on the password alone"
    shown = replace(due, faits=frozenset({PWD, MAIL}))
    assert shown.etape is Etape.MOT_DE_PASSE
    assert replace(shown, requis=3).etape is Etape.MOYEN
    assert replace(shown, renouveler=False).etape is Etape.MOBILE
    assert replace(shown, renouveler=False, mobile=False).etape is Etape.TERMINEE


def test_a_number_is_proved_at_the_first_sign_in_and_may_be_put_off() -> None:
    first = replace(parcours(2, MAIL, premiere=True), mobile=True)
    assert first.etape is Etape.MOBILE
    assert replace(first, mobile=False).etape is Etape.ENROLEMENT_PROPOSE
    assert replace(first, premiere=False).etape is Etape.TERMINEE


def test_of_a_password_that_came_by_mail_the_mailbox_is_no_second_factor_where_there_is_another() -> None:
    def lost(requis: int, *faits: Facteur, enroles: frozenset[Facteur]) -> tuple[Facteur, ...]:
        return replace(parcours(requis, *faits, enroles=enroles), par_courriel=True).moyens

    for held in (TOTP, SMS, Facteur.CLE, Facteur.SECOURS):
        assert lost(2, enroles=frozenset({held})) == (held,)
    assert lost(2, enroles=frozenset()) == (MAIL,), "who has nothing else would be locked out"
    assert MAIL in lost(3, TOTP, enroles=frozenset({TOTP})), "beside another it is one of three"


def test_a_known_device_spares_every_step_after_the_password() -> None:
    spared = replace(parcours(3, enroles=frozenset({TOTP})), epargnes=True)
    assert (spared.etape, spared.moyens) == (Etape.TERMINEE, ())


@pytest.mark.parametrize("held", sorted(ENROLES))
def test_who_has_a_key_or_an_application_is_not_proposed_another(held: Facteur) -> None:
    assert parcours(2, MAIL, enroles=frozenset({held}), premiere=True).etape is Etape.TERMINEE


def test_the_claims_say_which_factors_and_how_many() -> None:
    shown = frozenset({MAIL, PWD, TOTP})
    assert (acr(shown), amr(shown)) == ("3", ("pwd", "otp", "email"))
    assert amr(frozenset(Facteur)) == ("pwd", "fed", "hwk", "mfa", "otp", "email", "sms", "recovery")


@pytest.mark.exigence("ASVS 6.3.3", "ASVS 6.3.4")
@given(
    requis=st.sampled_from((2, 3)),
    enroles=st.frozensets(st.sampled_from(MOYENS)),
    verifies=st.booleans(),
    premiere=st.booleans(),
    decline=st.booleans(),
    data=st.data(),
)
def test_whatever_is_chosen_each_sign_in_ends_with_the_factors_that_its_roles_ask(
    requis: int,
    enroles: frozenset[Facteur],
    verifies: bool,
    premiere: bool,
    decline: bool,
    data: st.DataObject,
) -> None:
    shown = frozenset[Facteur]()
    for _ in range(5):
        here = parcours(requis, *shown, enroles=enroles, premiere=premiere, decline=decline)
        if here.etape is Etape.TERMINEE:
            break
        if here.etape is Etape.MOYEN:
            chosen = data.draw(st.sampled_from(here.moyens))
            assert chosen not in shown
            shown |= {chosen, VERIFICATION} if chosen is CLE and verifies else {chosen}
        else:
            assert shown, "a means is enrolled after a second factor only"
            enroles, shown = enroles | {TOTP}, shown | {TOTP}
    else:
        pytest.fail("the person is asked without end")
    assert len({PWD, *shown}) >= requis
    assert requis < 3 or shown & FORTS


@pytest.mark.parametrize(
    ("requis", "enroles", "moyen", "dispensable"),
    [
        (2, {Facteur.TOTP}, Facteur.TOTP, True),
        (3, {Facteur.TOTP}, Facteur.TOTP, False),
        (3, {Facteur.TOTP, Facteur.SECOURS, Facteur.SMS}, Facteur.TOTP, False),
        (3, {Facteur.TOTP, Facteur.CLE}, Facteur.TOTP, True),
        (3, {Facteur.TOTP, Facteur.CLE}, Facteur.CLE, True),
        (3, {Facteur.CLE}, Facteur.CLE, False),
    ],
)
def test_an_administrator_keeps_an_application_or_a_key(
    requis: int, enroles: set[Facteur], moyen: Facteur, *, dispensable: bool
) -> None:
    expected = contextlib.nullcontext() if dispensable else pytest.raises(MoyenIndispensable)
    with expected:
        require_dispensable(moyen, frozenset(enroles), requis=requis)


def test_where_the_setting_says_so_three_factors_may_all_be_of_the_mailbox_and_the_telephone() -> None:
    shown = replace(parcours(3, MAIL, enroles=frozenset({SMS})), fort=False)
    assert shown.moyens == (SMS,)
    assert replace(shown, faits=frozenset({PWD, MAIL, SMS})).etape is Etape.TERMINEE
    assert replace(shown, enroles=frozenset()).etape is Etape.ENROLEMENT, "three all the same"
    require_dispensable(Facteur.TOTP, frozenset({Facteur.TOTP}), requis=3, fort=False)


def test_a_number_that_the_roles_ask_for_is_given_then_proved_before_going_on_and_not_put_off() -> None:
    shown = replace(parcours(3, MAIL, TOTP), numero=True, mobile_exige=True)
    assert shown.etape is Etape.NUMERO
    given = replace(shown, numero=False, mobile=True)
    assert given.etape is Etape.MOBILE
    assert replace(given, mobile=False).etape is Etape.TERMINEE
    assert replace(shown, faits=frozenset({PWD, MAIL})).etape is not Etape.NUMERO, "after every factor"
    assert replace(shown, mobile_exige=False).etape is Etape.TERMINEE
    assert replace(shown, renouveler=True).etape is Etape.MOT_DE_PASSE
