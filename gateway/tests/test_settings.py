"""Settings that are wrong are named, with what is expected, and nothing starts."""

import os
import socket
import subprocess
import sys

import pytest

from gateway import settings

RIGHT = {
    "PASSERELLE_SUPERGRAPHE": "supergraph.graphql",
    "PASSERELLE_SOUS_GRAPHES": "offre=http://127.0.0.1:4002/graphql, eleves=https://eleves.example.fr/graphql",
    "IDENTITY_URL": "https://identite.example.fr/",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in RIGHT.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_addresses_are_read_as_they_are_written(environment: pytest.MonkeyPatch) -> None:
    del environment
    read = settings.load()
    assert read.sous_graphes == {
        "offre": "http://127.0.0.1:4002/graphql",
        "eleves": "https://eleves.example.fr/graphql",
    }
    # An issuer is compared letter for letter with what tokens say, which have no last slash.
    assert read.identity_url == "https://identite.example.fr"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PASSERELLE_SOUS_GRAPHES", "offre=http://127.0.0.1:4002/graphql,eleves", "eleves: expected an address"),
        ("PASSERELLE_SOUS_GRAPHES", "offre=127.0.0.1:4002/graphql", "offre: expected an address"),
        ("PASSERELLE_SOUS_GRAPHES", "offre=http:///graphql", "offre: expected an address"),
        ("PASSERELLE_SOUS_GRAPHES", "offre=http://hote:port/graphql", "offre: expected an address"),
        ("PASSERELLE_SOUS_GRAPHES", "offre=ftp://secret@hote/graphql", "offre: expected an address"),
        ("PASSERELLE_SOUS_GRAPHES", "=http://127.0.0.1:4002/graphql", "expected `name=address`"),
        ("IDENTITY_URL", "nonsense", "expected an address"),
        ("IDENTITY_URL", "identite.example.fr", "expected an address"),
        ("IDENTITY_URL", "http://[::1", "expected an address"),
        ("PASSERELLE_VALEURS", "0", "greater than 0"),
        ("PASSERELLE_ADRESSE", "https://api.example.fr/graphql", "needs PASSERELLE_CLE"),
        ("PASSERELLE_ADRESSE", "api.example.fr", "expected an address"),
    ],
)
def test_a_wrong_setting_is_named_and_stops_all(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str, said: str
) -> None:
    environment.setenv(name, value)
    with pytest.raises(SystemExit) as stopped:
        settings.load()
    assert stopped.value.code == 2
    printed = capsys.readouterr().err
    assert printed.startswith(f"setting {name}: ")
    assert said in printed
    assert "secret" not in printed


def test_a_port_that_is_taken_is_said_with_the_setting_that_moves_it(environment: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        environment.setenv("PASSERELLE_PORT", str(port))
        command = [sys.executable, "-m", "gateway"]
        done = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stderr == f"setting PASSERELLE_PORT: port {port} is taken by another program\n"
