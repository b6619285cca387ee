"""A pytest plugin: one MongoDB and one Kafka for the whole run, whatever the number of workers, stopped at its end.

Nothing is started when MONGODB_URI and KAFKA_BOOTSTRAP_SERVERS already name others, nor, in a run of one process, when
no collected test has the marker `stack`. With xdist the controller starts them before its workers, which it outlives.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from infra.local.processes import Running, free_ports, start_all, stop_all
from infra.local.stack import LOCAL, Ports, kafka, mongodb

_ADDRESSES = ("MONGODB_URI", "KAFKA_BOOTSTRAP_SERVERS")


class _Stack:
    """The parts that this run started."""

    def __init__(self) -> None:
        self._running: Sequence[Running] = ()
        self._folder: Path | None = None

    def start(self) -> None:
        if all(name in os.environ for name in _ADDRESSES):
            return
        (LOCAL / "tests").mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="stack-", dir=LOCAL / "tests"))
        self._folder = folder
        mongodb_port, kafka_port, controller_port = free_ports(3)
        ports = Ports(mongodb=mongodb_port, kafka=kafka_port, kafka_controller=controller_port)
        parts = [mongodb(ports, folder), kafka(ports, folder)]
        self._running = asyncio.run(start_all(parts, folder))
        os.environ["MONGODB_URI"] = ports.mongodb_uri
        os.environ["KAFKA_BOOTSTRAP_SERVERS"] = ports.kafka_bootstrap_servers

    def stop(self) -> None:
        if not self._running:
            return
        stop_all(self._running)
        self._running = ()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        for name in _ADDRESSES:
            os.environ.pop(name, None)


def pytest_configure(config: pytest.Config) -> None:
    """The controller (or the only process) starts the stack before its workers, so that they inherit the addresses."""
    if hasattr(config, "workerinput") or config.option.collectonly or config.option.help:
        return
    config.stash[_KEY] = _Stack()
    if _distributes(config):
        config.stash[_KEY].start()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A run in one process knows its tests: it starts the stack only if one needs it."""
    stack = config.stash.get(_KEY, None)
    if stack is not None and any(item.get_closest_marker("stack") for item in items):
        stack.start()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what was started, also after a failure or Ctrl-C."""
    stack = config.stash.get(_KEY, None)
    if stack is not None:
        stack.stop()


def _distributes(config: pytest.Config) -> bool:
    return bool(config.getoption("numprocesses", None)) and not config.option.collectonly


_KEY = pytest.StashKey[_Stack]()
