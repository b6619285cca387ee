"""Accounts that nobody uses: flagged and warned, then disabled, and kept by whoever signs in (domaine.md §3)."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from ulid import ULID

from kit.http import open_client
from kit.mongo import Document
from kit.mongo.leases import LEASES
from kit.testing.waiting import eventually
from services.identity.deps import Deps
from services.identity.domain.audit import OPERATEUR, PLATEFORME, Acte
from services.identity.domain.comptes import Compte, EtatCompte
from services.identity.domain.inactivite import RegleInactivite, Suite, Usage, months_before
from services.identity.lettres.inactivite import letter
from services.identity.lettres.rendu import text
from services.identity.store.comptes import find_compte
from services.identity.store.facteurs import list_unused
from services.identity.tests.conftest import Identity, Titulaire
from services.identity.tests.test_graphql import data, token
from services.identity.tests.test_journal import acts, lines
from services.identity.usecases.comptes import NouveauCompte, create_compte
from services.identity.usecases.droits import change_compte
from services.identity.usecases.inactivite import Passage, flag_unused
from services.identity.veilleur import Veilleur
from socle.principal import RoleTenu
from socle.rubriques import Role

stack = pytest.mark.stack

MAINTENANT = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)
REGLE = RegleInactivite(mois=13, preavis=timedelta(days=30))
ROLE = RoleTenu(role=Role.GESTIONNAIRE, uai="0940110K")


def usage(*, connecte: timedelta | None = None, averti: timedelta | None = None) -> Usage:
    """How an account was used, said by how long ago."""
    return Usage(
        cree_le=MAINTENANT - timedelta(days=3000),
        connecte_le=None if connecte is None else MAINTENANT - connecte,
        averti_le=None if averti is None else MAINTENANT - averti,
    )


ANNEE, MOIS = timedelta(days=365), timedelta(days=30)


@pytest.mark.parametrize(
    ("used", "etat", "suite"),
    [
        (usage(connecte=timedelta(days=1)), EtatCompte.ACTIF, Suite.RIEN),
        (usage(connecte=ANNEE), EtatCompte.ACTIF, Suite.RIEN),
        (usage(connecte=2 * ANNEE), EtatCompte.ACTIF, Suite.AVERTIR),
        (usage(), EtatCompte.ACTIF, Suite.AVERTIR),
        (usage(), EtatCompte.INVITE, Suite.AVERTIR),
        (usage(connecte=2 * ANNEE), EtatCompte.DESACTIVE, Suite.RIEN),
        (usage(connecte=2 * ANNEE, averti=MOIS - timedelta(seconds=1)), EtatCompte.ACTIF, Suite.RIEN),
        (usage(connecte=2 * ANNEE, averti=MOIS), EtatCompte.ACTIF, Suite.DESACTIVER),
        (usage(averti=MOIS), EtatCompte.INVITE, Suite.DESACTIVER),
        (usage(connecte=timedelta(days=1), averti=MOIS), EtatCompte.ACTIF, Suite.RIEN),
        (usage(connecte=2 * ANNEE, averti=4 * ANNEE), EtatCompte.ACTIF, Suite.AVERTIR),
    ],
)
def test_who_is_warned_and_who_is_disabled(used: Usage, etat: EtatCompte, suite: Suite) -> None:
    assert REGLE.suite(used, etat, now=MAINTENANT) is suite


def test_months_are_those_of_the_calendar() -> None:
    assert months_before(MAINTENANT, 13) == datetime(2025, 2, 28, 12, 0, tzinfo=UTC)
    assert months_before(MAINTENANT, 3) == datetime(2025, 12, 31, 12, 0, tzinfo=UTC)
    assert months_before(MAINTENANT, 12) == datetime(2025, 3, 31, 12, 0, tzinfo=UTC)


def test_the_letter_says_until_when_and_what_to_do() -> None:
    fin = datetime(2026, 4, 30, 23, 0, tzinfo=UTC)
    active = text(letter("Awa", mois=13, fin=fin, active=True, adresse="https://identite.example.fr/connexion"))
    assert "depuis 13 mois. Pour le garder, connectez-vous avant le 01/05/2026." in active.replace("\n", " ")
    assert "https://identite.example.fr/connexion" in active
    invited = text(letter("Awa", mois=13, fin=fin, active=False, adresse="https://identite.example.fr/connexion"))
    assert "nouveau lien d'activation" in invited.replace("\n", " ")
    assert "https://" not in invited


async def set_used(identity: Identity, compte: str, **fields: datetime | None) -> None:
    await identity.deps.database.facteurs.update_one({"_id": compte}, {"$set": fields})


async def held(identity: Identity, compte: str) -> Document:
    row = await identity.deps.database.facteurs.find_one({"_id": compte})
    assert row is not None
    return row


async def etat(identity: Identity, who: Compte) -> EtatCompte:
    found = await find_compte(identity.deps.database, who.id)
    assert found is not None
    return found.etat


async def always() -> bool:
    return True


def in_days(deps: Deps, days: int) -> Deps:
    """The same, so many days later."""
    return replace(deps, clock=lambda: deps.clock() + timedelta(days=days))


async def unused(identity: Identity, *, since: timedelta = timedelta(days=420)) -> Titulaire:
    """An account that nobody has used for longer than thirteen months."""
    someone = await identity.account(ROLE, totp=False)
    await set_used(identity, someone.compte.id, connecte_le=identity.deps.clock() - since)
    return someone


@stack
async def test_who_is_unused_is_warned_once_then_disabled_and_signed_out(identity: Identity) -> None:
    deps, someone = identity.deps, await unused(identity)
    recent = await identity.account(ROLE, totp=False)
    await set_used(identity, recent.compte.id, connecte_le=deps.clock() - timedelta(days=380))
    await asyncio.gather(*(flag_unused(deps, still_ours=always) for _ in range(3)))
    assert (await held(identity, someone.compte.id))["averti_le"] is not None
    assert "averti_le" not in await held(identity, recent.compte.id)
    (letter_sent,) = await letters(identity, someone)
    assert letter_sent.startswith("Votre compte n'a pas servi depuis 13 mois")
    await flag_unused(in_days(deps, 29), still_ours=always)
    assert await etat(identity, someone.compte) is EtatCompte.ACTIF
    await flag_unused(in_days(deps, 31), still_ours=always)
    assert await etat(identity, someone.compte) is EtatCompte.DESACTIVE
    done = [acte for acte, _, _ in await acts(identity, someone)]
    assert done == [Acte.COMPTE_CREE, Acte.COMPTE_SIGNALE_INACTIF, Acte.COMPTE_DESACTIVE]
    assert {ligne.acteur for ligne in await lines(identity, someone)} == {OPERATEUR.id, PLATEFORME.id}


async def letters(identity: Identity, who: Titulaire) -> list[str]:
    """The subjects of what its owner was sent."""
    async with open_client() as http:

        async def sent() -> list[str]:
            asked = {"destinataire": who.personne.courriel}
            answer = await http.get(f"{identity.courriels}/messages", params=asked)
            return [message["sujet"] for message in answer.json()]

        return await eventually(sent)


@stack
async def test_who_signs_in_after_the_warning_keeps_its_account(identity: Identity) -> None:
    deps, someone = identity.deps, await unused(identity)
    await flag_unused(deps, still_ours=always)
    national = await identity.account(RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai="0940110K"))
    jeton = await token(national)
    asked = "query($id: ID!) { compte(id: $id) { derniereConnexion signaleInactif } }"
    seen = (await data(identity, jeton, asked, id=someone.compte.id))["compte"]
    assert seen["signaleInactif"]
    assert datetime.fromisoformat(seen["derniereConnexion"]) < deps.clock() - timedelta(days=400)
    await someone.browser().sign_in()
    assert not (await data(identity, jeton, asked, id=someone.compte.id))["compte"]["signaleInactif"]
    await flag_unused(in_days(deps, 40), still_ours=always)
    assert await etat(identity, someone.compte) is EtatCompte.ACTIF


@stack
async def test_who_was_disabled_and_is_active_again_is_warned_anew(identity: Identity) -> None:
    deps, someone = identity.deps, await unused(identity)
    await flag_unused(deps, still_ours=always)
    await flag_unused(in_days(deps, 31), still_ours=always)
    await change_compte(deps, someone.compte.id, lambda compte: replace(compte, etat=EtatCompte.ACTIF))
    await flag_unused(in_days(deps, 32), still_ours=always)
    assert await etat(identity, someone.compte) is EtatCompte.ACTIF
    assert (await held(identity, someone.compte.id))["averti_le"] is not None


@stack
async def test_every_unused_account_is_listed_once_whether_it_ever_signed_in_or_not(identity: Identity) -> None:
    database = identity.deps.database
    # Long before any other test's.
    then = datetime(2001, 1, 1, tzinfo=UTC)
    never = [str(ULID.from_datetime(then + timedelta(days=n))) for n in range(3)]
    once = [str(ULID.from_datetime(then + timedelta(days=n))) for n in range(5)]
    rows: list[Document] = [{"_id": id, "connecte_le": None} for id in never]
    rows += [{"_id": id, "connecte_le": then + timedelta(days=n // 2)} for n, id in enumerate(once)]
    await database.facteurs.insert_many([{"mots_de_passe": [], "totp": None, **row} for row in rows])
    found, after = [], None
    while page := await list_unused(database, before=then + timedelta(days=2), after=after, first=2):
        found += [row.compte for row in page]
        after = page[-1]
    await database.facteurs.delete_many({"_id": {"$in": [*never, *once]}})
    assert found == [*never[:2], *once[:4]]


@stack
async def test_accounts_are_seen_to_once_a_day_by_one_process_and_after_a_death_by_another(identity: Identity) -> None:
    deps = identity.deps
    name = f"essai-{ULID()}"
    watchmen = [Veilleur(deps=deps, name=name) for _ in range(3)]
    seen = await asyncio.gather(*(watchman.pass_once() for watchman in watchmen))
    assert sum(passage is not None for passage in seen) == 1
    lease = await deps.database[LEASES.name].find_one({"_id": name})
    assert lease is not None
    assert lease["expire_le"] > deps.clock() + timedelta(hours=23)
    assert await watchmen[0].pass_once() is None, "nor by the same process again"
    yesterday = deps.clock() - timedelta(seconds=1)
    await deps.database[LEASES.name].update_one({"_id": name}, {"$set": {"expire_le": yesterday}})
    assert isinstance(await watchmen[0].pass_once(), Passage)


@stack
async def test_who_loses_the_lease_at_work_stops(identity: Identity) -> None:
    await unused(identity)

    async def lost() -> bool:
        return False

    assert await flag_unused(identity.deps, still_ours=lost) is None


@stack
async def test_an_invitation_that_nobody_took_up_is_counted_from_its_creation(identity: Identity) -> None:
    nouveau = NouveauCompte(courriel="inactive.jamais@ac-lille.fr", nom="Jamais", prenom="Inactive", roles=[ROLE])
    compte = await create_compte(identity.deps, nouveau, par=OPERATEUR)
    await flag_unused(in_days(identity.deps, 380), still_ours=always)
    assert "averti_le" not in await held(identity, compte.id)
