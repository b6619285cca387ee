"""Calls between services, over a real channel: with identity's own contract."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from hypothesis import HealthCheck, given, settings

from kit.auth import service_tokens
from kit.errors import Forbidden, NotFound, Refusal, Unauthenticated, Unavailable
from kit.rpc import server
from kit.rpc.client import Peer, open_peer
from kit.testing.forgeries import forged_tokens
from kit.testing.serving import free_port
from kit.testing.waiting import eventually
from proto.identity.v1 import service_pb2, service_pb2_grpc

CANARY = "Zéphyrine-Canari"


class Servicer(service_pb2_grpc.IdentityServiceServicer):
    async def LireHabilitations(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        errors: dict[str, Exception] = {
            "absent": NotFound("Aucun compte."),
            "interdit": Forbidden(),
            "refuse": Refusal("Non."),
            "bug": ValueError(CANARY),
        }
        if request.compte in errors:
            raise errors[request.compte]
        return service_pb2.LireHabilitationsResponse(session_active=True)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    service_tokens.create_keys(tmp_path, ("identity", "eleves", "intrus"))
    return tmp_path


@pytest.fixture
async def address(keys: Path) -> AsyncIterator[str]:
    chosen = f"127.0.0.1:{free_port()}"
    running = await server.start(
        service="identity",
        address=chosen,
        keys=keys,
        callers=frozenset({"eleves"}),
        register=lambda s: service_pb2_grpc.add_IdentityServiceServicer_to_server(Servicer(), s),
        tls=None,
    )
    yield chosen
    await running.stop(None)


async def ask(peer: Peer, compte: str) -> bool:
    stub = service_pb2_grpc.IdentityServiceStub(peer.channel)
    try:
        answer = await peer.call(stub.LireHabilitations, service_pb2.LireHabilitationsRequest(compte=compte), within=5)
    finally:
        await peer.close()
    return answer.session_active


async def test_a_known_service_is_answered(address: str, keys: Path) -> None:
    assert await ask(open_peer(address, caller="eleves", callee="identity", keys=keys, tls=None), "x")


@pytest.mark.parametrize(
    ("compte", "expected"),
    [("absent", NotFound), ("interdit", Forbidden), ("refuse", Refusal), ("bug", Unavailable)],
)
async def test_an_error_of_the_peer_arrives_as_the_same_error(
    address: str, keys: Path, compte: str, expected: type[Exception], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(expected) as raised:
        await ask(open_peer(address, caller="eleves", callee="identity", keys=keys, tls=None), compte)
    output = capsys.readouterr()
    assert CANARY not in str(raised.value) + output.out + output.err


async def test_a_service_that_is_no_caller_of_this_one_is_refused(address: str, keys: Path) -> None:
    with pytest.raises(Unauthenticated):
        await ask(open_peer(address, caller="intrus", callee="identity", keys=keys, tls=None), "x")


async def test_a_token_for_another_callee_is_refused(keys: Path) -> None:
    token = service_tokens.issue(keys, caller="eleves", callee="offre")
    with pytest.raises(Unauthenticated):
        service_tokens.verify(keys, token, callee="identity", callers=frozenset({"eleves"}))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(forged_tokens("01CLE"))
def test_whatever_a_stranger_writes_in_a_token_is_refused(keys: Path, token: str) -> None:
    with pytest.raises(Unauthenticated):
        service_tokens.verify(keys, token, callee="identity", callers=frozenset({"eleves"}))


async def test_a_peer_that_is_away_is_unavailable(keys: Path) -> None:
    with pytest.raises(Unavailable):
        await ask(open_peer(f"127.0.0.1:{free_port()}", caller="eleves", callee="identity", keys=keys, tls=None), "x")


async def test_a_peer_that_was_away_for_long_is_found_again_at_once(keys: Path) -> None:
    address, away_until = f"127.0.0.1:{free_port()}", time.monotonic() + 6
    peer = open_peer(address, caller="eleves", callee="identity", keys=keys, tls=None)
    stub = service_pb2_grpc.IdentityServiceStub(peer.channel)

    async def answers() -> bool:
        try:
            request = service_pb2.LireHabilitationsRequest(compte="x")
            return (await peer.call(stub.LireHabilitations, request, within=1)).session_active
        except Unavailable:
            return False

    async def is_over() -> bool:
        assert not await answers()
        return time.monotonic() > away_until

    await eventually(is_over)
    running = await server.start(
        service="identity",
        address=address,
        keys=keys,
        callers=frozenset({"eleves"}),
        register=lambda s: service_pb2_grpc.add_IdentityServiceServicer_to_server(Servicer(), s),
        tls=None,
    )
    await eventually(answers, within=2)
    await peer.close()
    await running.stop(None)


async def test_two_servers_do_not_share_a_port(address: str, keys: Path) -> None:
    with pytest.raises(RuntimeError, match="bind"):
        await server.start(
            service="identity", address=address, keys=keys, callers=frozenset(), register=lambda _server: None, tls=None
        )


async def test_health_is_served_to_all(address: str) -> None:
    async with grpc.aio.insecure_channel(address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest())
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_a_peer_that_is_named_before_the_loop_runs_is_called_in_it(keys: Path) -> None:
    port = free_port()
    peer = open_peer(f"127.0.0.1:{port}", caller="eleves", callee="identity", keys=keys, tls=None)

    async def serve_and_ask() -> bool:
        serving = await server.start(
            service="identity",
            address=f"127.0.0.1:{port}",
            keys=keys,
            callers=frozenset({"eleves"}),
            register=lambda s: service_pb2_grpc.add_IdentityServiceServicer_to_server(Servicer(), s),
            tls=None,
        )
        try:
            return await ask(peer, "x")
        finally:
            await serving.stop(grace=None)

    assert asyncio.run(serve_and_ask())
