"""Starting and stopping processes: what is said when one cannot run, and that nothing is left."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from infra.local.processes import (
    Part,
    StartFailed,
    check_ports,
    complete,
    free_ports,
    start_all,
    stop_all,
)
from infra.local.stack import Ports

_SLEEPS = "import signal, time, sys; print('here', flush=True); time.sleep(600)"
_STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('here', flush=True); time.sleep(600)"
)


def part(name: str, program: str, folder: Path, *, within: float = 20) -> Part:
    async def ready() -> bool:
        log = folder / f"{name}.log"
        return log.exists() and "here" in log.read_text(encoding="utf-8")

    return Part(name=name, command=[sys.executable, "-c", program], ready=ready, within=within)


async def test_parts_are_started_together_and_all_stopped(tmp_path: Path) -> None:
    running = await start_all([part("un", _SLEEPS, tmp_path), part("deux", _SLEEPS, tmp_path)], tmp_path)
    processes = [psutil.Process(one.process.pid) for one in running]
    assert all(process.is_running() for process in processes)
    stop_all(running)
    assert all(one.stopped() for one in running)
    assert not [process for process in processes if process.is_running()]


async def test_a_part_that_stops_while_starting_is_named_with_the_end_of_its_log_and_the_others_are_stopped(
    tmp_path: Path,
) -> None:
    fails = part("fragile", "raise SystemExit('no disk left')", tmp_path)
    with pytest.raises(StartFailed, match="fragile stopped while starting:\nno disk left"):
        await start_all([part("solide", _SLEEPS, tmp_path), fails], tmp_path)
    assert not [p for p in psutil.Process().children(recursive=True) if "time.sleep(600)" in " ".join(p.cmdline())]


async def test_a_part_that_never_answers_is_given_up(tmp_path: Path) -> None:
    silent = part("muet", "import time; time.sleep(600)", tmp_path, within=0.3)
    with pytest.raises(StartFailed, match="muet did not answer"):
        await start_all([silent], tmp_path)


async def test_a_part_that_will_not_stop_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.local.processes._STOP_SECONDS", 0.2)
    (running,) = await start_all([part("sourd", _STUBBORN, tmp_path)], tmp_path)
    running.stop()
    assert running.process.returncode == -signal.SIGKILL


async def test_a_process_does_not_outlive_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    supervisor = (
        "import pathlib, sys, time; from infra.local.processes import Part, launch;"
        "one = launch(Part(name='enfant', command=[sys.executable, '-c', 'import time; time.sleep(600)'],"
        " ready=None), pathlib.Path(sys.argv[1])); print(one.process.pid, flush=True); time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", supervisor, str(tmp_path)], stdout=subprocess.PIPE)  # noqa: ASYNC220
    assert process.stdout is not None
    child = psutil.Process(int(process.stdout.readline()))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    child.wait(10)


def test_a_port_that_is_taken_is_named_with_the_setting_that_moves_it() -> None:
    (port,) = free_ports(1)

    async def ready() -> bool:
        return True

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with pytest.raises(StartFailed, match=f"port {port} of essai is taken by another program.*PORT_ESSAI"):
            check_ports([Part(name="essai", command=[], ports={"PORT_ESSAI": port}, ready=ready)])
    check_ports([Part(name="essai", command=[], ports={"PORT_ESSAI": port}, ready=ready)])


def test_all_ports_that_are_taken_are_named_and_so_are_two_parts_on_one_port() -> None:
    one, other, twice = free_ports(3)

    async def ready() -> bool:
        return True

    def part_on(setting: str, port: int) -> Part:
        return Part(name=setting.lower(), command=[], ports={setting: port}, ready=ready)

    with socket.socket() as first, socket.socket() as second:
        for taken, port in ((first, one), (second, other)):
            taken.bind(("127.0.0.1", port))
            taken.listen()
        asked = {"PORT_UN": one, "PORT_DEUX": other, "PORT_TROIS": twice, "PORT_QUATRE": twice}
        with pytest.raises(StartFailed) as refused:
            check_ports([part_on(setting, port) for setting, port in asked.items()])
    lines = str(refused.value).splitlines()
    assert len(lines) == 4
    assert all(f"set {setting}." in line for setting, line in zip(asked, lines, strict=True))
    assert "given to two settings" in lines[2]


def test_free_ports_are_not_those_that_the_system_gives_to_outgoing_connections() -> None:
    ports = Ports.free()
    found = [ports.mongodb, ports.kafka, ports.kafka_controller, ports.zipkin, ports.smtp, ports.courriels]
    assert len(set(found)) == 6
    assert max(found) < 32_768


async def test_parts_that_take_their_time_to_stop_take_it_together(tmp_path: Path) -> None:
    slow = (
        "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.7), sys.exit()));"
        "print('here', flush=True); time.sleep(600)"
    )
    running = await start_all([part(name, slow, tmp_path) for name in ("un", "deux", "trois")], tmp_path)
    began = time.monotonic()
    stop_all(running)
    assert time.monotonic() - began < 1.5
    assert [one.process.returncode for one in running] == [0, 0, 0]


async def test_a_command_that_fails_is_named_with_the_end_of_what_it_said(tmp_path: Path) -> None:
    await complete("bien", [sys.executable, "-c", "print('fait')"], {}, tmp_path)
    assert (tmp_path / "bien.log").read_text(encoding="utf-8") == "fait\n"
    lines = "".join(f"print('ligne {n}');" for n in range(100))
    with pytest.raises(StartFailed, match="mal failed:\nligne 81\n") as failed:
        await complete("mal", [sys.executable, "-c", lines + "raise SystemExit('la fin')"], {}, tmp_path)
    assert str(failed.value).endswith("la fin")
