"""Starting, watching and stopping the processes of the local platform: only those it started, and all of those."""

import asyncio
import contextlib
import ctypes
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_POLL_SECONDS = 0.05
_STOP_SECONDS = 15.0
_TAIL_LINES = 20
_TAIL_BYTES = 16_384
_PR_SET_PDEATHSIG = 1
_FREE_PORTS = range(20_000, 32_000)
"""Below those that systems give to outgoing connections, one of which could take a port before its server does."""

# Without it each process compiles what it imports anew: more than half of a service's time to start (seen).
_KEEP_BYTECODE = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(ROOT / ".local/pycache")}

# Not the seeded one: two test processes with one seed would choose the same ports.
_random = random.SystemRandom()

# Opened before any fork: a child of a process that has threads must not load a library.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class StartFailed(Exception):
    """A process could not be started, or stopped by itself; the message says which and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A process of the platform.

    Args:
        ready: whether it answers, asked again and again until it does.
        after: the parts and steps that a supervisor waits for before it starts this one.
        ports: those it binds, with the setting that moves each.
        before: what is to be done each time before it starts (formatting a disk, say).
        within: seconds it may take to be ready.
        given: a file that it reads as its standard input.
    """

    name: str
    command: Sequence[str]
    ready: Callable[[], Awaitable[bool]]
    after: Sequence[str] = ()
    ports: Mapping[str, int] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    before: Callable[[], None] | None = None
    within: float = 60.0
    given: Path | None = None


@dataclass(slots=True)
class Running:
    """A part that was started here."""

    part: Part
    log: Path
    process: subprocess.Popen[bytes]

    def stopped(self) -> bool:
        return self.process.poll() is not None

    def kill(self) -> None:
        """`kill -9`: it has no time to tidy up."""
        self._signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """Ask it to stop, and insist after fifteen seconds."""
        stop_all([self])

    def ask_to_stop(self) -> None:
        """SIGTERM, without waiting for what comes of it."""
        self._signal(signal.SIGTERM)

    def tail(self) -> str:
        """The last lines it wrote."""
        return tail(self.log)

    def _signal(self, number: signal.Signals) -> None:
        # A process that was waited for has given its number back, perhaps to somebody else's.
        if not self.stopped():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)


def tail(log: Path) -> str:
    """The last lines of a log, which may be long."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
    return "\n".join(lines[-_TAIL_LINES:])


def check_ports(parts: Sequence[Part]) -> None:
    """Make sure that every port is free, and asked for once.

    Raises:
        StartFailed: some are not; it names each with the setting that moves it.
    """
    asked = Counter(port for part in parts for port in part.ports.values())
    problems = [
        f"port {port} of {part.name} is {reason}, or set {setting}."
        for part in parts
        for setting, port in part.ports.items()
        if (reason := _why_not(port, asked[port]))
    ]
    if problems:
        raise StartFailed("\n".join(problems))


def _why_not(port: int, times_asked: int) -> str:
    """Why a port cannot be had, and what to do about it; empty when it can."""
    if times_asked > 1:
        return "given to two settings: change the other"
    return "" if _is_free(port) else "taken by another program: stop that program"


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """Ports that nobody used a moment ago, and that no outgoing connection will be given."""
    free = (port for port in _random.sample(_FREE_PORTS, len(_FREE_PORTS)) if _is_free(port))
    return [next(free) for _ in range(count)]


def read_port(environment: Mapping[str, str], setting: str, default: int) -> int:
    """The port that a variable gives.

    Raises:
        StartFailed: it is not a port; the variable is named.
    """
    value = environment.get(setting, str(default))
    if not value.isdecimal() or not 1 <= int(value) <= 65535:
        raise StartFailed(f"setting {setting}: {value!r} is not a port")
    return int(value)


def launch(part: Part, folder: Path) -> Running:
    """Start the process without waiting for it to be ready; its output goes to `folder`/<name>.log."""
    if part.before is not None:
        part.before()
    return spawn(part, folder)


def spawn(part: Part, folder: Path) -> Running:
    """Start the process, `part.before` having been done.

    To be called in a thread that lives on: the kernel stops the process when the thread that started it ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{part.name}.log"
    with log.open("ab") as output, (part.given or Path(os.devnull)).open("rb") as given:
        process = subprocess.Popen(  # noqa: S603 - our own commands
            list(part.command),
            env={**os.environ, **_KEEP_BYTECODE, **part.environment},
            cwd=ROOT,
            stdin=given,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=partial(_die_with, os.getpid()),  # noqa: PLW1509 - it only makes system calls
        )
    return Running(part, log, process)


def _die_with(parent: int) -> None:
    """Have the kernel stop this child when its parent is killed and cannot; only Linux knows how."""
    if _LIBC is None:
        return
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(1)


def set_aside(folder: Path, name: str) -> None:
    """Keep the log of the run before under another name, so that a log speaks of one run."""
    log = folder / f"{name}.log"
    if log.exists():
        log.replace(folder / f"{name}.previous.log")


async def complete(
    name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path, *, given: Path | None = None
) -> None:
    """Run a command to its end, with the file `given` as its input; its output goes to `folder`/<name>.log.

    Raises:
        StartFailed: it failed; with the end of its log.
    """

    async def ended() -> bool:
        return running.stopped()

    running = spawn(Part(name=name, command=command, environment=environment, ready=ended, given=given), folder)
    try:
        while not running.stopped():  # noqa: ASYNC110 - a process of the system sets no event of ours
            await asyncio.sleep(_POLL_SECONDS)
    finally:
        running.stop()
    if running.process.returncode != 0:
        raise StartFailed(f"{name} failed:\n{running.tail()}")


async def wait_ready(running: Running) -> float:
    """Return the seconds it took until the part answered.

    Raises:
        StartFailed: it stopped, or did not answer in time; with the end of its log.
    """
    started = time.monotonic()
    while not await running.part.ready():
        if running.stopped():
            raise StartFailed(f"{running.part.name} stopped while starting:\n{running.tail()}")
        if time.monotonic() - started > running.part.within:
            raise StartFailed(f"{running.part.name} did not answer in {running.part.within} s:\n{running.tail()}")
        await asyncio.sleep(_POLL_SECONDS)
    return time.monotonic() - started


async def start_all(parts: Sequence[Part], folder: Path) -> list[Running]:
    """Start parts together and wait until all answer; when one does not, stop them all.

    Raises:
        StartFailed: as `check_ports` and `wait_ready`.
    """
    check_ports(parts)
    running: list[Running] = []
    try:
        # In this thread: the kernel's word to a child comes when the thread that started it ends.
        running.extend(launch(part, folder) for part in parts)
        await asyncio.gather(*(wait_ready(one) for one in running))
    except BaseException:
        stop_all(running)
        raise
    return running


def stop_all(running: Sequence[Running]) -> None:
    """Ask all to stop at once, and insist after fifteen seconds."""
    for one in running:
        one.ask_to_stop()
    deadline = time.monotonic() + _STOP_SECONDS
    for one in running:
        try:
            one.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            one.kill()
