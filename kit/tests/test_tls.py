"""TLS between services, over real channels: who is believed, and what keeps a service from starting."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from kit.auth import service_tokens
from kit.errors import Unavailable
from kit.rpc import server
from kit.rpc.client import open_peer
from kit.rpc.tls import channel_credentials, server_credentials
from kit.settings import Mode, ServiceSettings
from kit.testing.certificates import Authority
from kit.testing.serving import free_port
from kit.tests.test_rpc import Servicer, ask
from proto.identity.v1 import service_pb2_grpc

type Make = Callable[..., ServiceSettings]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Settings of production, with files of one authority, but for those given otherwise."""
    service_tokens.create_keys(tmp_path, ("identity", "eleves"))
    authority = Authority(tmp_path)
    certificate, key = authority.certify()

    def settings(**changed: object) -> ServiceSettings:
        known = {
            "mode": Mode.PRODUCTION,
            "mongodb_uri": "mongodb://127.0.0.1",
            "kafka_bootstrap_servers": "127.0.0.1:9092",
            "identity_url": "https://identite.example.fr",
            "cles_services": tmp_path,
            "grpc_certificat": certificate,
            "grpc_cle": key,
            "grpc_autorite": authority.certificate,
        }
        return ServiceSettings(**known | changed)  # type: ignore[arg-type]

    return settings


@pytest.fixture
def other(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that nobody named."""
    return Authority(tmp_path_factory.mktemp("autre"))


async def serving(settings: ServiceSettings) -> AsyncIterator[str]:
    chosen = f"127.0.0.1:{free_port()}"
    running = await server.start(
        service="identity",
        address=chosen,
        keys=settings.cles_services,
        callers=frozenset({"eleves"}),
        register=lambda s: service_pb2_grpc.add_IdentityServiceServicer_to_server(Servicer(), s),
        tls=server_credentials(settings),
    )
    yield chosen
    await running.stop(None)


@pytest.fixture
async def address(make: Make) -> AsyncIterator[str]:
    """A server with a certificate."""
    async for chosen in serving(make()):
        yield chosen


@pytest.fixture
async def clear_address(make: Make) -> AsyncIterator[str]:
    """A server in the clear."""
    async for chosen in serving(make(mode=Mode.LOCAL, grpc_certificat=None, grpc_cle=None)):
        yield chosen


async def call(address: str, settings: ServiceSettings) -> bool:
    peer = open_peer(
        address,
        caller="eleves",
        callee="identity",
        keys=settings.cles_services,
        tls=channel_credentials(settings),
    )
    return await ask(peer, "x")


async def test_a_server_that_the_named_authority_certified_is_believed(address: str, make: Make) -> None:
    assert await call(address, make())


async def test_a_server_of_another_authority_is_not_believed(address: str, make: Make, other: Authority) -> None:
    with pytest.raises(Unavailable):
        await call(address, make(grpc_autorite=other.certificate))


async def test_who_expects_tls_says_nothing_in_the_clear_and_who_does_not_is_not_heard(
    address: str, clear_address: str, make: Make
) -> None:
    local = make(mode=Mode.LOCAL, grpc_autorite=None)
    assert await call(clear_address, local)
    with pytest.raises(Unavailable):
        await call(clear_address, make())
    with pytest.raises(Unavailable):
        await call(address, local)


@pytest.mark.parametrize("name", ["grpc_certificat", "grpc_cle", "grpc_autorite"])
@pytest.mark.parametrize("content", [None, b"", b"une faute", "absent"])
def test_outside_local_mode_nothing_starts_without_its_files_and_the_setting_is_named(
    make: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes | str | None
) -> None:
    path = None if content is None else tmp_path / "faute.pem"
    if path is not None and isinstance(content, bytes):
        path.write_bytes(content)
    settings = make(**{name: path})
    with pytest.raises(SystemExit) as stopped:
        (channel_credentials if name == "grpc_autorite" else server_credentials)(settings)
    assert stopped.value.code == 2
    assert f"setting {name.upper()}: " in capsys.readouterr().err


def test_a_key_of_another_certificate_is_named(
    make: Make, other: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    _, key = other.certify()
    with pytest.raises(SystemExit):
        server_credentials(make(grpc_cle=key))
    assert f"setting GRPC_CLE: {key} is not the key of GRPC_CERTIFICAT" in capsys.readouterr().err


def test_in_local_mode_files_that_are_named_are_used(make: Make) -> None:
    named = make(mode=Mode.LOCAL)
    assert server_credentials(named) is not None
    assert channel_credentials(named) is not None
