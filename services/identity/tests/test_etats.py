"""What the level above does with an account as such (domaine.md §3)."""

from datetime import datetime

import pytest

from kit.errors import Forbidden, NotFound
from services.identity.condensats import new_secret
from services.identity.domain.cles_d_acces import Cle
from services.identity.domain.comptes import CompteDesactive, DernierAdministrateur, EtatCompte
from services.identity.domain.liens import LienInvalide
from services.identity.domain.sessions import Famille
from services.identity.domain.tentatives import MOTS_DE_PASSE
from services.identity.store.cles_d_acces import has_cles
from services.identity.store.comptes import find_compte
from services.identity.store.facteurs import find_facteurs
from services.identity.store.identites import IdentiteLiee, find_identite
from services.identity.store.sessions import find_famille, list_sessions
from services.identity.store.work import Work
from services.identity.tests.conftest import MOT_DE_PASSE, Identity, Titulaire
from services.identity.tests.gestion import acts, done, letters, link_in, new_uai, told
from services.identity.tests.test_graphql import data, token
from services.identity.tests.visites import open_directly
from services.identity.usecases import etats
from services.identity.usecases.comptes import activate, fingerprint
from services.identity.usecases.connexion import begin_by_key, check_password
from services.identity.usecases.en_cours import ConnexionExpiree, find_in_progress
from services.identity.usecases.roles import give_role
from services.identity.usecases.tentatives import TropDEssais
from socle.principal import PreuveInsuffisante, Principal, RoleTenu
from socle.rubriques import Role

pytestmark = pytest.mark.stack


async def a_pair(identity: Identity) -> tuple[Principal, Titulaire, str]:
    """An administrator about to act, one of its users, and their establishment."""
    uai = await new_uai(identity)
    administrator = await identity.account(RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai=uai))
    user = await identity.account(RoleTenu(role=Role.GESTIONNAIRE, uai=uai))
    return await acts(identity, administrator), user, uai


async def test_a_disabled_account_comes_back_by_a_new_password_and_with_what_it_held(identity: Identity) -> None:
    administrator, user, uai = await a_pair(identity)
    with pytest.raises(etats.PasDesactive):
        await etats.reactivate(identity.deps, administrator, user.compte.id)
    for _ in range(2):
        disabled = await etats.disable_account(identity.deps, administrator, user.compte.id)
        assert disabled.etat is EtatCompte.DESACTIVE
    with pytest.raises(CompteDesactive):
        await give_role(identity.deps, administrator, user.compte.id, RoleTenu(role=Role.ADJOINT, uai=uai))
    again = await etats.reactivate(identity.deps, administrator, user.compte.id)
    assert again.etat is EtatCompte.INVITE
    _, letter = await letters(identity, user.personne.courriel, count=2)
    active = await activate(identity.deps, link_in(letter), MOT_DE_PASSE + " nouveau")
    assert (active.etat, active.roles) == (EtatCompte.ACTIF, user.compte.roles)
    said = await done(identity, user.compte.id)
    assert said[-3:] == ["COMPTE_DESACTIVE", "COMPTE_REACTIVE", "COMPTE_ACTIVE"]


async def test_an_invited_account_that_is_disabled_is_not_opened_by_its_link_any_more(identity: Identity) -> None:
    administrator, user, _ = await a_pair(identity)
    await etats.disable_account(identity.deps, administrator, user.compte.id)
    await etats.reactivate(identity.deps, administrator, user.compte.id)
    _, letter = await letters(identity, user.personne.courriel, count=2)
    await etats.disable_account(identity.deps, administrator, user.compte.id)
    with pytest.raises(LienInvalide):
        await activate(identity.deps, link_in(letter), MOT_DE_PASSE + " nouveau")


async def test_a_deleted_account_leaves_its_identifier_to_the_trail_alone(identity: Identity) -> None:
    administrator, user, _ = await a_pair(identity)
    await etats.delete(identity.deps, administrator, user.compte.id)
    assert await find_compte(identity.deps.database, user.compte.id) is None
    assert await find_facteurs(identity.deps.database, user.compte.id) is None
    assert (await done(identity, user.compte.id))[-1] == "COMPTE_SUPPRIME"
    with pytest.raises(NotFound):
        await etats.delete(identity.deps, administrator, user.compte.id)


async def test_the_last_administrator_is_neither_disabled_nor_deleted(identity: Identity) -> None:
    uai = await new_uai(identity)
    administrator = await identity.account(RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai=uai))
    academie = await acts(identity, await identity.account(RoleTenu(role=Role.ADMIN_ACADEMIQUE, academie="creteil")))
    for act in (etats.disable_account, etats.delete):
        with pytest.raises(DernierAdministrateur):
            await act(identity.deps, academie, administrator.compte.id)
    held = await find_compte(identity.deps.database, administrator.compte.id)
    assert held is not None
    assert held.actif


async def test_a_colleague_shared_with_another_establishment_is_not_ended_by_one_of_them(identity: Identity) -> None:
    administrator, user, _ = await a_pair(identity)
    await identity.give_role(user, RoleTenu(role=Role.ADJOINT, uai=await new_uai(identity)))
    for act in (etats.disable_account, etats.delete):
        with pytest.raises(Forbidden):
            await act(identity.deps, administrator, user.compte.id)
    await etats.unlock(identity.deps, administrator, user.compte.id)


