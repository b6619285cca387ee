"""Clients of HTTP cost little to make."""

import httpx
import pytest

from kit import http
from kit.http import open_client


async def test_clients_share_what_they_trust(monkeypatch: pytest.MonkeyPatch) -> None:
    real, reads = httpx.create_ssl_context, 0

    def counted() -> object:
        nonlocal reads
        reads += 1
        return real()

    http._trusted.cache_clear()
    monkeypatch.setattr(httpx, "create_ssl_context", counted)
    for _ in range(3):
        await open_client(headers={"accept": "text/html"}).aclose()
    assert reads == 1
