"""Starting parts in the order they need each other, watching them, and stopping them in the other order."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import psutil
import pytest

from infra.local.processes import Part, StartFailed
from infra.local.supervisor import Step, Supervisor

_SERVES = """
import pathlib, signal, sys, time
name, journal = sys.argv[1], pathlib.Path(sys.argv[2])
def stop(*_):
    with journal.open("a") as said: said.write(f"stop {name}\\n")
    sys.exit()
signal.signal(signal.SIGTERM, stop)
with journal.open("a") as said: said.write(f"start {name}\\n")
print("ready", flush=True)
if len(sys.argv) > 3: pathlib.Path(sys.argv[3]).touch()
time.sleep(600)
"""


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


type MakePart = Callable[..., Part]


@pytest.fixture
def part(tmp_path: Path, journal: Path) -> MakePart:
    """Makes a part that writes in the journal when it starts and stops."""

    def make(name: str, *, after: tuple[str, ...] = (), program: str = _SERVES) -> Part:
        sign = tmp_path / f"{name}.ready"

        async def ready() -> bool:
            return sign.exists()

        command = [sys.executable, "-c", program, name, str(journal), str(sign)]
        before = partial(sign.unlink, missing_ok=True)
        return Part(name=name, command=command, ready=ready, before=before, after=after, within=20)

    return make


def lines(journal: Path) -> list[str]:
    return journal.read_text(encoding="utf-8").splitlines()


def children() -> list[psutil.Process]:
    return [one for one in psutil.Process().children(recursive=True) if "time.sleep(600)" in " ".join(one.cmdline())]


async def test_parts_and_steps_start_when_what_they_need_is_there_and_stop_in_the_other_order(
    tmp_path: Path, journal: Path, part: MakePart
) -> None:
    async def create() -> None:
        with journal.open("a", encoding="utf-8") as said:
            said.write("step topics\n")

    said: list[str] = []
    supervisor = Supervisor(tmp_path, say=said.append)
    await supervisor.start(
        [
            part("service", after=("magasin", "topics")),
            Step(name="topics", run=create, after=("courtier",)),
            part("magasin"),
            part("courtier"),
        ]
    )
    supervisor.stop()
    order = lines(journal)
    assert set(order[:2]) <= {"start magasin", "start courtier", "step topics"}
    assert order.index("start courtier") < order.index("step topics") < order.index("start service")
    assert order.index("start magasin") < order.index("start service")
    assert order[4] == "stop service"
    assert set(order[5:]) == {"stop magasin", "stop courtier"}
    assert sorted(line.split(":")[0] for line in said) == ["courtier", "magasin", "service", "topics"]


async def test_a_step_that_fails_stops_what_had_started(tmp_path: Path, journal: Path, part: MakePart) -> None:
    async def refuse() -> None:
        raise StartFailed("no topic can be created")

    supervisor = Supervisor(tmp_path)
    with pytest.raises(StartFailed, match="no topic can be created"):
        await supervisor.start([part("courtier"), Step(name="topics", run=refuse, after=("courtier",))])
    assert lines(journal) == ["start courtier", "stop courtier"]


async def test_a_part_that_stops_while_others_start_ends_the_start(tmp_path: Path, part: MakePart) -> None:
    async def wait_for_ever() -> None:
        supervisor.running[0].process.send_signal(signal.SIGKILL)
        await asyncio.Event().wait()

    supervisor = Supervisor(tmp_path)
    with pytest.raises(StartFailed, match="courtier stopped by itself"):
        await supervisor.start([part("courtier"), Step(name="long", run=wait_for_ever, after=("courtier",))])
    assert not children()


async def test_a_part_that_was_killed_is_not_missed_and_comes_back_on_the_same_terms(
    tmp_path: Path, journal: Path, part: MakePart
) -> None:
    supervisor = Supervisor(tmp_path)
    await supervisor.start([part("magasin")])
    watching = asyncio.create_task(supervisor.watch())
    before = supervisor.find("magasin").process.pid
    supervisor.kill9("magasin")
    assert supervisor.find("magasin").process.returncode == -signal.SIGKILL
    await supervisor.restart("magasin")
    assert supervisor.find("magasin").process.pid != before
    assert not watching.done()
    supervisor.find("magasin").kill()
    with pytest.raises(StartFailed, match="magasin stopped by itself"):
        await asyncio.wait_for(watching, 10)
    assert lines(journal) == ["start magasin", "start magasin"]


async def test_the_log_of_the_run_before_is_kept_apart(tmp_path: Path, part: MakePart) -> None:
    for _ in range(2):
        supervisor = Supervisor(tmp_path)
        await supervisor.start([part("magasin")])
        supervisor.stop()
    for name in ("magasin.log", "magasin.previous.log"):
        assert (tmp_path / name).read_text(encoding="utf-8") == "ready\n"


@pytest.mark.parametrize("after", [("inconnu",), ("magasin",)])
async def test_an_order_that_cannot_be_is_refused_before_anything_starts(
    tmp_path: Path, part: MakePart, after: tuple[str, ...]
) -> None:
    with pytest.raises(ValueError, match=r"inconnu|cycle"):
        await Supervisor(tmp_path).start([part("magasin", after=after)])
    assert not children()


_RUNS = """
import asyncio, pathlib, sys
from infra.local.processes import Part
from infra.local.supervisor import Supervisor, run
folder, program = pathlib.Path(sys.argv[1]), sys.argv[2]
async def ready():
    return "ready" in (folder / "magasin.log").read_text()
async def main():
    supervisor = Supervisor(folder)
    async def start():
        command = [sys.executable, "-c", program, "magasin", str(folder / "journal")]
        await supervisor.start([Part(name="magasin", command=command, ready=ready)])
        print("started", flush=True)
    await run(supervisor, start)
asyncio.run(main())
"""


@pytest.fixture
def supervised(tmp_path: Path) -> Callable[[str], Awaitable[asyncio.subprocess.Process]]:
    async def start(program: str) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _RUNS, str(tmp_path), program, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), 20) == b"started\n"
        return process

    return start


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_told_to_stop_it_stops_its_parts_and_then_itself(
    supervised: Callable[[str], Awaitable[asyncio.subprocess.Process]], journal: Path, number: signal.Signals
) -> None:
    process = await supervised(_SERVES)
    process.send_signal(number)
    await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0
    assert lines(journal) == ["start magasin", "stop magasin"]


async def test_told_twice_it_does_not_wait_for_a_part_that_will_not_stop(
    supervised: Callable[[str], Awaitable[asyncio.subprocess.Process]],
) -> None:
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
    process = await supervised(deaf)
    (child,) = psutil.Process(process.pid).children()
    process.send_signal(signal.SIGINT)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(process.wait(), 0.5)
    process.send_signal(signal.SIGINT)
    await asyncio.wait_for(process.communicate(), 5)
    assert not child.is_running()


async def test_killed_it_takes_its_parts_with_it(
    supervised: Callable[[str], Awaitable[asyncio.subprocess.Process]], journal: Path
) -> None:
    process = await supervised(_SERVES)
    (child,) = psutil.Process(process.pid).children()
    os.kill(process.pid, signal.SIGKILL)
    await process.communicate()
    await asyncio.to_thread(child.wait, 10)
    assert lines(journal)[-1] == "stop magasin"
