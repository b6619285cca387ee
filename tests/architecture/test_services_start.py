"""What keeps a service from serving is said by the name of its setting, before anything is opened, with status 2."""

import importlib
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from infra.local.platform import SERVICES
from infra.local.processes import free_ports
from kit.auth.service_tokens import create_keys, private_key_path

type Serve = Callable[..., Result]


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def serve(service: str, tmp_path: Path) -> Serve:
    """Calls `python -m services.X servir` with good settings but for those given."""
    create_keys(tmp_path, (service,))
    http, grpc = free_ports(2)
    good = {
        "MODE": "local",
        "MONGODB_URI": "mongodb://127.0.0.1:1/?directConnection=true",
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "IDENTITY_URL": "http://127.0.0.1:4001",
        "CLES_SERVICES": str(tmp_path),
        "OTEL_TRACES_EXPORTER": "none",
        f"{service.upper()}_PORT": str(http),
        "IDENTITY_GRPC_PORT": str(grpc),
    }
    main = importlib.import_module(f"services.{service}.__main__").main

    def invoke(**changed: str) -> Result:
        return CliRunner(env={**good, **changed}).invoke(main, ["servir"])

    return invoke


def test_a_port_that_is_taken_is_named_by_its_setting(serve: Serve, service: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = serve(**{f"{service.upper()}_PORT": str(port)})
    assert refused.exit_code == 2
    assert f"setting {service.upper()}_PORT: port {port} is taken" in refused.stderr


def test_the_services_own_key_must_be_there(serve: Serve, service: str, tmp_path: Path) -> None:
    refused = serve(CLES_SERVICES="/nulle/part")
    assert refused.exit_code == 2
    assert f"setting CLES_SERVICES: /nulle/part/{service}.pem cannot be read" in refused.stderr
    private_key_path(tmp_path, service).write_text("une faute", encoding="ascii")
    assert f"setting CLES_SERVICES: {private_key_path(tmp_path, service)} does not hold" in serve().stderr


def test_an_address_of_the_store_that_cannot_be_read_is_named_and_not_shown(serve: Serve) -> None:
    refused = serve(MONGODB_URI="mongodb://nom:motdepasse@127.0.0.1:99999")
    assert refused.exit_code == 2
    assert "setting MONGODB_URI: " in refused.stderr
    assert "motdepasse" not in refused.output


def test_outside_local_mode_calls_between_services_are_secured(serve: Serve, service: str, tmp_path: Path) -> None:
    clients = tmp_path / "clients.toml"
    clients.write_text('[web]\nnom = "Essai"\nredirect_uris = ["https://site.example.fr/"]\nscopes = ["openid"]\n')
    refused = serve(MODE="production", IDENTITY_URL="https://identite.example.fr", IDENTITY_CLIENTS=str(clients))
    assert refused.exit_code == 2
    needed = "GRPC_CERTIFICAT" if service == "identity" else "GRPC_AUTORITE"
    assert f"setting {needed}: not set" in refused.stderr


@pytest.mark.parametrize("service", ["eleves", "pilotage", "rapports"], indirect=True)
def test_an_academie_that_does_not_exist_is_named(serve: Serve) -> None:
    refused = serve(ACADEMIES_TOPICS="creteil,nullepart")
    assert refused.exit_code == 2
    assert "setting ACADEMIES_TOPICS: " in refused.stderr
    assert "nullepart" in refused.stderr


@pytest.mark.parametrize("service", ["identity"], indirect=True)
def test_two_settings_on_one_port_are_told_of(serve: Serve) -> None:
    (port,) = free_ports(1)
    refused = serve(IDENTITY_PORT=str(port), IDENTITY_GRPC_PORT=str(port))
    assert refused.exit_code == 2
    assert f"setting IDENTITY_GRPC_PORT: port {port} is taken by another program, or given to" in refused.stderr
