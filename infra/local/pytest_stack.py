"""A pytest plugin: one MongoDB and one Kafka for the whole run, whatever the number of workers, stopped at its end.

They are started when a test that was collected (and not deselected) has the marker `stack`, by the process that the
user started, so that no worker owns them; tests that need none run meanwhile. Nothing is started when MONGODB_URI and
KAFKA_BOOTSTRAP_SERVERS name others.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Protocol

import pytest

from infra.local.processes import ROOT, tail
from infra.local.session import ADDRESSES, FAILURE, PREFIX

_TESTS = ROOT / ".local/tests"
_MEMORY = Path("/dev/shm")  # noqa: S108 - folders there are made by mkdtemp, for their owner only
_ROOM_BYTES = 4 * 1024**3
_NAMES = ("MONGODB_URI", "KAFKA_BOOTSTRAP_SERVERS")
_WANTED = "wanted"
_START_SECONDS = 90.0
_STOP_SECONDS = 30.0
_POLL_SECONDS = 0.05


class _Worker(Protocol):
    """What xdist's hooks give of a worker."""

    config: pytest.Config
    workerinput: dict[str, Any]


class _Stack:
    """The folder in which a run says that it wants the stack, and learns where it is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def want(self) -> None:
        (self.folder / _WANTED).touch()

    def start_if_wanted(self) -> None:
        if self._process is None and (self.folder / _WANTED).exists():
            with (self.folder / "session.log").open("wb") as log:
                self._process = subprocess.Popen(  # noqa: S603 - our own command
                    [sys.executable, "-m", "infra.local.session", str(self.folder)],
                    cwd=ROOT,
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    # Ctrl-C is for pytest, which then ends us.
                    start_new_session=True,
                )

    def wait(self) -> None:
        """Return when the stack is there, its addresses in the environment.

        Raises:
            RuntimeError: it is not, or no longer; with the reason.
        """
        deadline = time.monotonic() + _START_SECONDS
        while True:
            if (self.folder / FAILURE).exists():
                raise RuntimeError((self.folder / FAILURE).read_text(encoding="utf-8"))
            if (self.folder / ADDRESSES).exists():
                os.environ.update(json.loads((self.folder / ADDRESSES).read_text(encoding="utf-8")))
                return
            if time.monotonic() > deadline:
                raise RuntimeError(
                    f"the stack did not start in {_START_SECONDS:.0f} s:\n{tail(self.folder / 'session.log')}"
                )
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        if self._process is not None:
            assert self._process.stdin is not None  # noqa: S101 - it was asked for
            self._process.stdin.close()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                # The kernel then stops what it had started.
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


_STACK = pytest.StashKey[_Stack]()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Prepare the folder of this run; its workers are told of it."""
    if all(name in os.environ for name in _NAMES) or config.option.collectonly or config.option.help:
        return
    workerinput: dict[str, Any] | None = getattr(config, "workerinput", None)
    if workerinput is not None:
        folder = Path(workerinput["stack"])
    else:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=_where()))
    config.stash[_STACK] = _Stack(folder)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: _Worker) -> None:
    """Tell a worker of xdist where the folder is."""
    stack = _stack(node.config)
    if stack is not None:
        node.workerinput["stack"] = str(stack.folder)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Whoever collected the tests knows whether one needs the stack; in a worker, before the controller hears of it."""
    stack = _stack(session.config)
    if stack is None or not any(item.get_closest_marker("stack") for item in session.items):
        return
    stack.want()
    if not hasattr(session.config, "workerinput"):
        stack.start_if_wanted()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: _Worker) -> None:
    """The controller starts what a worker said it wants."""
    stack = _stack(node.config)
    if stack is not None:
        stack.start_if_wanted()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test that needs the stack waits for it; when it cannot be had, the run ends there, with the reason."""
    stack = _stack(item.config)
    if stack is None or item.get_closest_marker("stack") is None:
        return
    try:
        stack.wait()
    except RuntimeError as error:
        item.session.shouldstop = "the embedded stack is not there"
        pytest.fail(f"the embedded stack is not there: {error}", pytrace=False)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what was started, also after a failure or Ctrl-C."""
    stack = _stack(config)
    if stack is not None and not hasattr(config, "workerinput"):
        stack.stop()
        for name in _NAMES:
            os.environ.pop(name, None)


def _where() -> Path:
    """Where the data of a run are kept until its end: in memory, where there is room.

    Each acknowledged write waits for its disk, which is half of what a flow of tests costs (seen); memory outlives the
    `kill -9` of a server as well as a disk does.
    """
    if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free >= _ROOM_BYTES:
        return _MEMORY
    _TESTS.mkdir(parents=True, exist_ok=True)
    return _TESTS


def _stack(config: pytest.Config) -> _Stack | None:
    return config.stash.get(_STACK, None)
