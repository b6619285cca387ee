"""The boundaries of architecture §2 are drawn where the page says: each import that it forbids breaks a contract."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.processes import ROOT

PACKAGES = ("gateway", "generateur", "infra", "kit", "proto", "services", "socle", "tests/architecture")
FORBIDDEN = (
    # A domain imports the standard library, the pure part of socle and kit.errors.
    ("services.identity.domain.comptes", "kit.clock"),
    ("services.identity.domain.comptes", "kit.logs"),
    ("services.identity.domain.comptes", "kit.settings"),
    ("services.identity.domain.comptes", "kit.telemetry.tracing"),
    ("services.identity.domain.comptes", "httpx"),
    ("services.identity.domain.comptes", "aiosmtplib"),
    ("services.identity.domain.comptes", "services.identity.mfa.totp"),
    ("services.offre.domain", "services.offre.store"),
    ("services.eleves.siecle.refus", "kit.clock"),
    ("socle.series", "kit.settings"),
    ("socle.topics", "kit.mongo"),
    ("services.rapports.policy", "services.rapports.store.lectures"),
    # A service is built in layers.
    ("services.offre.usecases", "services.offre.schema"),
    ("services.identity.usecases.comptes", "services.identity.pages.routes"),
    ("services.offre.store", "services.offre.schema"),
    ("services.eleves.store.eleves", "services.eleves.policy"),
    ("services.rapports.consumers", "services.rapports.app"),
    # Each part stands on those below it.
    ("services.offre.usecases", "services.rapports.domain"),
    ("socle.series", "services.offre.domain"),
    ("kit.clock", "socle.series"),
    ("kit.outbox.rows", "proto.identity.v1.service_pb2"),
    ("gateway.engine", "kit.errors"),
    ("gateway.engine", "motor"),
    ("gateway.engine", "pymongo"),
    ("generateur.ecoles", "kit.mongo"),
    ("infra.topics", "socle.academies"),
    # The driver is opened in one place, and its words are written in a few.
    ("kit.consumer.loop", "motor"),
    ("kit.logs", "pymongo"),
    ("services.offre.usecases", "pymongo"),
)


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """What is said of a copy of the code in which all of them are written, and one module that stands nowhere."""
    copy = tmp_path_factory.mktemp("copie")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", copy)
    for importer, imported in FORBIDDEN:
        with _file(copy, importer).open("a", encoding="utf-8") as module:
            module.write(f"\nimport {imported}\n")
    (copy / "services/offre/nouveau.py").touch()
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-logo", "--no-cache"], cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    yield done.stdout.splitlines()
    shutil.rmtree(copy)


def _file(folder: Path, module: str) -> Path:
    return folder.joinpath(*module.split(".")).with_suffix(".py")


@pytest.mark.parametrize(("importer", "imported"), FORBIDDEN)
def test_an_import_that_the_page_forbids_breaks_a_contract(said: list[str], importer: str, imported: str) -> None:
    assert [line for line in said if importer in line and imported in line]


def test_a_module_that_has_no_place_in_its_service_is_refused(said: list[str]) -> None:
    assert "- services.offre.nouveau" in said
