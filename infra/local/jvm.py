"""Running the Java parts: which Java, which classes, and how to start in half the time."""

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from infra.local.processes import ROOT, StartFailed

JAVA = ROOT / ".local/java"
OLDEST_JAVA = 17

# Quick to start rather than quick to run: these serve one developer.
OPTIONS = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


@cache
def require_java() -> str:
    """The version of the Java at hand, 17 or later.

    Raises:
        StartFailed: there is none, or it is older; with the command that installs one.
    """
    if shutil.which("java") is None:
        raise StartFailed("java is missing: `apt-get install maven` brings Java 17 and Maven.")
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr  # noqa: S607
    found = re.search(r'version "(\d+)([^"]*)"', said)
    if found is None or int(found[1]) < OLDEST_JAVA:
        version = found[1] if found else "unknown"
        raise StartFailed(
            f"java is of version {version}, and {OLDEST_JAVA} or later is needed: "
            "`apt-get install maven` brings one; put it first in PATH."
        )
    return found[1] + found[2]


def command(name: str, main: str, *options: str) -> list[str]:
    """The command that runs `main` of the part `name`, to be followed by its arguments.

    Its classes come already parsed from the archive that the installation made of them, where there is one.

    Raises:
        StartFailed: the part is not installed, or there is no Java.
    """
    require_java()
    # The archive is good for one class path only, so in an order that does not depend on the disk.
    jars = sorted((JAVA / name).glob("*.jar"))
    if not jars:
        command = f".local/venv/bin/python -m infra.local.installation {name}"
        raise StartFailed(f"{name} is not installed: `{command}` does it, once.")
    archive = archive_of(name)
    shared = [f"-XX:SharedArchiveFile={archive}", "-Xlog:disable", "-Xlog:all=error"] if archive.exists() else []
    return ["java", *OPTIONS, *shared, *options, "-cp", ":".join(map(str, jars)), main]


def archive_of(name: str) -> Path:
    """Where the parsed classes of a part are."""
    return JAVA / f"{name}.jsa"
