"""Installing the Java parts: what is missing is said with what brings it, and nothing is done twice."""

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.local import jvm
from infra.local.installation import _unpack, install
from infra.local.processes import StartFailed

type Programs = Callable[..., None]


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Programs]:
    """Gives a machine with these programs only, and nothing installed."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def give(**scripts: str) -> None:
        for name, script in scripts.items():
            (folder / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
            (folder / name).chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))

    monkeypatch.setattr(jvm, "JAVA", tmp_path / "java")
    jvm.require_java.cache_clear()
    yield give
    jvm.require_java.cache_clear()


def java(version: str) -> str:
    return f"echo 'openjdk version \"{version}\" 2025-04-15' >&2"


def left_in(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir() if one.name != ".lock")


async def test_a_java_that_is_missing_is_said_with_the_command_that_installs_it(programs: Programs) -> None:
    programs()
    with pytest.raises(StartFailed, match="java is missing: `apt-get install maven` brings Java 17 and Maven"):
        await install("kafka")


@pytest.mark.parametrize(("version", "said"), [("1.8.0_402", "1"), ("11.0.22", "11"), ("16", "16")])
async def test_a_java_that_is_too_old_is_said_with_its_version(programs: Programs, version: str, said: str) -> None:
    programs(java=java(version))
    with pytest.raises(StartFailed, match=f"java is of version {said}, and 17 or later is needed"):
        await install("kafka")


@pytest.mark.parametrize("version", ["17.0.15", "21", "26-ea"])
async def test_a_maven_that_is_missing_is_said_with_the_command_that_installs_it(
    programs: Programs, version: str
) -> None:
    programs(java=java(version))
    with pytest.raises(StartFailed, match="mvn is missing: `apt-get install maven`"):
        await install("kafka")


async def test_what_maven_says_when_it_fails_is_shown_and_nothing_is_left(programs: Programs) -> None:
    programs(java=java("17"), mvn="echo 'the network is away'; exit 1")
    with pytest.raises(StartFailed, match="mvn failed:\nthe network is away"):
        await install("kafka")
    assert left_in(jvm.JAVA) == []


async def test_what_is_installed_is_not_installed_again() -> None:
    await install("kafka")
    assert await install("kafka") == []


def test_a_part_that_is_not_installed_is_said_with_the_command_that_does_it(programs: Programs) -> None:
    programs(java=java("17"))
    with pytest.raises(
        StartFailed, match=r"kafka is not installed: `\.local/venv/bin/python -m infra\.local\.installation kafka`"
    ):
        jvm.command("kafka", "kafka.Kafka")


def test_an_executable_jar_is_unpacked_into_the_jars_that_it_holds(tmp_path: Path) -> None:
    executable = tmp_path / "essai-1.0-exec.jar"
    with zipfile.ZipFile(executable, "w") as packed:
        packed.writestr("BOOT-INF/classes/", "")
        packed.writestr("BOOT-INF/classes/essai/Essai.class", "classe")
        packed.writestr("BOOT-INF/lib/autre-2.0.jar", "archive")
        packed.writestr("org/springframework/boot/loader/Loader.class", "loader")
    _unpack(executable)
    assert left_in(tmp_path) == ["application-classes.jar", "autre-2.0.jar"]
    with zipfile.ZipFile(tmp_path / "application-classes.jar") as own:
        assert own.namelist() == ["essai/Essai.class"]
