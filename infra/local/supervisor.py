"""Starts parts and steps as soon as what they need is there, watches them, and stops all it started."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from itertools import groupby
from pathlib import Path
from typing import Never

from infra.local.processes import (
    Part,
    Running,
    StartFailed,
    check_ports,
    launch,
    set_aside,
    spawn,
    stop_all,
    wait_ready,
)

_WATCH_SECONDS = 0.2
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something done once, between the starts of parts (topics created, data loaded).

    Args:
        after: the parts and steps that it waits for.
    """

    name: str
    run: Callable[[], Awaitable[None]]
    after: Sequence[str] = ()


def quiet(_line: str) -> None:
    """Say nothing."""


class Supervisor:
    """What was started, from the first to the last.

    Args:
        logs: the folder in which each part has its `<name>.log`, and that of its run before, `<name>.previous.log`.
        say: told, in one line, of each part or step that is ready.
    """

    def __init__(self, logs: Path, *, say: Callable[[str], None] = quiet) -> None:
        self.running: list[Running] = []
        self._logs = logs
        self._say = say
        self._watched: set[str] = set()
        self._levels: dict[str, int] = {}

    async def start(self, nodes: Sequence[Part | Step]) -> None:
        """Start parts and run steps, each once all it comes `after` are ready; return when the last one is.

        Raises:
            StartFailed: one cannot, or another stopped meanwhile; nothing is left running.
            ValueError: two have one name, or `after` names nobody, or goes round in a circle.
        """
        self._levels = _levels(nodes)
        check_ports([node for node in nodes if isinstance(node, Part)])
        starting = asyncio.create_task(self._start_all(nodes))
        watching = asyncio.create_task(self.watch())
        try:
            await asyncio.wait({starting, watching}, return_when=asyncio.FIRST_COMPLETED)
            for task in (watching, starting):
                if task.done():
                    task.result()
        except BaseException:
            await _cancelled(starting, watching)
            await asyncio.to_thread(self.stop)
            raise
        await _cancelled(watching)

    async def watch(self) -> Never:
        """Return never, unless a part stops by itself.

        Raises:
            StartFailed: one did; with the end of its log.
        """
        while True:
            for one in self.running:
                if one.part.name in self._watched and one.stopped():
                    raise StartFailed(f"{one.part.name} stopped by itself:\n{one.tail()}")
            await asyncio.sleep(_WATCH_SECONDS)

    def find(self, name: str) -> Running:
        """The part of that name.

        Raises:
            KeyError: none was started.
        """
        for one in self.running:
            if one.part.name == name:
                return one
        raise KeyError(name)

    def kill9(self, name: str) -> None:
        """`kill -9` a part, as a fault would; it is not missed until it is started again."""
        self._watched.discard(name)
        self.find(name).kill()

    async def restart(self, name: str) -> float:
        """Start a part that was stopped again, on the same data and ports; return the seconds until it answered.

        Raises:
            StartFailed: it cannot start.
        """
        before = self.find(name)
        before.stop()
        again = launch(before.part, self._logs)
        self.running[self.running.index(before)] = again
        seconds = await wait_ready(again)
        self._watched.add(name)
        return seconds

    def stop(self) -> None:
        """Stop all that was started: those that nobody running needs any more at once, then those they needed."""
        self._watched.clear()
        latest_first = sorted(self.running, key=self._level, reverse=True)
        for _, wave in groupby(latest_first, key=self._level):
            stop_all(list(wave))

    def kill(self) -> None:
        """`kill -9` all that was started: for when nobody wants to wait, or nobody needs the data any more."""
        self._watched.clear()
        for one in self.running:
            one.kill()

    def _level(self, one: Running) -> int:
        return self._levels[one.part.name]

    async def _start_all(self, nodes: Sequence[Part | Step]) -> None:
        ready = {node.name: asyncio.Event() for node in nodes}
        try:
            async with asyncio.TaskGroup() as group:
                for node in nodes:
                    group.create_task(self._start(node, ready))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def _start(self, node: Part | Step, ready: dict[str, asyncio.Event]) -> None:
        for name in node.after:
            await ready[name].wait()
        began = time.monotonic()
        set_aside(self._logs, node.name)
        if isinstance(node, Part):
            await self._start_part(node)
        else:
            await node.run()
        self._say(f"{node.name}: {time.monotonic() - began:.1f} s")
        ready[node.name].set()

    async def _start_part(self, part: Part) -> None:
        if part.before is not None:
            await asyncio.to_thread(part.before)
        running = spawn(part, self._logs)
        self.running.append(running)
        await wait_ready(running)
        self._watched.add(part.name)


async def run(supervisor: Supervisor, start: Callable[[], Awaitable[None]]) -> None:
    """Start, then watch until told to stop: Ctrl-C, SIGTERM, or a terminal that goes away.

    Whatever happens, all is stopped at the end; told a second time, without waiting.

    Raises:
        StartFailed: a part could not start, or stopped by itself.
    """
    asked = asyncio.Event()

    def ask() -> None:
        if asked.is_set():
            supervisor.kill()
        asked.set()

    async def work() -> Never:
        await start()
        await supervisor.watch()

    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, ask)
    working, asking = asyncio.create_task(work()), asyncio.create_task(asked.wait())
    try:
        await asyncio.wait({working, asking}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        await _cancelled(working, asking)
        # In a thread, so that a second signal is heard.
        await asyncio.to_thread(supervisor.stop)


def _levels(nodes: Sequence[Part | Step]) -> dict[str, int]:
    """For each node, how many others must be ready one after the other before it."""
    after = {node.name: tuple(node.after) for node in nodes}
    unknown = {name for names in after.values() for name in names} - after.keys()
    if unknown or len(after) != len(nodes):
        raise ValueError(f"each part needs a name of its own, and to come after others that exist: {sorted(unknown)}")
    levels: dict[str, int] = {}
    for name in TopologicalSorter(after).static_order():
        levels[name] = 1 + max((levels[other] for other in after[name]), default=-1)
    return levels


async def _cancelled(*tasks: asyncio.Task[object]) -> None:
    """Cancel tasks and wait until they have ended; what they had to say was said."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
