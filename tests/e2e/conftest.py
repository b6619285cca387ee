"""The platform that the tests of a file share."""

from collections.abc import AsyncIterator

import pytest

from tests.e2e.running import Up, running


@pytest.fixture(scope="module")
async def up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Up]:
    """One platform for all the tests of a file."""
    async with running(tmp_path_factory.mktemp("plateforme")) as started:
        yield started
