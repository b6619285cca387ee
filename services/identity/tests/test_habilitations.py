"""Rights as the other services learn them: events, the heartbeat, and the answer given at once by gRPC."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from aiokafka import AIOKafkaConsumer
from google.protobuf.message import Message

from kit.consumer.messages import Received, decode
from kit.errors import NotFound, Unauthenticated
from kit.mongo import open_database
from kit.mongo.leases import LEASES
from kit.rpc.client import Peer, open_peer
from kit.rpc.tls import channel_credentials
from kit.testing.forwarding import forwarding
from kit.testing.serving import free_port
from kit.testing.waiting import eventually
from kit.versions import Version
from proto.identity.v1 import habilitations_pb2, service_pb2, service_pb2_grpc
from services.identity.battements import Battements
from services.identity.domain.audit import OPERATEUR
from services.identity.tests.conftest import MOT_DE_PASSE, Identity, Titulaire
from services.identity.usecases.comptes import NouveauCompte, activate, create_compte, disable, issue_link
from services.identity.usecases.droits import change_compte
from socle.principal import Droit, RoleTenu
from socle.rubriques import Niveau, Role, Rubrique

pytestmark = pytest.mark.stack

UAI = "0940001A"
CHEF = RoleTenu(role=Role.CHEF_ETABLISSEMENT, uai=UAI)
SIECLE = Droit(uai=UAI, rubrique=Rubrique.SIECLE, niveau=Niveau.ECRITURE)


async def read[M: Message](identity: Identity, topic: str, kind: type[M]) -> list[Received[M]]:
    """All that a topic holds, as any service reads it."""
    settings = identity.settings
    consumer = AIOKafkaConsumer(
        f"{settings.prefixe_topics}{topic}",
        bootstrap_servers=settings.kafka_bootstrap_servers,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        found = await consumer.getmany(timeout_ms=400)
    finally:
        await consumer.stop()
    return [decode(record, kind) for records in found.values() for record in records]


async def told(identity: Identity, compte: str) -> list[habilitations_pb2.Habilitations]:
    """What the others were told of an account, in order."""
    events = await read(identity, "identity.habilitations.v1", habilitations_pb2.Habilitations)
    mine = sorted((event for event in events if event.key == compte), key=lambda event: event.version.rank)
    return [event.message for event in mine if event.message is not None]


async def last(identity: Identity, compte: str, count: int) -> habilitations_pb2.Habilitations:
    """The last of `count` events of an account, once they are all there."""

    async def all_there() -> list[habilitations_pb2.Habilitations]:
        found = await told(identity, compte)
        return found if len(found) >= count else []

    found = await eventually(all_there)
    assert len(found) == count
    return found[-1]


async def test_an_account_is_told_when_it_is_created_and_when_it_becomes_active(identity: Identity) -> None:
    nouveau = NouveauCompte(courriel="ada.noel@ac-creteil.fr", nom="Noël", prenom="Ada", roles=[CHEF], droits=[SIECLE])
    compte = await create_compte(identity.deps, nouveau, par=OPERATEUR)
    await activate(identity.deps, await issue_link(identity.deps, compte), MOT_DE_PASSE)
    event = await last(identity, compte.id, 2)
    assert event.actif
    assert [(role.role, role.uai) for role in event.roles] == [("CHEF_ETABLISSEMENT", UAI)]
    assert [(d.uai, d.rubrique, d.niveau) for d in event.droits] == [(UAI, "SIECLE", "ECRITURE")]
    assert not (await told(identity, compte.id))[0].actif


async def test_each_change_of_right_is_told_once_and_an_unchanged_one_is_not(identity: Identity) -> None:
    someone = await identity.account(CHEF)
    await last(identity, someone.compte.id, 1)
    now = identity.deps.clock()
    changes: list[Any] = [
        lambda compte: compte.give_right(SIECLE, now=now),
        lambda compte: compte.give_right(SIECLE, now=now),
        lambda compte: compte.take_right(UAI, Rubrique.NOTES),
        lambda compte: compte.take_right(UAI, Rubrique.SIECLE),
        lambda compte: compte.take_role(Role.CHEF_ETABLISSEMENT),
        lambda compte: compte.take_role(Role.CHEF_ETABLISSEMENT),
    ]
    versions = {(await change_compte(identity.deps, someone.compte.id, change)).version for change in changes}
    assert len(versions) == 3
    event = await last(identity, someone.compte.id, 4)
    assert list(event.roles) == []
    assert list(event.droits) == []


async def test_the_end_of_a_right_is_told_with_it(identity: Identity) -> None:
    until = (identity.deps.clock() + timedelta(days=30)).replace(microsecond=0)
    droit = Droit(uai=UAI, rubrique=Rubrique.CANDIDATURES, niveau=Niveau.LECTURE, formation="2025/12", jusqu_au=until)
    someone = await identity.account(droits=[droit])
    (event,) = (await last(identity, someone.compte.id, 1)).droits
    assert event.formation == "2025/12"
    assert event.jusqu_au.ToDatetime(tzinfo=UTC) == until


async def test_a_disabled_account_is_told_as_such_and_keeps_its_version_when_disabled_again(identity: Identity) -> None:
    someone = await identity.account(CHEF)
    first, second = [await disable(identity.deps, someone.compte.id, par=OPERATEUR) for _ in range(2)]
    assert first.version == second.version
    assert not (await last(identity, someone.compte.id, 2)).actif


async def test_no_event_holds_a_name_or_an_address(identity: Identity) -> None:
    someone = await identity.account(CHEF, nom="Zyxwvut")
    event = await last(identity, someone.compte.id, 1)
    text = str(event).lower()
    for secret in ("zyxwvut", someone.personne.courriel, "camille"):
        assert secret not in text


async def test_a_heart_beats_each_second_in_one_process_only(
    identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a busy machine the first may stand still for longer than its own lease, which the second then takes.
    monkeypatch.setattr("services.identity.battements._LEASE", timedelta(seconds=60))
    leases = identity.deps.database[LEASES.name]

    async def held_for_long() -> bool:
        soon = datetime.now(UTC) + timedelta(seconds=30)
        return await leases.find_one({"_id": "battements", "expire_le": {"$gt": soon}}) is not None

    await eventually(held_for_long)
    # Before, while this process stood still, another may have had its turn: the provider is that of many tests.
    began = int(identity.deps.clock().timestamp()) + 1
    second = Battements.of(identity.settings, identity.deps.database, identity.deps.trousseau)
    task = asyncio.create_task(second.run())

    async def three_more() -> list[Received[habilitations_pb2.Battement]]:
        found = await read(identity, "identity.battements.v1", habilitations_pb2.Battement)
        since = [beat for beat in found if beat.version.n >= began]
        return since if len(since) >= 3 else []

    beats = sorted(await eventually(three_more), key=lambda beat: beat.version.rank)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert {beat.key for beat in beats} == {"identity"}
    ranks = [beat.version.n for beat in beats]
    assert len(set(ranks)) == len(ranks), f"two processes beat in the same second: {ranks}"
    newest = beats[-1].message
    assert newest is not None
    assert identity.deps.clock() - newest.emis_le.ToDatetime(tzinfo=UTC) < timedelta(seconds=5)


async def test_a_beat_says_until_when_all_was_told_when_the_relay_is_stuck(identity: Identity) -> None:
    database = identity.deps.database
    stuck = identity.deps.clock() - timedelta(seconds=30)
    row: dict[str, Any] = {
        "_id": "zz\x00stuck",
        "topic": "t",
        "key": "k",
        "value": None,
        "headers": [],
        "cree_le": stuck,
    }
    other = database.client[f"{database.name}_bloque"]
    await other.outbox.insert_one(row)
    heart = Battements.of(identity.settings, other, identity.deps.trousseau)
    beat = await heart.next_beat()
    await database.client.drop_database(other.name)
    assert isinstance(beat.message, habilitations_pb2.Battement)
    assert beat.message.emis_le.ToDatetime(tzinfo=UTC) - stuck < timedelta(milliseconds=1)


async def test_a_heart_that_is_told_to_stop_while_the_store_is_away_stops(identity: Identity, mongodb_uri: str) -> None:
    port, name = free_port(), f"{identity.deps.database.name}_coeur"
    away = open_database(f"mongodb://127.0.0.1:{port}/?directConnection=true&serverSelectionTimeoutMS=500", name)
    heart = Battements.of(identity.settings, away, identity.deps.trousseau)

    async def leads() -> bool:
        return await away.baux.find_one({"titulaire": heart.holder}) is not None

    async with forwarding(port, mongodb_uri):
        task = asyncio.create_task(heart.run())
        await eventually(leads)
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=15)
    assert done, "it went on"
    assert task.cancelled()
    away.client.close()
    await identity.deps.database.client.drop_database(name)


@pytest.fixture
async def peer(identity: Identity) -> AsyncIterator[Peer]:
    address = f"127.0.0.1:{identity.settings.identity_grpc_port}"
    opened = open_peer(
        address,
        caller="eleves",
        callee="identity",
        keys=identity.settings.cles_services,
        tls=channel_credentials(identity.settings),
    )
    yield opened
    await opened.close()


async def ask(peer: Peer, compte: str, session: str) -> service_pb2.LireHabilitationsResponse:
    stub = service_pb2_grpc.IdentityServiceStub(peer.channel)
    request = service_pb2.LireHabilitationsRequest(compte=compte, session=session)
    return await peer.call(stub.LireHabilitations, request, within=5)


async def _session(identity: Identity, someone: Titulaire) -> str:
    jetons = await someone.browser().sign_in()
    return (await identity.verifier.verify(jetons.access_token)).sid


async def test_a_peer_is_told_at_once_what_an_account_may_do_and_that_its_session_lives(
    identity: Identity, peer: Peer
) -> None:
    someone = await identity.account(CHEF, droits=[SIECLE])
    session = await _session(identity, someone)
    answer = await ask(peer, someone.compte.id, session)
    assert answer.session_active
    assert answer.habilitations.droits[0].rubrique == "SIECLE"
    await change_compte(identity.deps, someone.compte.id, lambda compte: compte.take_right(UAI, Rubrique.SIECLE))
    assert not (await ask(peer, someone.compte.id, session)).habilitations.droits
    await disable(identity.deps, someone.compte.id, par=OPERATEUR)
    after = await ask(peer, someone.compte.id, session)
    assert (after.session_active, after.habilitations.actif) == (False, False)


async def test_a_session_is_its_own_accounts_only(identity: Identity, peer: Peer) -> None:
    someone, other = await identity.account(CHEF), await identity.account(CHEF)
    session = await _session(identity, someone)
    assert not (await ask(peer, other.compte.id, session)).session_active
    assert not (await ask(peer, other.compte.id, "01INCONNUE")).session_active
    with pytest.raises(NotFound):
        await ask(peer, "01INCONNU", session)


async def test_whoever_is_no_service_of_ours_is_told_nothing(identity: Identity, peer: Peer) -> None:
    stub = service_pb2_grpc.IdentityServiceStub(peer.channel)
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await stub.LireHabilitations(service_pb2.LireHabilitationsRequest(compte="x", session="y"))
    assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED
    keys = identity.settings.cles_services
    forged = open_peer(
        f"127.0.0.1:{identity.settings.identity_grpc_port}",
        caller="identity",
        callee="identity",
        keys=keys,
        tls=channel_credentials(identity.settings),
    )
    with pytest.raises(Unauthenticated):
        await ask(forged, "x", "y")
    await forged.close()


def test_versions_of_beats_fit_their_place() -> None:
    far = 4_102_444_800  # 2100-01-01
    assert Version.from_rank(Version(3, far).rank) == Version(3, far)
