"""Inviting a person, from the form to the activated account (domaine.md §3)."""

import asyncio

import pytest

from kit.errors import Forbidden, NotFound
from services.identity.domain.audit import OPERATEUR
from services.identity.domain.comptes import CompteDesactive, DroitInvalide, EtatCompte
from services.identity.domain.courriels import CourrielRefuse
from services.identity.domain.invitations import Invitation
from services.identity.domain.liens import LienInvalide
from services.identity.domain.noms import NomRefuse
from services.identity.store.comptes import find_compte
from services.identity.tests.conftest import MOT_DE_PASSE, Identity
from services.identity.tests.gestion import acts, done, letters, link_in, new_address, new_uai
from services.identity.usecases.comptes import activate, disable
from services.identity.usecases.invitations import AutrePersonne, DejaActive, invite, send_again
from socle.principal import Droit, RoleTenu
from socle.rubriques import Niveau, Role, Rubrique

pytestmark = pytest.mark.stack


def for_somebody(uai: str, courriel: str | None = None, role: Role = Role.GESTIONNAIRE, **fields: object) -> Invitation:
    asked: dict[str, object] = {"courriel": courriel or new_address(), "nom": "Lacaze", "prenom": "Noa"}
    return Invitation(**asked | {"role": RoleTenu(role=role, uai=uai)} | fields)  # type: ignore[arg-type]


async def test_an_invited_person_activates_by_the_link_that_is_mailed_once(identity: Identity) -> None:
    uai = await new_uai(identity)
    administrator = await identity.account(RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai=uai))
    siecle = Droit(uai=uai, rubrique=Rubrique.SIECLE, niveau=Niveau.ECRITURE)
    asked = for_somebody(uai, droits=(siecle,))
    invited = await invite(identity.deps, await acts(identity, administrator), asked)
    assert invited.nouveau
    assert (invited.compte.etat, invited.compte.droits) == (EtatCompte.INVITE, (siecle,))
    (letter,) = await letters(identity, asked.courriel)
    assert f"{identity.url}/securite" in letter
    assert f"gestionnaire de l'établissement {uai}" in letter
    secret = link_in(letter)
    active = await activate(identity.deps, secret, MOT_DE_PASSE)
    assert active.id == invited.compte.id
    assert active.actif
    with pytest.raises(LienInvalide):
        await activate(identity.deps, secret, MOT_DE_PASSE)
    assert await done(identity, active.id) == ["COMPTE_CREE", "INVITATION_ENVOYEE", "COMPTE_ACTIVE"]


async def test_an_invitation_sent_again_leaves_the_earlier_link_without_use(identity: Identity) -> None:
    uai = await new_uai(identity)
    administrator = await acts(identity, await identity.account(RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai=uai)))
    asked = for_somebody(uai)
    invited = await invite(identity.deps, administrator, asked)
    # Mails leave side by side: the first has arrived before the second is asked for.
    (first,) = [link_in(letter) for letter in await letters(identity, asked.courriel)]
    await send_again(identity.deps, administrator, invited.compte.id)
    _, second = [link_in(letter) for letter in await letters(identity, asked.courriel, count=2)]
    with pytest.raises(LienInvalide):
        await activate(identity.deps, first, MOT_DE_PASSE)
    assert (await activate(identity.deps, second, MOT_DE_PASSE)).actif
    with pytest.raises(DejaActive):
        await send_again(identity.deps, administrator, invited.compte.id)


async def test_who_has_an_account_in_the_country_is_given_the_role_and_no_second_account(identity: Identity) -> None:
    here, there = await new_uai(identity), await new_uai(identity, "lille")
    head = await identity.account(RoleTenu(role=Role.CHEF_ETABLISSEMENT, uai=there), nom="Lévêque")
    administrator = await acts(identity, await identity.account(RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai=here)))
    asked = for_somebody(here, head.personne.courriel.upper(), nom="LEVEQUE", prenom="camille", role=Role.ADJOINT)
    invited = await invite(identity.deps, administrator, asked)
    assert (invited.compte.id, invited.nouveau) == (head.compte.id, False)
    assert {role.uai for role in invited.compte.roles} == {here, there}
    assert invited.compte.etat is EtatCompte.ACTIF
    (letter,) = await letters(identity, head.personne.courriel)
    assert "activation" not in letter
    # Asked again, nothing changes and nobody is written to.
    again = await invite(identity.deps, administrator, asked)
    assert again.compte.version == invited.compte.version
    with pytest.raises(AutrePersonne) as refus:
        await invite(identity.deps, administrator, for_somebody(here, head.personne.courriel, nom="Martin"))
    assert "vêque" not in refus.value.message


async def test_of_two_who_invite_the_same_person_at_once_one_alone_creates_an_account(identity: Identity) -> None:
    uais = [await new_uai(identity), await new_uai(identity)]
    givers = [
        await acts(identity, await identity.account(RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai=uai))) for uai in uais
    ]
    courriel = new_address()
    invited = await asyncio.gather(
        *(invite(identity.deps, giver, for_somebody(uai, courriel)) for giver, uai in zip(givers, uais, strict=True)),
        return_exceptions=True,
    )
    # One may still be writing when the other asks whose the address is: it is then told to look again.
    created = [one for one in invited if not isinstance(one, BaseException)]
    assert sorted(one.nouveau for one in created) in ([True], [False, True])
    assert len({one.compte.id for one in created}) == 1


async def test_what_cannot_be_invited_is_refused_and_leaves_no_account(identity: Identity) -> None:
    uai = await new_uai(identity)
    administrator = await acts(identity, await identity.account(RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai=uai)))
    courriel = new_address()
    elsewhere = Droit(uai=await new_uai(identity), rubrique=Rubrique.SIECLE, niveau=Niveau.LECTURE)
    signature = Droit(uai=uai, rubrique=Rubrique.RAPPORTS, niveau=Niveau.SIGNATURE)
    for asked, refus in (
        (for_somebody(uai, f"ce.{uai}@ac-creteil.fr"), CourrielRefuse),
        (for_somebody(uai, courriel + "\r\nBcc: tous@exemple.fr"), CourrielRefuse),
        (for_somebody(uai, courriel, nom="Noa\r\nBcc: tous@exemple.fr"), NomRefuse),
        (for_somebody("0000000A", courriel), NotFound),
        (for_somebody(uai, courriel, role=Role.CHEF_ETABLISSEMENT), Forbidden),
        (for_somebody(elsewhere.uai, courriel), Forbidden),
        (for_somebody(uai, courriel, droits=(elsewhere,)), DroitInvalide),
        (for_somebody(uai, courriel, droits=(signature,)), DroitInvalide),
    ):
        with pytest.raises(refus):
            await invite(identity.deps, administrator, asked)
    fine = await invite(identity.deps, administrator, for_somebody(uai, courriel))
    assert fine.nouveau
    await disable(identity.deps, fine.compte.id, par=OPERATEUR)
    with pytest.raises(CompteDesactive):
        await invite(identity.deps, administrator, for_somebody(uai, courriel, role=Role.ADJOINT))
    kept = await find_compte(identity.deps.database, fine.compte.id)
    assert kept is not None
    assert [role.role for role in kept.roles] == [Role.GESTIONNAIRE]
