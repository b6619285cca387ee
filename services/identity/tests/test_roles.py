"""Giving and taking roles; an establishment keeps an administrator (domaine.md §1 and §3)."""

import asyncio
from collections.abc import Awaitable

import pytest

from kit.errors import Forbidden, NotFound
from services.identity.domain.audit import OPERATEUR
from services.identity.domain.comptes import DernierAdministrateur, RoleInvalide
from services.identity.store.comptes import find_compte
from services.identity.tests.conftest import Identity, Titulaire
from services.identity.tests.gestion import acts, done, letters, new_uai
from services.identity.usecases.comptes import disable
from services.identity.usecases.lectures import find_visible, shown
from services.identity.usecases.roles import give_role, take_role
from socle.principal import RoleTenu
from socle.rubriques import Role

pytestmark = pytest.mark.stack


def administrator_of(uai: str) -> RoleTenu:
    return RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai=uai)


async def administrators(identity: Identity, uai: str, count: int) -> list[Titulaire]:
    return [await identity.account(administrator_of(uai)) for _ in range(count)]


async def roles_of(identity: Identity, who: Titulaire) -> set[tuple[Role, str | None]]:
    compte = await find_compte(identity.deps.database, who.compte.id)
    assert compte is not None
    return {(role.role, role.uai) for role in compte.roles}


async def test_a_follow_up_role_is_given_for_classes_then_for_others_then_taken(identity: Identity) -> None:
    uai = await new_uai(identity)
    administrator, colleague = (
        await identity.account(administrator_of(uai)),
        await identity.account(RoleTenu(role=Role.GESTIONNAIRE, uai=uai)),
    )
    giver = await acts(identity, administrator)
    for classes in ({"TG01", "TG02"}, {"TG03"}):
        role = RoleTenu(role=Role.PROFESSEUR_PRINCIPAL, uai=uai, classes=frozenset(classes))
        changed = await give_role(identity.deps, giver, colleague.compte.id, role)
        assert [held.classes for held in changed.roles if held.role is role.role] == [classes]
    await take_role(identity.deps, giver, colleague.compte.id, RoleTenu(role=Role.PROFESSEUR_PRINCIPAL, uai=uai))
    assert await roles_of(identity, colleague) == {(Role.GESTIONNAIRE, uai)}
    assert (await done(identity, colleague.compte.id))[-3:] == ["ROLE_DONNE", "ROLE_DONNE", "ROLE_RETIRE"]
    assert "professeur principal" in (await letters(identity, colleague.personne.courriel))[0]


async def test_a_head_serves_in_several_establishments_by_each_of_their_academies(identity: Identity) -> None:
    here, there = await new_uai(identity), await new_uai(identity, "lille")
    head = await identity.account(RoleTenu(role=Role.CHEF_ETABLISSEMENT, uai=here))
    lille = await acts(identity, await identity.account(RoleTenu(role=Role.ADMIN_ACADEMIQUE, academie="lille")))
    creteil = await acts(identity, await identity.account(RoleTenu(role=Role.ADMIN_ACADEMIQUE, academie="creteil")))
    role = RoleTenu(role=Role.CHEF_ETABLISSEMENT, uai=there)
    with pytest.raises(NotFound):
        await give_role(identity.deps, lille, head.compte.id, role)
    with pytest.raises(Forbidden):
        await give_role(identity.deps, creteil, head.compte.id, role)
    await identity.give_role(head, role)
    # Each académie is told what is its own, and not what the head does elsewhere.
    for who, uai in ((lille, there), (creteil, here)):
        seen = await shown(identity.deps, who, await find_visible(identity.deps, who, head.compte.id))
        assert [held.uai for held in seen.roles] == [uai]
    assert len((await find_visible(identity.deps, await acts(identity, head), head.compte.id)).roles) == 2


