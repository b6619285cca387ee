"""Installs the Java parts of the embedded stack, once: `python -m infra.local.installation kafka zipkin keycloak`.

Maven brings what `pom.xml` names into `.local/java/<part>/`; the part then runs once, to keep its classes parsed, or
its own choices. What is there already, from this `pom.xml` and for this Java, is left as it is.
"""

import argparse
import asyncio
import fcntl
import hashlib
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

from infra.local import jvm, keycloak, stack
from infra.local.processes import Part, StartFailed, complete, launch, wait_ready
from infra.local.stack import Ports

_POM = Path(__file__).with_name("pom.xml")
_ARCHIVE_SECONDS = 120.0
_POLL_SECONDS = 0.2

_PARTS: Mapping[str, Callable[[Ports, Path], Part]] = {
    "kafka": stack.kafka,
    "zipkin": lambda ports, _data: stack.zipkin(ports),
}


async def install(*names: str) -> list[str]:
    """Install the parts that are not there yet, of this `pom.xml` and Java; return those that had to be.

    Raises:
        StartFailed: Java or Maven is missing, or Maven could not bring a part.
    """
    wanted = f"{hashlib.sha256(_POM.read_bytes()).hexdigest()} {jvm.require_java()}\n"
    jvm.JAVA.mkdir(parents=True, exist_ok=True)
    installed = []
    async with _alone():
        for name in names:
            stamp = jvm.JAVA / f".{name}"
            if stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
                continue
            jvm.archive_of(name).unlink(missing_ok=True)
            await _bring(name)
            await (keycloak.build() if name == "keycloak" else _keep_classes(name))
            stamp.write_text(wanted, encoding="ascii")
            installed.append(name)
    return installed


@asynccontextmanager
async def _alone() -> AsyncIterator[None]:
    """Wait for whoever else is installing here, to find it done."""
    with (jvm.JAVA / ".lock").open("w") as lock:
        while not _locked(lock):  # noqa: ASYNC110 - it is held by another process
            await asyncio.sleep(_POLL_SECONDS)
        yield


def _locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _bring(name: str) -> None:
    """Replace the part's folder by what Maven brings."""
    if shutil.which("mvn") is None:
        raise StartFailed("mvn is missing: `apt-get install maven` brings Maven and Java 17.")
    sys.stdout.write(f"{name}: being installed, once; a first download takes its time\n")
    sys.stdout.flush()
    with tempfile.TemporaryDirectory(dir=jvm.JAVA) as temporary:
        folder = Path(temporary)
        brought = folder / name
        maven = ["mvn", "--quiet", "--batch-mode", "-f", str(_POM), "-P", name]
        copy = [*maven, "dependency:copy-dependencies", f"-DoutputDirectory={brought}"]
        await complete("mvn", copy, {}, folder)
        for jar in brought.glob("*-exec.jar"):
            await asyncio.to_thread(_unpack, jar)
        for distribution in brought.glob("*.zip"):
            await asyncio.to_thread(_unfold, distribution)
        shutil.rmtree(jvm.JAVA / name, ignore_errors=True)
        brought.rename(jvm.JAVA / name)


def _unpack(executable: Path) -> None:
    """Put the jars that an executable jar holds beside it and drop it: nested ones are slow and cannot be archived."""
    folder = executable.parent
    classes = "BOOT-INF/classes/"
    with (
        zipfile.ZipFile(executable) as packed,
        zipfile.ZipFile(folder / "application-classes.jar", "w", zipfile.ZIP_DEFLATED) as own,
    ):
        for entry in packed.namelist():
            if entry.startswith("BOOT-INF/lib/") and entry.endswith(".jar"):
                (folder / Path(entry).name).write_bytes(packed.read(entry))
            elif entry.startswith(classes) and not entry.endswith("/"):
                own.writestr(entry.removeprefix(classes), packed.read(entry))
    executable.unlink()


def _unfold(distribution: Path) -> None:
    """Put what a distribution holds, below a folder of its own name and version, in place of the file."""
    folder = distribution.parent
    with zipfile.ZipFile(distribution) as packed:
        for entry in packed.infolist():
            entry.filename = entry.filename.partition("/")[2]
            if entry.filename:
                packed.extract(entry, folder)
    distribution.unlink()


async def _keep_classes(name: str) -> None:
    """Run the part once and have Java write its parsed classes when it stops."""
    with tempfile.TemporaryDirectory(dir=jvm.JAVA) as temporary:
        folder = Path(temporary)
        written = folder / "classes.jsa"
        part = _PARTS[name](Ports.free(), folder)
        options = {"JAVA_TOOL_OPTIONS": f"-XX:ArchiveClassesAtExit={written}"}
        running = launch(replace(part, environment={**part.environment, **options}), folder)
        try:
            await wait_ready(running)
            running.ask_to_stop()
            await asyncio.to_thread(running.process.wait, _ARCHIVE_SECONDS)
        except subprocess.TimeoutExpired:
            raise StartFailed(f"{name} did not stop in {_ARCHIVE_SECONDS:.0f} s:\n{running.tail()}") from None
        finally:
            running.kill()
        written.rename(jvm.archive_of(name))


def main() -> None:
    """Install the parts that are named, and say what was done."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.installation", description=__doc__)
    parser.add_argument("parts", nargs="+", choices=sorted([*_PARTS, "keycloak"]), metavar="part", help="which")
    began = time.monotonic()
    try:
        installed = asyncio.run(install(*parser.parse_args().parts))
    except StartFailed as error:
        raise SystemExit(f"installation: {error}") from None
    if installed:
        sys.stdout.write(f"{', '.join(installed)}: installed in {time.monotonic() - began:.0f} s\n")


if __name__ == "__main__":
    main()
