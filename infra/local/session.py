"""MongoDB and Kafka for one run of the tests: `python -m infra.local.session FOLDER`, which the pytest plugin starts.

It says where they are in FOLDER/addresses.json, or why they are not there in FOLDER/failure.txt, and serves until its
standard input is closed: by the end of the run or, should the run be killed, by the kernel. Then nothing is left.
"""

import asyncio
import contextlib
import fcntl
import json
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from infra.local import stack
from infra.local.processes import StartFailed
from infra.local.stack import Ports
from infra.local.supervisor import Supervisor

ADDRESSES = "addresses.json"
FAILURE = "failure.txt"
PREFIX = "site-de-gestion-essais-"

_STALE_SECONDS = 60.0


async def serve(folder: Path) -> None:
    """Run the parts in `folder` until standard input is closed."""
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    # Nobody writes there: that it can be read says that it was closed.
    loop.add_reader(sys.stdin.fileno(), over.set)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, over.set)
    supervisor = Supervisor(folder / "logs")
    working, ending = asyncio.create_task(_work(supervisor, folder)), asyncio.create_task(over.wait())
    try:
        await asyncio.wait({working, ending}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            _write(folder / FAILURE, _reason(working))
            await over.wait()
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        # The data are thrown away: nothing is gained by stopping gently.
        supervisor.kill()


async def _work(supervisor: Supervisor, folder: Path) -> None:
    ports = Ports.free()
    await supervisor.start([stack.mongodb(ports, folder), stack.kafka(ports, folder)])
    addresses = {"MONGODB_URI": ports.mongodb_uri, "KAFKA_BOOTSTRAP_SERVERS": ports.kafka_bootstrap_servers}
    _write(folder / ADDRESSES, json.dumps(addresses))
    await supervisor.watch()


def _reason(working: asyncio.Task[None]) -> str:
    error = working.exception()
    return str(error) if isinstance(error, StartFailed) else "".join(traceback.format_exception(error))


def _write(file: Path, text: str) -> None:
    """Write a file that is seen whole or not at all."""
    draft = file.with_suffix(".draft")
    draft.write_text(text, encoding="utf-8")
    draft.rename(file)


@contextlib.contextmanager
def _owned(folder: Path) -> Iterator[None]:
    """Mark the folder as in use for as long as this process lives, and remove it at the end."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_stale(folders: Path) -> None:
    """Remove what sessions that were killed have left."""
    for lock in folders.glob(f"{PREFIX}*/lock"):
        if time.time() - lock.stat().st_mtime < _STALE_SECONDS:
            continue
        with lock.open() as file, contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent, ignore_errors=True)


def main() -> None:
    """Serve one run of the tests."""
    folder = Path(sys.argv[1])
    _remove_stale(folder.parent)
    with _owned(folder):
        asyncio.run(serve(folder))


if __name__ == "__main__":
    main()
