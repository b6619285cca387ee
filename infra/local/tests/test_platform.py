"""What the platform reads of its settings, before it starts anything."""

import os
import subprocess
import sys
from pathlib import Path

import pyotp
import pytest

from infra.local.demonstration import comptes
from infra.local.platform import SERVICES, describe, gateway, read_settings, service
from infra.local.processes import ROOT, StartFailed, check_ports, free_ports


def test_ports_are_moved_by_their_settings_and_a_wrong_one_is_named() -> None:
    settings = read_settings({"PORT_KAFKA": "19092", "OFFRE_PORT": "14002"})
    assert settings.ports.kafka_bootstrap_servers == "127.0.0.1:19092"
    assert settings.services["offre"] == 14002
    for wrong in ("beaucoup", "0", "70000"):
        with pytest.raises(StartFailed, match="setting PORT_KAFKA"):
            read_settings({"PORT_KAFKA": wrong})


def test_every_port_that_a_process_of_ours_listens_on_is_checked_before_the_start() -> None:
    settings = read_settings({})
    parts = [*(service(name, settings) for name in SERVICES), gateway(settings)]
    asked = {setting for part in parts for setting in part.ports}
    assert asked == {name for name in settings.environment() if name.endswith("_PORT")}


def test_the_gateway_is_given_no_time_that_identity_cannot_use() -> None:
    settings = read_settings({})
    assert set(service("identity", settings).after) <= set(gateway(settings).after)


def test_two_settings_of_one_service_on_one_port_are_told_of() -> None:
    (port,) = free_ports(1)
    settings = read_settings({"IDENTITY_PORT": str(port), "IDENTITY_GRPC_PORT": str(port)})
    with pytest.raises(StartFailed) as refused:
        check_ports([service("identity", settings)])
    assert "or set IDENTITY_PORT." in str(refused.value)
    assert "or set IDENTITY_GRPC_PORT." in str(refused.value)


def test_an_academie_of_the_demonstration_that_is_not_open_is_named() -> None:
    assert read_settings({"ACADEMIES_TOPICS": "rennes, creteil, lyon"}).academies == ("rennes", "creteil", "lyon")
    with pytest.raises(StartFailed, match="setting ACADEMIES_TOPICS: the demonstration has students in rennes"):
        read_settings({"ACADEMIES_TOPICS": "creteil"})


def test_what_to_open_whom_to_sign_in_as_and_how_is_said(tmp_path: Path) -> None:
    settings = read_settings({"DOSSIER_PLATEFORME": str(tmp_path), "IDENTITY_PORT": "14001", "PORT_COURRIELS": "18025"})
    write_offer(settings.demonstration)
    said = describe(settings, 12.3)
    assert "http://localhost:14001/connexion" in said
    assert "http://127.0.0.1:18025/" in said
    assert all(compte.courriel in said for compte in comptes(settings.demonstration))
    assert "make code COMPTE=<name>" in said
    assert "make jeton COMPTE=<name>" in said
    assert "Be a new head of school" in said


def test_the_code_of_an_account_is_that_of_the_secret_it_was_given(tmp_path: Path) -> None:
    write_offer(tmp_path / "demonstration")
    (national,) = [c for c in comptes(tmp_path / "demonstration") if c.nom_court == "national"]
    authenticator = pyotp.TOTP(national.ligne["totp"])
    command = [sys.executable, "-m", "infra.local.code", "national"]
    environment = {**os.environ, "DOSSIER_PLATEFORME": str(tmp_path)}
    before = authenticator.now()
    shown = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    assert shown.strip() in {before, authenticator.now()}


def test_a_command_is_run_with_the_environment_of_the_platform(tmp_path: Path) -> None:
    asked = "import os, sys; print(os.environ['KAFKA_BOOTSTRAP_SERVERS'], os.environ['CLES_SERVICES'], sys.argv[1:])"
    (tmp_path / "montre.py").write_text(asked, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "infra.local.commande", "montre", "un", "deux mots"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "DOSSIER_PLATEFORME": str(tmp_path), "PORT_KAFKA": "19092"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"127.0.0.1:19092 {tmp_path}/cles ['un', 'deux mots']\n"


def write_offer(folder: Path) -> None:
    """Just enough for the accounts."""
    folder.mkdir()
    rows = "\n".join(f"{academie};{n}" for academie in ("CRÉTEIL", "RENNES") for n in (1, 2))
    (folder / "lycees.csv").write_text(f"academie;uai\n{rows}\n", encoding="utf-8")
    (folder / "offre.csv").write_text("cod_uai;fili\n", encoding="utf-8")
