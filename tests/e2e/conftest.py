"""The platform: one that the tests of a file share, and one of a test's own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infra.local.platform import Platform, read_settings
from infra.local.processes import free_ports
from tests.e2e.running import PORTS, Up, running


@pytest.fixture(scope="module")
async def up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Up]:
    """One platform for all the tests of a file."""
    async with running(tmp_path_factory.mktemp("plateforme")) as started:
        yield started


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    """A platform of the test's own, some of whose processes it may kill."""
    ports = {name: str(port) for name, port in zip(PORTS, free_ports(len(PORTS)), strict=True)}
    owned = Platform(read_settings({**ports, "DOSSIER_PLATEFORME": str(tmp_path)}))
    try:
        await owned.start()
        yield owned
    finally:
        owned.stop()
