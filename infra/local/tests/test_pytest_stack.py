"""The plugin that gives the tests their MongoDB and Kafka, in runs of pytest of its own."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
import pytest

from infra.local.processes import ROOT
from infra.local.stack import accepts

_CONFTEST = """
import os, psutil
def pytest_sessionfinish(session):
    if not hasattr(session.config, "workerinput"):
        children = psutil.Process().children(recursive=True)
        print("sessions:", sum("infra.local.session" in one.cmdline() for one in children), flush=True)
"""
_PLAIN = """
import os
def test_without_stack():
    print("seen:", os.environ.get("MONGODB_URI"))
"""
_STACK = """
import os, pathlib, pymongo, pytest
@pytest.mark.stack
@pytest.mark.parametrize("number", range(6))
def test_with_stack(number, worker_id, tmp_path):
    with pymongo.MongoClient(os.environ["MONGODB_URI"]) as client:
        client.essai.essai.insert_one({"_id": number})
    with open(os.environ["SEEN"], "a") as seen:
        seen.write(f"{worker_id} {os.environ['MONGODB_URI']} {os.environ['KAFKA_BOOTSTRAP_SERVERS']}\\n")
"""
_INI = """
[pytest]
markers = stack: needs it
filterwarnings = error
asyncio_default_fixture_loop_scope = session
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (("conftest.py", _CONFTEST), ("pytest.ini", _INI), ("test_plain.py", _PLAIN)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def environment(folder: Path, **given: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MONGODB_", "KAFKA_"))}
    return {**inherited, "PYTHONPATH": str(ROOT), "SEEN": str(folder / "seen"), **given}


async def start(folder: Path, options: Sequence[str], given: Mapping[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "pytest", "-p", "infra.local.pytest_stack", "-p", "no:cacheprovider", "-p", "no:randomly", "-s"),
        *options,
        cwd=folder,
        env=environment(folder, **given),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def run(folder: Path, *options: str, **given: str) -> tuple[int | None, str]:
    """Run the tests of `folder`; its status and what it said."""
    process = await start(folder, options, given)
    said, _ = await asyncio.wait_for(process.communicate(), 100)
    return process.returncode, said.decode()


@pytest.mark.parametrize("options", [(), ("-n", "2")])
async def test_a_run_that_needs_no_stack_starts_none(folder: Path, options: tuple[str, ...]) -> None:
    status, said = await run(folder, *options)
    assert (status, "sessions: 0" in said) == (0, True), said


async def test_tests_that_were_deselected_start_nothing(folder: Path) -> None:
    (folder / "test_stack.py").write_text(_STACK, encoding="utf-8")
    status, said = await run(folder, "-m", "not stack")
    assert (status, "sessions: 0" in said, "6 deselected" in said) == (0, True, True), said


async def test_workers_share_one_stack_which_is_gone_when_the_run_ends(folder: Path) -> None:
    (folder / "test_stack.py").write_text(_STACK, encoding="utf-8")
    status, said = await run(folder, "-n", "2")
    assert (status, "sessions: 1" in said) == (0, True), said
    seen = [line.split() for line in (folder / "seen").read_text(encoding="utf-8").splitlines()]
    assert len(seen) == 6
    ((uri, kafka),) = {(uri, kafka) for _, uri, kafka in seen}
    assert {worker for worker, *_ in seen} <= {"gw0", "gw1"}
    ports = [int(port) for port in re.findall(r":(\d+)", f"{uri} {kafka}")]
    assert len(ports) == 2
    assert not [port for port in ports if accepts(port)]


async def test_a_stack_that_is_given_is_used_and_none_is_started(folder: Path) -> None:
    status, said = await run(folder, MONGODB_URI="mongodb://ici", KAFKA_BOOTSTRAP_SERVERS="ici:1")
    assert (status, "seen: mongodb://ici" in said, "sessions: 0" in said) == (0, True, True), said


async def test_a_stack_that_cannot_start_ends_the_run_with_the_reason(folder: Path) -> None:
    (folder / "test_stack.py").write_text(_STACK, encoding="utf-8")
    status, said = await run(folder, "-n", "2", PATH=str(folder))
    assert status not in (0, None)
    assert "java is missing: `apt-get install maven` brings Java 17 and Maven." in said
    assert not re.search(r"[3-9] failed", said)


@pytest.mark.long
async def test_a_run_that_is_killed_leaves_nothing_behind(folder: Path) -> None:
    (folder / "test_stack.py").write_text(_STACK + "    import time; time.sleep(600)\n", encoding="utf-8")
    process = await start(folder, (), {})
    async with asyncio.timeout(60):
        while not (folder / "seen").exists():  # noqa: ASYNC110 - it is another process that writes it
            await asyncio.sleep(0.05)
    started = psutil.Process(process.pid).children(recursive=True)
    assert {"java", "secantusd-py"} <= {one.name() for one in started}
    os.kill(process.pid, signal.SIGKILL)
    await process.communicate()
    gone, alive = await asyncio.to_thread(psutil.wait_procs, started, timeout=30)
    assert len(gone) >= 3
    assert not alive
