"""`make up` as a newcomer has it: the whole platform, from nothing, in a folder of the test's own."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import psutil
import pytest

from infra.local.processes import free_ports
from kit.http import open_client
from kit.testing.waiting import eventually
from tests.e2e.running import PORTS, path_to_root, running, start

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]


async def find_trace(zipkin: str) -> list[dict[str, Any]]:
    """The trace that goes from the command that loaded the offer to the projection of the reports."""
    async with open_client(base_url=zipkin) as client:
        traces = (await client.get("/api/v2/traces", params={"serviceName": "rapports", "limit": 50})).json()
    wanted = {"offre command", "outbox send", "consume"}
    return next((trace for trace in traces if wanted <= {span["name"] for span in trace}), [])


async def test_the_platform_starts_serves_traces_and_stops_without_leaving_anything(tmp_path: Path) -> None:
    async with running(tmp_path) as up:
        children = psutil.Process(up.process.pid).children(recursive=True)
        assert len(children) >= 5
        async with open_client() as client:
            for port in ("OFFRE_PORT", "PILOTAGE_PORT", "RAPPORTS_PORT"):
                assert (await client.get(f"{up.url(port)}/sante/pret")).json()["pret"] is True
                answer = await client.post(f"{up.url(port)}/graphql", json={"query": "{ __typename }"})
                assert answer.json() == {"data": {"__typename": "Query"}}
        trace = await eventually(lambda: find_trace(up.url("PORT_ZIPKIN")), within=30)
        writes = [s for s in trace if s["localEndpoint"]["serviceName"] == "rapports" and s["name"] != "consume"]
        assert any(
            path_to_root(trace, span)[1:]
            == [("rapports", "consume"), ("offre", "outbox send"), ("offre", "offre command")]
            for span in writes
        )
        assert "Lycée" not in str(trace)
    assert up.process.returncode == 0
    assert not [child for child in children if child.is_running()]


async def test_a_second_start_on_the_same_data_loads_nothing_new_and_loses_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as up:
        assert "comptes: " in up.output
    async with running(tmp_path) as up:
        log = (tmp_path / "logs/rapports.log").read_text(encoding="utf-8")
        assert "dead_letter" not in log
        assert "partition_held" not in log
        assert "started in" in up.output
        assert "comptes: " not in up.output


async def test_a_port_that_is_taken_is_named_with_the_setting_that_moves_it(tmp_path: Path) -> None:
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", ports["OFFRE_PORT"]))
        taken.listen()
        process = await start(tmp_path, ports)
        output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 1
    assert f"port {ports['OFFRE_PORT']} of offre is taken" in output.decode()
    assert "OFFRE_PORT" in output.decode()
