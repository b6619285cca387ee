"""Keycloak, an OpenID provider that was not written here: an employer's, in the tests that need a real one."""

import tempfile
from pathlib import Path

from infra.local import jvm
from infra.local.processes import Part, StartFailed, complete
from infra.local.stack import http_ready

ADMINISTRATEUR = "administrateur"
MOT_DE_PASSE = "administrateur de l'essai"

_QUARKUS = "io.quarkus.bootstrap"
# What its own script gives, less what only a large server needs.
_OPTIONS = (
    "-Xms64m",
    "-Xmx512m",
    "-XX:MaxMetaspaceSize=256m",
    "-Dfile.encoding=UTF-8",
    "-Duser.language=fr",
    "--add-opens=java.base/java.util=ALL-UNNAMED",
    "--add-opens=java.base/java.util.concurrent=ALL-UNNAMED",
    "--add-opens=java.base/java.security=ALL-UNNAMED",
    f"-Djava.util.concurrent.ForkJoinPool.common.threadFactory={_QUARKUS}.forkjoin.QuarkusForkJoinWorkerThreadFactory",
    "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
    "-Dpicocli.disable.closures=true",
)
_START_SECONDS = 180.0


def keycloak(port: int) -> Part:
    """A server on that port of the loopback address; what it keeps is in its memory, and goes with it.

    Raises:
        StartFailed: it is not installed, or there is no Java.
    """
    return Part(
        name="keycloak",
        command=[
            *_command(),
            "start",
            "--optimized",
            "--http-enabled=true",
            "--http-host=127.0.0.1",
            f"--http-port={port}",
            f"--hostname=http://127.0.0.1:{port}",
            "--cache=local",
            "--log-level=WARN",
        ],
        environment={"KC_BOOTSTRAP_ADMIN_USERNAME": ADMINISTRATEUR, "KC_BOOTSTRAP_ADMIN_PASSWORD": MOT_DE_PASSE},
        ports={"PORT_KEYCLOAK": port},
        ready=http_ready(f"http://127.0.0.1:{port}/realms/master"),
        within=_START_SECONDS,
    )


async def build() -> None:
    """Let it settle what it settles once for all starts, which then take a third of the time.

    Raises:
        StartFailed: it cannot.
    """
    with tempfile.TemporaryDirectory(dir=jvm.JAVA) as folder:
        await complete("keycloak", [*_command(), "build", "--db=dev-mem"], {}, Path(folder))


def _command() -> list[str]:
    jvm.require_java()
    home = jvm.JAVA / "keycloak"
    runner = home / "lib/quarkus-run.jar"
    if not runner.exists():
        raise StartFailed(
            "keycloak is not installed: `.local/venv/bin/python -m infra.local.installation keycloak` does it, once."
        )
    own = (f"-Dkc.home.dir={home}", f"-Djboss.server.config.dir={home / 'conf'}")
    return ["java", *jvm.OPTIONS, *_OPTIONS, *own, "-cp", str(runner), f"{_QUARKUS}.runner.QuarkusEntryPoint"]
