"""Giving a profile, and what a colleague holds, over the real store (issue 4)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from kit.errors import Forbidden, NotFound
from services.identity.domain.comptes import DroitInvalide
from services.identity.domain.profils import Motif, NonCopie, Profil
from services.identity.policy import DroitNonDetenu
from services.identity.store.comptes import find_compte
from services.identity.tests.conftest import Identity
from services.identity.tests.gestion import acts, done, new_uai
from services.identity.usecases.profils import Attribution, Modele, copy_rights, give_profile
from socle.principal import Droit, RoleTenu
from socle.rubriques import Niveau, Role, Rubrique

pytestmark = pytest.mark.stack


async def test_a_profile_is_given_whole_or_not_at_all(identity: Identity) -> None:
    uai = await new_uai(identity)
    administrator = await acts(identity, await identity.account(RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai=uai)))
    user = await identity.account(RoleTenu(role=Role.GESTIONNAIRE, uai=uai))
    given = await give_profile(
        identity.deps,
        administrator,
        Attribution(compte=user.compte.id, uai=uai, profil=Profil.RESPONSABLE_FORMATION, formation="2025/7"),
    )
    assert {right.formation for right in given.droits} == {"2025/7"}
    again = await give_profile(
        identity.deps,
        administrator,
        Attribution(compte=user.compte.id, uai=uai, profil=Profil.RESPONSABLE_FORMATION, formation="2025/7"),
    )
    assert again.version == given.version
    suivi = Attribution(compte=user.compte.id, uai=uai, profil=Profil.PROFESSEUR_PRINCIPAL, classes=frozenset({"TG03"}))
    followed = await give_profile(identity.deps, administrator, suivi)
    assert [role.classes for role in followed.roles if role.role is Role.PROFESSEUR_PRINCIPAL] == [{"TG03"}]
    assert (await done(identity, user.compte.id))[-2:] == ["PROFIL_DONNE", "PROFIL_DONNE"]
    # Whoever holds a part of it gives none of it.
    users = [
        Droit(uai=uai, rubrique=rubrique, niveau=Niveau.ECRITURE)
        for rubrique in (Rubrique.UTILISATEURS, Rubrique.NOTES)
    ]
    manager = await acts(identity, await identity.account(droits=users))
    with pytest.raises(DroitNonDetenu):
        await give_profile(
            identity.deps, manager, Attribution(compte=user.compte.id, uai=uai, profil=Profil.SECRETARIAT)
        )
    held = await find_compte(identity.deps.database, user.compte.id)
    assert held is not None
    assert Rubrique.NOTES not in {right.rubrique for right in held.droits}


async def test_the_rights_of_a_colleague_are_copied_as_far_as_they_are_held_and_the_others_told(
    identity: Identity,
) -> None:
    uai = await new_uai(identity)
    notes, siecle, users = (
        Droit(uai=uai, rubrique=rubrique, niveau=Niveau.ECRITURE)
        for rubrique in (Rubrique.NOTES, Rubrique.SIECLE, Rubrique.UTILISATEURS)
    )
    colleague, user = await identity.account(droits=[notes, siecle]), await identity.account(droits=[notes])
    manager = await acts(identity, await identity.account(droits=[users, notes]))
    copie = await copy_rights(identity.deps, manager, Modele(de=colleague.compte.id, vers=user.compte.id, uai=uai))
    assert copie.non_copies == [NonCopie(siecle, Motif.NON_DETENU)]
    assert copie.compte.droits == (notes,)
    administrator = await acts(identity, await identity.account(RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai=uai)))
    copie = await copy_rights(
        identity.deps, administrator, Modele(de=colleague.compte.id, vers=user.compte.id, uai=uai)
    )
    assert (copie.non_copies, set(copie.compte.droits)) == ([], {notes, siecle})
    assert (await done(identity, user.compte.id))[-1] == "DROITS_COPIES"
    past = Modele(de=colleague.compte.id, vers=manager.compte, uai=uai, jusqu_au=identity.deps.clock())
    with pytest.raises(DroitInvalide):
        await copy_rights(identity.deps, administrator, past)


async def test_a_right_that_would_lower_or_shorten_another_is_not_copied_and_that_is_told(identity: Identity) -> None:
    uai = await new_uai(identity)
    until = identity.deps.clock().replace(microsecond=0) + timedelta(days=30)
    lower, within = (
        Droit(uai=uai, rubrique=rubrique, niveau=Niveau.LECTURE) for rubrique in (Rubrique.NOTES, Rubrique.SIECLE)
    )
    higher = replace(lower, niveau=Niveau.ECRITURE, jusqu_au=until)
    colleague = await identity.account(droits=[lower, within])
    user = await identity.account(droits=[higher, replace(within, niveau=Niveau.ECRITURE)])
    administrator = await acts(identity, await identity.account(RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai=uai)))
    modele = Modele(de=colleague.compte.id, vers=user.compte.id, uai=uai)
    copie = await copy_rights(identity.deps, administrator, modele)
    assert copie.non_copies == [NonCopie(lower, Motif.DEJA_DETENU_AUTREMENT)]
    assert copie.compte.droits == user.compte.droits


async def test_nothing_is_copied_from_or_to_who_is_not_managed(identity: Identity) -> None:
    here, there = await new_uai(identity), await new_uai(identity)
    administrator = await acts(identity, await identity.account(RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai=here)))
    user = await identity.account(RoleTenu(role=Role.GESTIONNAIRE, uai=here))
    far = await identity.account(droits=[Droit(uai=there, rubrique=Rubrique.NOTES, niveau=Niveau.LECTURE)])
    for de, vers in ((far, user), (user, far)):
        with pytest.raises(NotFound):
            await copy_rights(identity.deps, administrator, Modele(de=de.compte.id, vers=vers.compte.id, uai=here))
    both = await identity.account(RoleTenu(role=Role.GESTIONNAIRE, uai=here), droits=far.compte.droits)
    with pytest.raises(Forbidden):
        await copy_rights(identity.deps, administrator, Modele(de=both.compte.id, vers=user.compte.id, uai=there))