async def test_a_locked_account_is_unlocked_by_the_level_above_and_its_owner_told(identity: Identity) -> None:
    administrator, user, uai = await a_pair(identity)
    key, courriel = fingerprint(identity.deps, user.personne.courriel), user.personne.courriel
    jeton = await token(await identity.account(RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai=uai)))

    async def until() -> str | None:
        query = "query($id: ID!) { compte(id: $id) { verrouilleJusquAu } moi { verrouilleJusquAu } }"
        seen = await data(identity, jeton, query, id=user.compte.id)
        assert seen["moi"] == {"verrouilleJusquAu": None}, "of whom it is asked, and of nobody else"
        found: str | None = seen["compte"]["verrouilleJusquAu"]
        return found

    assert await until() is None
    for _ in range(MOTS_DE_PASSE.nombre + 1):
        await identity.deps.tentatives.take(f"mot-de-passe/{key}", MOTS_DE_PASSE, now=identity.deps.clock())
    with pytest.raises(TropDEssais):
        await check_password(identity.deps, courriel, MOT_DE_PASSE, demande="/")
    locked = await until()
    assert locked is not None
    assert datetime.fromisoformat(locked) > identity.deps.clock()
    await etats.unlock(identity.deps, administrator, user.compte.id)
    assert await until() is None
    assert await check_password(identity.deps, courriel, MOT_DE_PASSE, demande="/")
    await told(identity, courriel, "vient d'être déverrouillé par l'échelon supérieur")


@pytest.mark.exigence("ASVS 6.4.4", "ASVS 7.4.5", "CNIL-2025-019 secours", "ANSSI recouvrement")
async def test_lost_factors_are_reset_its_owner_is_told_and_enrols_again(identity: Identity) -> None:
    administrator, user, _ = await a_pair(identity)
    await user.browser().sign_in()
    key = Cle(
        id=new_secret(),
        compte=user.compte.id,
        identifiant=b"1",
        publique=b"2",
        compteur=0,
        transports=(),
        modele="",
        nom="Clé",
        cree_le=identity.deps.clock(),
    )

    employer = IdentiteLiee(empreinte=new_secret(), compte=user.compte.id, employeur="lycee", liee_le=key.cree_le)

    async def enrol(work: Work) -> None:
        await work.cles.add(key)
        await work.identites.link(employer)

    await identity.deps.transact(enrol)
    begun = await begin_by_key(identity.deps, user.compte, demande="")
    changed = await etats.reset_factors(identity.deps, administrator, user.compte.id)
    assert not await has_cles(identity.deps.database, user.compte.id)
    assert await find_identite(identity.deps.database, employer.empreinte) is None
    with pytest.raises(ConnexionExpiree):
        await find_in_progress(identity.deps, begun)
    assert (changed.mobile, changed.etat) == (None, EtatCompte.ACTIF)
    facteurs = await find_facteurs(identity.deps.database, user.compte.id)
    assert facteurs is not None
    assert (facteurs.totp, facteurs.premiere, len(facteurs.mots_de_passe)) == (None, True, 1)
    await told(identity, user.personne.courriel, "d'en délier l'identité de votre employeur")
    # Without the application, by the code that is mailed.
    await user.browser(totp=None).sign_in()
    again = await find_facteurs(identity.deps.database, user.compte.id)
    assert again is not None
    assert not again.premiere


@pytest.mark.exigence("ASVS 7.4.5")
async def test_a_person_is_signed_out_everywhere_from_above_and_told(identity: Identity) -> None:
    administrator, user, _ = await a_pair(identity)
    connecte = await open_directly(user)
    begun = await begin_by_key(identity.deps, user.compte, demande="")
    famille = Famille(
        id=new_secret(),
        session=connecte.session.id,
        compte=user.compte.id,
        client="web",
        scope="openid",
        preuve=connecte.session.preuve,
        expire_le=connecte.session.expire_le,
    )

    async def give(work: Work) -> None:
        await work.familles.open(famille)

    await identity.deps.transact(give)
    signed_out = await etats.sign_out(identity.deps, administrator, user.compte.id)
    assert (signed_out.etat, signed_out.version) == (EtatCompte.ACTIF, user.compte.version)
    assert not await list_sessions(identity.deps.database, user.compte.id, now=identity.deps.clock())
    told_family = await find_famille(identity.deps.database, famille.id)
    assert told_family is not None
    assert told_family.fin_le is not None
    with pytest.raises(ConnexionExpiree):
        await find_in_progress(identity.deps, begun)
    await told(identity, user.personne.courriel, "vient de fermer toutes les connexions ouvertes")
    assert (await done(identity, user.compte.id))[-1] == "COMPTE_DECONNECTE"


@pytest.mark.exigence("ASVS 10.3.4")
async def test_nothing_is_done_to_an_account_without_a_recent_proof_nor_from_below_or_afar(identity: Identity) -> None:
    administrator, user, _ = await a_pair(identity)
    far, _, _ = await a_pair(identity)
    stale = Principal(compte=administrator.compte, session="s", actif=True, roles=administrator.roles)
    boss = await find_compte(identity.deps.database, administrator.compte)
    assert boss is not None
    below = await acts(identity, user)
    acts_from_above = (etats.disable_account, etats.reactivate, etats.delete, etats.unlock)
    for act in (*acts_from_above, etats.sign_out, etats.reset_factors):
        with pytest.raises(PreuveInsuffisante):
            await act(identity.deps, stale, user.compte.id)
        for who in (far, below):
            with pytest.raises(NotFound):
                await act(identity.deps, who, boss.id)
        with pytest.raises(Forbidden):
            await act(identity.deps, administrator, boss.id)
    for compte in (user.compte.id, boss.id):
        held = await find_compte(identity.deps.database, compte)
        assert held is not None
        assert held.actif
