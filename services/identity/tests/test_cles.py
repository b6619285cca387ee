"""The key that signs tokens is changed, and nobody who checks them notices (architecture §6 and §11)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jws import extract_compact
from starlette.applications import Starlette

from kit.auth.access_tokens import IssuerKeys, TokenVerifier
from kit.errors import Conflict, Unauthenticated
from kit.http import open_client
from kit.mongo import Database
from kit.testing.running import running
from kit.testing.serving import free_port, serve
from kit.testing.waiting import eventually
from services.identity.deps import Deps, make_deps
from services.identity.domain.cles import (
    ANNONCE,
    MEMOIRE,
    RETRAIT,
    ChangementEnCours,
    CleDeSignature,
    EtatCle,
    require_change,
    states,
)
from services.identity.domain.sessions import DUREE_JETON_D_ACCES
from services.identity.oidc.clients import load_clients
from services.identity.oidc.routes import routes
from services.identity.oidc.serveur import Serveur
from services.identity.settings import IdentitySettings
from services.identity.store.work import LAYOUT
from services.identity.tests.conftest import Identity
from services.identity.tests.test_machines import assertion
from services.identity.usecases.cles import change_signing_key, open_keys

DEBUT = datetime(2025, 1, 6, 9, tzinfo=UTC)
SECONDE = timedelta(seconds=1)
UNE, AUTRE = CleDeSignature("une", DEBUT), CleDeSignature("autre", DEBUT + timedelta(days=30))
SIGNE = AUTRE.creee_le + ANNONCE


@pytest.mark.parametrize(
    ("now", "une", "autre"),
    [
        (AUTRE.creee_le, EtatCle.COURANTE, EtatCle.ANNONCEE),
        (SIGNE - SECONDE, EtatCle.COURANTE, EtatCle.ANNONCEE),
        (SIGNE, EtatCle.REMPLACEE, EtatCle.COURANTE),
        (SIGNE + RETRAIT - SECONDE, EtatCle.REMPLACEE, EtatCle.COURANTE),
        (SIGNE + RETRAIT, EtatCle.RETIREE, EtatCle.COURANTE),
        (SIGNE + RETRAIT + MEMOIRE, EtatCle.OUBLIABLE, EtatCle.COURANTE),
    ],
)
def test_a_key_is_announced_then_signs_then_the_one_before_is_withdrawn(
    now: datetime, une: EtatCle, autre: EtatCle
) -> None:
    assert states([UNE, AUTRE], now=now) == {"une": une, "autre": autre}


def test_the_first_key_signs_at_once() -> None:
    assert states([UNE], now=DEBUT) == {"une": EtatCle.COURANTE}


def test_one_change_at_a_time() -> None:
    with pytest.raises(ChangementEnCours):
        require_change([UNE, AUTRE], now=SIGNE - SECONDE)
    require_change([UNE, AUTRE], now=SIGNE)


@given(st.lists(st.integers(15, 5000), max_size=5), st.integers(0, 20_000))
def test_whoever_fetched_the_keys_ten_minutes_ago_can_check_every_token_that_is_signed_now(
    between: Sequence[int], minute: int
) -> None:
    """Whatever the history of changes, and until that token expires."""
    made = [DEBUT]
    for minutes in between:
        made.append(made[-1] + timedelta(minutes=minutes))
    signed = DEBUT + timedelta(minutes=minute)
    cles = [CleDeSignature(str(rank), moment) for rank, moment in enumerate(made) if moment <= signed]
    (current,) = [id for id, etat in states(cles, now=signed).items() if etat is EtatCle.COURANTE]
    fetched = signed - timedelta(minutes=10)
    then = [cle for cle in cles if cle.creee_le <= fetched]
    assert not then or states(then, now=fetched)[current].publiee
    every = [CleDeSignature(str(rank), moment) for rank, moment in enumerate(made)]
    expires = signed + DUREE_JETON_D_ACCES
    known = [cle for cle in every if cle.creee_le <= expires]
    assert states(known, now=expires)[current].publiee


@dataclass(frozen=True, slots=True)
class Fournisseur:
    """What clients call of a process of the provider, at an address of its own."""

    deps: Deps
    url: str
    identity: Identity

    async def token(self) -> str:
        """A token of a machine, which this process signs."""
        asked = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion(self.identity),
        }
        async with open_client() as http:
            return str((await http.post(f"{self.url}/token", data=asked)).json()["access_token"])

    async def signs_with(self) -> str:
        return str(extract_compact((await self.token()).encode()).headers()["kid"])

    async def published(self) -> set[str]:
        async with open_client() as http:
            return {key["kid"] for key in (await http.get(f"{self.url}/jwks")).json()["keys"]}


@contextlib.asynccontextmanager
async def provider(identity: Identity, database: Database, port: int) -> AsyncIterator[Fournisseur]:
    """A process of the provider over `database`; whose issuer, for both, is at the port of the identity under test."""
    settings = identity.settings
    deps = make_deps(settings, database, settings.open_vault())
    await open_keys(deps, local=True)
    clients = load_clients(settings.identity_clients, demonstration=True, cles=settings.cles_services)
    serveur = Serveur(deps, clients, issuer=identity.url)
    async with running(deps.trousseau.follow), serve(Starlette(routes=routes(serveur, clients)), port=port) as serving:
        yield Fournisseur(deps, serving.url, identity)
    deps.hasher.close()


async def age(database: Database, by: timedelta) -> None:
    """Let time pass for the keys."""
    async for row in database.cles.find({"usage": "SIGNATURE"}):
        await database.cles.update_one({"_id": row["_id"]}, {"$set": {"creee_le": row["creee_le"] - by}})


@pytest.mark.stack
async def test_two_processes_and_a_verifier_that_follows_go_through_a_change_without_a_refusal(
    identity_settings: IdentitySettings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.identity.trousseau.FOLLOWED_EVERY_SECONDS", 0.05)
    monkeypatch.setattr("kit.auth.access_tokens._FOLLOWED_EVERY_SECONDS", 0.05)
    await LAYOUT.migrate(database)
    port = free_port()
    settings = identity_settings.model_copy(update={"identity_url": f"http://127.0.0.1:{port}"})
    identity = Identity(settings, make_deps(settings, database, settings.open_vault()), "")
    async with provider(identity, database, port) as one, provider(identity, database, free_port()) as other:
        keys = IssuerKeys(identity.url)
        async with running(keys.follow):
            await through_a_change(one, other, database, TokenVerifier(keys))
    identity.deps.hasher.close()


async def through_a_change(one: Fournisseur, other: Fournisseur, database: Database, verifier: TokenVerifier) -> None:
    (first,) = await one.published()
    assert await other.published() == {first}
    old = await one.token()
    await verifier.verify_machine(old)

    second = (await change_signing_key(one.deps)).id
    await eventually(lambda: both(one, other, {first, second}))
    assert {await one.signs_with(), await other.signs_with()} == {first}, "announced, and not yet signing"
    with pytest.raises(ChangementEnCours):
        await change_signing_key(other.deps)

    await age(database, ANNONCE)
    await eventually(lambda: signs(one, other, second))
    fetches_none = dict(verifier.keys._keys)
    for process in (one, other):
        await verifier.verify_machine(await process.token())
    assert second in fetches_none, "whoever follows had it before it signed"
    await verifier.verify_machine(old)

    await age(database, RETRAIT)
    await eventually(lambda: both(one, other, {second}))

    async def believed_no_more() -> bool:
        try:
            await verifier.verify_machine(old)
        except Unauthenticated:
            return True
        return False

    await eventually(believed_no_more)
    assert one.deps.trousseau.verifying_key(first) is None
    assert {key.kid for key in one.deps.trousseau.remembered.keys} == {first, second}, "for hints of who signs out"

    await age(database, MEMOIRE)
    third = (await change_signing_key(other.deps)).id
    assert await database.cles.distinct("_id", {"usage": "SIGNATURE"}) == [second, third]
    assert await database.audit.count_documents({"acte": "CLE_DE_SIGNATURE_CHANGEE", "acteur": "operateur"}) == 2


async def both(one: Fournisseur, other: Fournisseur, published: set[str]) -> bool:
    return await one.published() == await other.published() == published


async def signs(one: Fournisseur, other: Fournisseur, kid: str) -> bool:
    return await one.signs_with() == await other.signs_with() == kid


@pytest.mark.stack
async def test_of_two_operators_at_once_one_announces_a_key(
    identity_settings: IdentitySettings, database: Database
) -> None:
    await LAYOUT.migrate(database)
    deps = make_deps(identity_settings, database, identity_settings.open_vault())
    await open_keys(deps, local=True)
    outcomes = await asyncio.gather(*(change_signing_key(deps) for _ in range(2)), return_exceptions=True)
    deps.hasher.close()
    assert sorted(isinstance(outcome, ChangementEnCours | Conflict) for outcome in outcomes) == [False, True]
    assert await database.cles.count_documents({"usage": "SIGNATURE"}) == 2