async def test_nobody_gives_itself_a_role(identity: Identity) -> None:
    uai = await new_uai(identity)
    administrator = await identity.account(administrator_of(uai))
    with pytest.raises(Forbidden):
        await give_role(
            identity.deps,
            await acts(identity, administrator),
            administrator.compte.id,
            RoleTenu(role=Role.ADJOINT, uai=uai),
        )
    assert "ROLE_DONNE NON_AUTORISE" in await done(identity, administrator.compte.id)


async def test_an_unknown_academie_or_region_is_refused_before_anything_is_given(identity: Identity) -> None:
    national = await identity.account(RoleTenu(role=Role.ADMIN_NATIONAL))
    academic = await identity.account(RoleTenu(role=Role.ADMIN_ACADEMIQUE, academie="creteil"))
    giver = await acts(identity, national)
    for role, refus in (
        (RoleTenu(role=Role.ADMIN_ACADEMIQUE, academie="atlantide"), NotFound),
        (RoleTenu(role=Role.ADMIN_ACADEMIQUE, region_academique="99"), NotFound),
        (RoleTenu(role=Role.ADMIN_ACADEMIQUE), RoleInvalide),
        (RoleTenu(role=Role.ADMIN_NATIONAL), Forbidden),
    ):
        with pytest.raises(refus):
            await give_role(identity.deps, giver, academic.compte.id, role)
    region = RoleTenu(role=Role.ADMIN_ACADEMIQUE, region_academique="10")
    assert region in (await give_role(identity.deps, giver, academic.compte.id, region)).roles


async def test_the_last_active_administrator_stays_whatever_the_head_or_an_invited_one_could(
    identity: Identity,
) -> None:
    uai = await new_uai(identity)
    first, second = await administrators(identity, uai, 2)
    head = await acts(identity, await identity.account(RoleTenu(role=Role.CHEF_ETABLISSEMENT, uai=uai)))
    await disable(identity.deps, second.compte.id, par=OPERATEUR)
    with pytest.raises(DernierAdministrateur) as refus:
        await take_role(identity.deps, head, first.compte.id, administrator_of(uai))
    assert uai in refus.value.message
    assert await roles_of(identity, first) == {(Role.ADMIN_ETABLISSEMENT, uai)}
    assert "ROLE_RETIRE DERNIER_ADMINISTRATEUR" in await done(identity, head.compte)
    # One who does not count can always go.
    await take_role(identity.deps, head, second.compte.id, administrator_of(uai))
    await administrators(identity, uai, 1)
    await take_role(identity.deps, head, first.compte.id, administrator_of(uai))
    assert await roles_of(identity, first) == set()


async def rounds(identity: Identity, count: int) -> None:
    """So many establishments whose two administrators are removed at the same moment: one stays, each time."""
    academie = await acts(identity, await identity.account(RoleTenu(role=Role.ADMIN_ACADEMIQUE, academie="creteil")))
    for n in range(count):
        if n % 20 == 0:
            holders = await asyncio.gather(*(identity.account() for _ in range(2)))
        uai = await new_uai(identity)
        for holder in holders:
            await identity.give_role(holder, administrator_of(uai))

        def remove(holder: Titulaire, uai: str = uai) -> Awaitable[object]:
            return take_role(identity.deps, academie, holder.compte.id, administrator_of(uai))

        results = await asyncio.gather(*map(remove, holders), return_exceptions=True)
        refused = [result for result in results if isinstance(result, BaseException)]
        assert [type(one) for one in refused] == [DernierAdministrateur], results
        left = [holder for holder in holders if (Role.ADMIN_ETABLISSEMENT, uai) in await roles_of(identity, holder)]
        assert len(left) == 1


async def test_two_administrators_removed_at_the_same_moment_leave_one(identity: Identity) -> None:
    await rounds(identity, 8)


@pytest.mark.long
async def test_two_administrators_removed_at_the_same_moment_leave_one_over_many_rounds(identity: Identity) -> None:
    await rounds(identity, 100)
