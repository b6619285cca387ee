"""From a token to a principal: what is known here, and what only identity can say."""

import socket
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from aiokafka import AIOKafkaProducer
from google.protobuf.message import Message

from kit.auth import service_tokens
from kit.auth.access_tokens import AccessToken, IssuerKeys, TokenVerifier
from kit.consumer.loop import Consumer
from kit.consumer.messages import Batch
from kit.consumer.subscriptions import Outcome, Subscription
from kit.errors import NotFound, Unauthenticated, Unavailable
from kit.mongo import Database
from kit.mongo.migrations import Layout
from kit.outbox.events import Event
from kit.rpc import server
from kit.rpc.client import open_peer
from kit.testing.fixtures import CreateTopics
from kit.testing.issuer import Issuer
from kit.testing.running import running
from kit.testing.serving import free_port
from kit.testing.waiting import eventually
from kit.versions import Version
from proto.identity.v1 import habilitations_pb2, service_pb2, service_pb2_grpc
from socle.principal import Lieu, Preuve, Principal, RoleTenu
from socle.projections import habilitations
from socle.projections.habilitations import FRESH, Acces
from socle.rubriques import Niveau, Role, Rubrique
from socle.testing.rights import beat, end_session, grant, role

pytestmark = pytest.mark.stack

ICI = Lieu(uai="0940001A", academie="creteil")
TOKEN = AccessToken(
    sub="01CHEF",
    sid="01SESSION",
    client_id="essai",
    scope=frozenset(),
    acr="2",
    amr=("pwd", "otp"),
    auth_time=datetime(2025, 1, 6, tzinfo=UTC),
    issued_at=datetime(2025, 1, 6, tzinfo=UTC),
    expires_at=datetime(2025, 1, 6, tzinfo=UTC) + timedelta(minutes=10),
)


CHEF = Principal(
    compte=TOKEN.sub,
    session=TOKEN.sid,
    actif=True,
    preuve=Preuve(acr=TOKEN.acr, amr=TOKEN.amr, le=TOKEN.auth_time),
    roles=(RoleTenu(role=Role.CHEF_ETABLISSEMENT, uai=ICI.uai),),
)


