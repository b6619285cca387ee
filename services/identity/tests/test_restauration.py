"""A store restored from a backup: what had served does not serve again, and the others are told (architecture §12)."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.local.connexion import ConnexionRefusee, Jetons, refresh
from kit.consumer.messages import Received
from kit.errors import Unauthenticated
from kit.mongo import Database, Document, Transactor
from kit.mongo.restoring import find_restoration
from kit.outbox import rows
from kit.testing.serving import serve
from kit.testing.waiting import eventually
from kit.versions import Version
from proto.identity.v1 import habilitations_pb2
from services.identity.app import create_app
from services.identity.commandes.restauration import take_note
from services.identity.deps import Deps
from services.identity.domain.audit import OPERATEUR, Acte, Recherche
from services.identity.domain.liens import LienInvalide
from services.identity.mfa.totp import step_at
from services.identity.store.facteurs import find_facteurs, use_totp_step
from services.identity.store.secours import count_left
from services.identity.store.work import LAYOUT, Work
from services.identity.tests.conftest import MOT_DE_PASSE, Identity, Titulaire, answers
from services.identity.tests.test_effacement import mail, signed_in
from services.identity.tests.test_habilitations import read
from services.identity.usecases.audit import OPERATEUR_LECTEUR
from services.identity.usecases.audit import read as read_audit
from services.identity.usecases.cles import RestaurationInachevee, open_keys
from services.identity.usecases.comptes import NouveauCompte, activate, create_compte, disable, issue_link
from services.identity.usecases.connexion import check_password
from services.identity.usecases.effacement import erase
from services.identity.usecases.en_cours import ConnexionExpiree, find_in_progress
from services.identity.usecases.lectures import principal_of
from services.identity.usecases.restauration import Publie, begin, finish
from services.identity.usecases.secours import renew_codes
from socle.principal import RoleTenu
from socle.rubriques import Role

pytestmark = pytest.mark.stack

ROLE = RoleTenu(role=Role.GESTIONNAIRE, uai="0940107G")


@asynccontextmanager
async def running(identity: Identity) -> AsyncIterator[None]:
    """The provider runs, and before it stops all that it had to tell was told."""
    async with serve(create_app(identity.settings), port=identity.settings.identity_port):
        await answers(identity.url)
        yield

        async def told() -> bool:
            return await identity.deps.database[rows.OUTBOX.name].count_documents({}) == 0

        await eventually(told)
        for browser in identity.browsers:
            await browser.aclose()
        identity.browsers.clear()


type Backup = Mapping[str, list[Document]]


async def back_up(database: Database) -> Backup:
    return {name: await database[name].find({}).to_list(None) for name in await database.list_collection_names()}


async def restore(database: Database, backup: Backup) -> None:
    for name in await database.list_collection_names():
        await database[name].delete_many({})
        if held := backup.get(name):
            await database[name].insert_many(held)


@dataclass(frozen=True, slots=True)
class Avant:
    """What people held when the backup was made."""

    someone: Titulaire
    erased: Titulaire
    disabled: Titulaire
    lien: str
    session: str
    en_cours: str
    jetons: Jetons


async def live(identity: Identity) -> Avant:
    deps = identity.deps
    someone = await identity.account(ROLE)
    jetons = await someone.browser().sign_in()
    await renew_codes(deps, await signed_in(identity, someone))
    invited = await create_compte(
        deps, NouveauCompte(courriel="invitee.seule@ac-lille.fr", nom="Seule", prenom="Invitée"), par=OPERATEUR
    )
    session = await deps.database.sessions.find_one({"compte": someone.compte.id})
    assert session is not None
    return Avant(
        someone=someone,
        erased=await identity.account(ROLE),
        disabled=await identity.account(ROLE),
        lien=await issue_link(deps, invited),
        session=session["condensat"],
        en_cours=await check_password(deps, someone.personne.courriel, MOT_DE_PASSE, demande=""),
        jetons=jetons,
    )


async def go_on(identity: Identity, avant: Avant) -> str:
    """Use everything after the backup; an access token of an account that it does not know."""
    deps = identity.deps
    newcomer = await identity.account(ROLE, totp=False)
    after = await newcomer.browser().sign_in()
    browser = avant.someone.browser()
    await refresh(browser._http, identity.url, avant.jetons)
    await activate(deps, avant.lien, MOT_DE_PASSE)
    await erase(deps, avant.erased.compte.id, par=OPERATEUR)
    await disable(deps, avant.disabled.compte.id, par=OPERATEUR)
    return after.access_token


async def last_told(identity: Identity) -> dict[str, Received[habilitations_pb2.Habilitations]]:
    events = await read(identity, "identity.habilitations.v1", habilitations_pb2.Habilitations)
    return {event.key: event for event in sorted(events, key=lambda event: event.version.rank)}


async def test_what_was_used_since_a_backup_does_not_serve_again_once_it_is_restored(alone: Identity) -> None:
    deps = alone.deps
    async with running(alone):
        avant = await live(alone)
        backup = await back_up(deps.database)
        unknown = await go_on(alone, avant)
        newcomer = (await alone.verifier.verify(unknown)).sub
    await restore(deps.database, backup)
    await mail(alone, avant.someone.personne.courriel, due=timedelta())

    before = datetime.now(UTC)
    bilan = await take_note(alone.settings, deps.database)
    assert (bilan.generation, bilan.disparus, bilan.effaces, bilan.desactives) == (2, 1, 1, 1)
    assert bilan.a_verifier == [invited(backup)], "it had become active"
    await nothing_is_left_to_use(deps.database)

    async with running(alone):
        await deps.trousseau.load()
        for jeton in (unknown, avant.jetons.access_token):
            with pytest.raises(Unauthenticated):
                await principal_of(deps, await alone.verifier.verify(jeton))
        with pytest.raises(ConnexionRefusee, match="invalid_grant"):
            await refresh(avant.someone.browser()._http, alone.url, avant.jetons)
        with pytest.raises(LienInvalide):
            await activate(deps, avant.lien, MOT_DE_PASSE)
        with pytest.raises(ConnexionExpiree):
            await find_in_progress(deps, avant.en_cours)
        assert await count_left(deps.database, avant.someone.compte.id) == 0
        await totp_is_refused_for_a_while(deps, avant.someone, before)
        await told_again(alone, avant, newcomer)
    page = await read_audit(deps, OPERATEUR_LECTEUR, Recherche(acte=Acte.RESTAURATION), first=5)
    assert page.rows[0].ligne.detail == {"generation": "2", "effaces": "1", "desactives": "1"}


def invited(backup: Backup) -> str:
    return str(next(row["_id"] for row in backup["comptes"] if row["courriel"] == "invitee.seule@ac-lille.fr"))


async def nothing_is_left_to_use(database: Database) -> None:
    """No row of any collection that says when it was used, or ended, still waits for that."""
    named = 0
    for collection in LAYOUT.collections:
        if (field := collection.serves_until) is not None:
            named += 1
            assert await database[collection.name].count_documents({field: None}) == 0, collection.name
    assert named >= 7
    waiting = await database.envois.find({}).to_list(None)
    assert len(waiting) == 1, "the letter on recovery codes, and no message of before"


async def totp_is_refused_for_a_while(deps: Deps, someone: Titulaire, since: datetime) -> None:
    id, last = someone.compte.id, step_at(since + timedelta(seconds=90))
    held = await find_facteurs(deps.database, id)
    assert held is not None
    assert held.totp is not None
    assert held.totp.dernier_pas in (last, last + 1)
    assert not await use_totp_step(deps.database, id, held.totp.dernier_pas)
    assert await use_totp_step(deps.database, id, held.totp.dernier_pas + 1)


async def told_again(identity: Identity, avant: Avant, newcomer: str) -> None:
    """What the other services know by now, and by when tokens are void."""

    async def told() -> bool:
        return {event.version.generation for event in (await last_told(identity)).values()} == {2}

    await eventually(told)
    last = await last_told(identity)
    present = {key: event.message is not None and event.message.actif for key, event in last.items()}
    assert present[avant.someone.compte.id]
    assert last[avant.erased.compte.id].message is None
    assert last[newcomer].message is None
    assert not present[avant.disabled.compte.id]

    async def beat() -> habilitations_pb2.Battement | None:
        beats = await read(identity, "identity.battements.v1", habilitations_pb2.Battement)
        newest = max(beats, key=lambda event: event.version.rank)
        return newest.message if newest.version.generation == 2 else None

    restored = await find_restoration(identity.deps.database)
    assert restored is not None
    heard = await eventually(beat)
    assert heard is not None
    assert abs(heard.jetons_depuis.ToDatetime(tzinfo=UTC) - restored.at) < timedelta(milliseconds=1)
    issued = (await identity.verifier.verify(avant.jetons.access_token)).issued_at
    assert issued <= restored.at, "so every service refuses it"


async def test_a_restoration_that_was_cut_short_keeps_the_service_from_starting_and_is_finished_by_the_next_try(
    alone: Identity,
) -> None:
    deps, settings = alone.deps, alone.settings
    held = [await alone.account(ROLE, totp=False) for _ in range(2)]
    for someone in held:
        await issue_link(deps, someone.compte)
    await begin(deps, generation_publiee=4)
    with pytest.raises(RestaurationInachevee):
        await open_keys(deps, local=True)
    await begin(deps, generation_publiee=4)
    restored = await find_restoration(deps.database)
    assert restored is not None
    assert restored.generation == 5, "above what the others had heard of, and raised once"
    bilan = await take_note(settings, deps.database)
    assert (bilan.generation, bilan.publies) == (5, 2)
    await open_keys(deps, local=True)
    assert deps.trousseau.generation == 5
    assert {Version.from_rank(row["version"]) for row in await deps.database.comptes.find({}).to_list(None)} == {
        Version(5, 1)
    }


class Killed(Exception):
    """The process died here."""


@dataclass(slots=True)
class Dying:
    """Transactions of a process that dies when it would begin one too many."""

    transact: Transactor[Work]
    left: int

    async def __call__[T](self, body: Callable[[Work], Awaitable[T]]) -> T:
        if self.left == 0:
            raise Killed
        self.left -= 1
        return await self.transact(body)


async def test_a_restoration_killed_anywhere_ends_as_one_that_was_not(alone: Identity) -> None:
    someone, deps = await alone.account(ROLE, totp=False), alone.deps
    await issue_link(deps, someone.compte)
    vanished = {"01JHF3Z6X8Q4T2V5N7M9K1B3CD": Publie(Version(1, 7), present=True, actif=True)}
    for allowed, dies in ((0, True), (1, True), (1, True), (2, False)):
        await begin(deps, generation_publiee=1)
        await deps.trousseau.load()
        dying: Any = Dying(deps.transact, allowed)
        with pytest.raises(Killed) if dies else nullcontext():
            await finish(replace(deps, transact=dying), vanished)
        with pytest.raises(RestaurationInachevee) if dies else nullcontext():
            await open_keys(deps, local=True)
    await open_keys(deps, local=True)
    assert deps.trousseau.generation == 2
    assert await deps.database.liens.count_documents({"utilise_le": None}) == 0
    told = await deps.database[rows.OUTBOX.name].find({"topic": "identity.habilitations.v1"}).to_list(None)
    assert {row["key"]: row["value"] is None for row in told} == {someone.compte.id: False, next(iter(vanished)): True}
    assert {row["_id"].rpartition("\x00")[2] for row in told} == {f"{Version(2, 1).rank:019d}"}
