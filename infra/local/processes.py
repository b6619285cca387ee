"""Starting, watching and stopping the processes of the local platform: only those it started, and all of those."""

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_POLL_SECONDS = 0.05
_STOP_SECONDS = 15.0
_TAIL_LINES = 20
_PR_SET_PDEATHSIG = 1


class StartFailed(Exception):
    """A process could not be started, or stopped by itself; the message says which and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A process of the platform.

    Args:
        ready: whether it answers, asked again and again until it does.
        ports: those it binds, with the setting that moves each.
        before: commands run once, in order, before it starts (formatting a disk, say).
        within: seconds it may take to be ready.
    """

    name: str
    command: Sequence[str]
    ready: Callable[[], Awaitable[bool]]
    ports: Mapping[str, int] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    before: Callable[[], None] | None = None
    within: float = 60.0


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
        if self.stopped():
            return
        self._signal(signal.SIGTERM)
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def tail(self) -> str:
        """The last lines it wrote."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-_TAIL_LINES:])

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)


def check_ports(parts: Sequence[Part]) -> None:
    """Make sure that every port is free.

    Raises:
        StartFailed: one is taken; it names the setting that moves it.
    """
    for part in parts:
        for setting, port in part.ports.items():
            if not _is_free(port):
                raise StartFailed(
                    f"port {port} of {part.name} is taken by another program: stop that program, or set {setting}."
                )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """Ports that nobody used a moment ago."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def launch(part: Part, folder: Path) -> Running:
    """Start the process without waiting for it to be ready; its output goes to `folder`/<name>.log."""
    if part.before is not None:
        part.before()
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{part.name}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own commands
            list(part.command),
            env={**os.environ, **part.environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent if os.uname().sysname == "Linux" else None,  # noqa: PLW1509
        )
    return Running(part, log, process)


def _die_with_parent() -> None:
    """Have the kernel stop the child when we are killed without being able to."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


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
    """Stop parts, the last started first."""
    for one in reversed(running):
        one.stop()


async def watch(running: Sequence[Running]) -> None:
    """Return never, unless one of the parts stops by itself.

    Raises:
        StartFailed: one did; with the end of its log.
    """
    while True:
        for one in running:
            if one.stopped():
                raise StartFailed(f"{one.part.name} stopped by itself:\n{one.tail()}")
        await asyncio.sleep(0.5)