class Identity(service_pb2_grpc.IdentityServiceServicer):
    """What identity would answer."""

    def __init__(self) -> None:
        self.calls = 0
        self.gone = False
        self.session_active = True
        self.roles = [role(Role.CHEF_ETABLISSEMENT, uai=ICI.uai)]

    async def LireHabilitations(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        self.calls += 1
        if self.gone:
            raise NotFound("Ce compte n'existe pas.")
        held = habilitations_pb2.Habilitations(compte=request.compte, actif=True, roles=self.roles)
        return service_pb2.LireHabilitationsResponse(habilitations=held, session_active=self.session_active)


@pytest.fixture
def identity() -> Identity:
    return Identity()


@pytest.fixture
async def store(database: Database) -> Database:
    await Layout(collections=habilitations.COLLECTIONS).migrate(database)
    return database


@pytest.fixture
async def acces(store: Database, identity: Identity, tmp_path: Path) -> AsyncIterator[Acces]:
    service_tokens.create_keys(tmp_path, ("identity", "eleves"))
    address = f"127.0.0.1:{free_port()}"

    def register(running: grpc.aio.Server) -> None:
        service_pb2_grpc.add_IdentityServiceServicer_to_server(identity, running)

    running = await server.start(
        service="identity", address=address, keys=tmp_path, callers=frozenset({"eleves"}), register=register, tls=None
    )
    peer = open_peer(address, caller="eleves", callee="identity", keys=tmp_path, tls=None)
    yield Acces(store, peer, TokenVerifier(IssuerKeys("http://127.0.0.1:1")))
    await peer.close()
    await running.stop(None)


def may_send_siecle(principal: Any) -> bool:
    held: bool = principal.holds(Rubrique.SIECLE, Niveau.ECRITURE, ICI, now=datetime.now(UTC))
    return held


async def test_a_principal_has_the_rights_that_were_published(acces: Acces, store: Database) -> None:
    await grant(store, "01CHEF", role(Role.CHEF_ETABLISSEMENT, uai=ICI.uai))
    await beat(store)
    assert may_send_siecle(await acces.principal(TOKEN))


async def test_how_long_a_proof_serves_for_a_sensitive_act_is_what_the_settings_say(
    acces: Acces, store: Database
) -> None:
    await grant(store, "01CHEF", role(Role.CHEF_ETABLISSEMENT, uai=ICI.uai))
    await beat(store)
    shorter = replace(acces, acte_sensible=timedelta(minutes=5))
    shown = (await shorter.principal(TOKEN)).preuve
    assert shown is not None
    assert shown.recente == timedelta(minutes=5)


async def test_an_account_not_yet_heard_of_holds_nothing(acces: Acces, store: Database) -> None:
    await beat(store)
    assert not (await acces.principal(TOKEN)).actif


async def test_a_right_given_one_by_one_arrives_with_its_formation_and_its_end(acces: Acces, store: Database) -> None:
    droit = habilitations_pb2.Droit(uai=ICI.uai, rubrique="RAPPORTS", niveau="ECRITURE", formation="2025/1")
    droit.jusqu_au.FromDatetime(datetime(2030, 1, 1, tzinfo=UTC))
    await grant(store, "01CHEF", droits=(droit,))
    await beat(store)
    (held,) = (await acces.principal(TOKEN)).droits
    assert (held.rubrique, held.niveau, held.formation) == (Rubrique.RAPPORTS, Niveau.ECRITURE, "2025/1")
    assert held.jusqu_au == datetime(2030, 1, 1, tzinfo=UTC)


async def test_the_tokens_of_a_session_that_has_ended_are_refused(acces: Acces, store: Database) -> None:
    await grant(store, "01CHEF", role(Role.CHEF_ETABLISSEMENT, uai=ICI.uai))
    await end_session(store, "01SESSION")
    with pytest.raises(Unauthenticated):
        await acces.principal(TOKEN)


async def test_tokens_of_before_identity_was_restored_from_a_backup_are_refused_and_later_ones_are_not(
    acces: Acces, store: Database
) -> None:
    await grant(store, "01CHEF", role(Role.CHEF_ETABLISSEMENT, uai=ICI.uai))
    await beat(store, restored=TOKEN.issued_at)
    with pytest.raises(Unauthenticated):
        await acces.principal(TOKEN)
    assert (await acces.principal(replace(TOKEN, issued_at=TOKEN.issued_at + timedelta(seconds=1)))).actif


async def test_while_identity_is_heard_a_write_trusts_what_is_known(
    acces: Acces, store: Database, identity: Identity
) -> None:
    await grant(store, "01CHEF", role(Role.CHEF_ETABLISSEMENT, uai=ICI.uai))
    await beat(store)
    assert may_send_siecle(await acces.for_writing(await acces.principal(TOKEN)))
    assert identity.calls == 0


async def test_when_identity_was_silent_a_write_asks_it_and_believes_it(acces: Acces, identity: Identity) -> None:
    identity.roles = []
    assert not may_send_siecle(await acces.for_writing(CHEF))
    assert identity.calls == 1


async def test_what_was_taken_away_while_the_service_was_away_is_refused_by_its_first_read(
    acces: Acces, store: Database, identity: Identity
) -> None:
    await grant(store, "01CHEF", role(Role.CHEF_ETABLISSEMENT, uai=ICI.uai))
    await beat(store, at=datetime.now(UTC) - FRESH - timedelta(seconds=1))
    identity.roles = []
    assert not may_send_siecle(await acces.principal(TOKEN))
    identity.session_active = False
    with pytest.raises(Unauthenticated):
        await acces.principal(replace(TOKEN, sid="01AUTRE"))


async def test_while_identity_is_heard_a_read_does_not_ask_it(
    acces: Acces, store: Database, identity: Identity
) -> None:
    await grant(store, "01CHEF", role(Role.CHEF_ETABLISSEMENT, uai=ICI.uai))
    await beat(store, at=datetime.now(UTC) - timedelta(seconds=2))
    assert may_send_siecle(await acces.principal(TOKEN))
    assert identity.calls == 0


async def test_an_account_that_identity_does_not_have_any_more_holds_nothing(
    acces: Acces, store: Database, identity: Identity
) -> None:
    await grant(store, "01CHEF", role(Role.CHEF_ETABLISSEMENT, uai=ICI.uai))
    identity.gone = True
    assert not (await acces.principal(TOKEN)).actif


async def test_a_session_that_identity_says_has_ended_is_refused(
    acces: Acces, store: Database, identity: Identity
) -> None:
    await grant(store, "01CHEF", role(Role.CHEF_ETABLISSEMENT, uai=ICI.uai))
    identity.session_active = False
    with pytest.raises(Unauthenticated):
        await acces.confirmed(await acces.principal(TOKEN))


async def test_while_identity_neither_beats_nor_answers_reads_go_on_and_writes_are_refused(
    store: Database, tmp_path: Path
) -> None:
    service_tokens.create_keys(tmp_path, ("eleves",))
    peer = open_peer(f"127.0.0.1:{free_port()}", caller="eleves", callee="identity", keys=tmp_path, tls=None)
    silent = Acces(store, peer, TokenVerifier(IssuerKeys("http://127.0.0.1:1")))
    await grant(store, "01CHEF", role(Role.CHEF_ETABLISSEMENT, uai=ICI.uai))
    known = await silent.principal(TOKEN)
    assert may_send_siecle(known)
    with pytest.raises(Unavailable):
        await silent.for_writing(known)
    await peer.close()


async def test_where_identity_does_not_know_the_service_the_person_is_not_told_to_sign_in_again(
    acces: Acces, store: Database, tmp_path: Path
) -> None:
    service_tokens.create_keys(tmp_path, ("offre",))
    peer = open_peer(acces.identity.address, caller="offre", callee="identity", keys=tmp_path, tls=None)
    unknown = Acces(store, peer, acces.verifier)
    await grant(store, "01CHEF", role(Role.CHEF_ETABLISSEMENT, uai=ICI.uai))
    known = await unknown.principal(TOKEN)
    assert may_send_siecle(known)
    with pytest.raises(Unavailable):
        await unknown.for_writing(known)
    await peer.close()


async def test_an_identity_that_accepts_calls_and_never_answers_does_not_hold_every_read_up(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(habilitations, "_ASK_SECONDS", 1.0)
    service_tokens.create_keys(tmp_path, ("eleves",))
    await grant(store, "01CHEF", role(Role.CHEF_ETABLISSEMENT, uai=ICI.uai))
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        peer = open_peer(address, caller="eleves", callee="identity", keys=tmp_path, tls=None)
        acces = Acces(store, peer, TokenVerifier(IssuerKeys("http://127.0.0.1:1")))
        began = time.monotonic()
        for session in range(5):
            assert may_send_siecle(await acces.principal(replace(TOKEN, sid=f"01SESSION{session}")))
        assert time.monotonic() - began < 2
        await peer.close()


async def test_a_token_of_a_header_is_verified_before_anything_is_read(
    store: Database, issuer: Issuer, acces: Acces
) -> None:
    await grant(store, "01CHEF", role(Role.CHEF_ETABLISSEMENT, uai=ICI.uai))
    believing = Acces(store, acces.identity, TokenVerifier(IssuerKeys(issuer.url)))
    assert await believing.of_headers({}) is None
    known = await believing.of_headers({"authorization": f"Bearer {issuer.token(sub='01CHEF')}"})
    assert known is not None
    assert may_send_siecle(known)
    with pytest.raises(Unauthenticated):
        await believing.of_headers({"authorization": f"Bearer {issuer.token(exp=1)}"})


async def test_what_identity_refused_is_not_granted_again_by_a_beat_that_comes_before_the_right_is_taken_here(
    acces: Acces,
    store: Database,
    identity: Identity,
    create_topics: CreateTopics,
    kafka_bootstrap_servers: str,
    unique_prefix: str,
) -> None:
    attempts = 0

    def late(subscription: Subscription[Any]) -> Subscription[Any]:
        async def handle(batch: Batch[Any]) -> Outcome:
            nonlocal attempts
            attempts += 1
            if attempts <= 2:
                raise ConnectionError("the store is away")
            return await subscription.handle(batch)

        return replace(subscription, handle=handle) if subscription.projection else subscription

    async def publish(topic: str, key: str, message: Message) -> None:
        version = Version(1, time.time_ns() // 1_000_000)
        event = Event(topic=topic, key=key, version=version, message=message)
        headers = event.headers(source="identity", time="")
        await producer.send_and_wait(
            unique_prefix + topic, message.SerializeToString(), key=key.encode(), headers=headers
        )

    async def taken_here() -> bool:
        # Another session each time: a principal is remembered for a second.
        assert not may_send_siecle(await acces.principal(replace(TOKEN, sid=f"01SESSION{time.time_ns()}")))
        held = await store[habilitations.HABILITATIONS.name].find_one({"_id": TOKEN.sub})
        return held is not None and held["roles"] == []

    async def tried() -> bool:
        return attempts > 0

    async def beaten() -> bool:
        return await store[habilitations.BATTEMENTS.name].find_one({"_id": "identity"}) is not None

    read = [late(subscription) for subscription in habilitations.subscriptions(store)]
    await create_topics([subscription.topic for subscription in read])
    await grant(store, TOKEN.sub, role(Role.CHEF_ETABLISSEMENT, uai=ICI.uai))
    identity.roles = []
    consumer = Consumer(
        service="eleves", bootstrap_servers=kafka_bootstrap_servers, prefix=unique_prefix, subscriptions=read
    )
    async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap_servers) as producer:
        taken = habilitations_pb2.Habilitations(compte=TOKEN.sub, actif=True)
        await publish("identity.habilitations.v1", TOKEN.sub, taken)
        async with running(consumer.run):
            await eventually(tried, within=20)
            heart = habilitations_pb2.Battement()
            heart.emis_le.FromDatetime(datetime.now(UTC))
            await publish("identity.battements.v1", "identity", heart)
            await eventually(taken_here, within=20)
            await eventually(beaten, within=20)
