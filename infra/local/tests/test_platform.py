"""What the platform reads of its settings, before it starts anything."""

import pytest

from infra.local.platform import SERVICES, gateway, read_settings, service
from infra.local.processes import StartFailed, check_ports, free_ports


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
