"""Another provider over the same store, whose file declares further clients and what they ask for."""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

from joserfc.jwk import ECKey

from kit.testing.serving import free_port, serve
from services.identity.app import create_app
from services.identity.tests.conftest import Identity, answers


@contextlib.asynccontextmanager
async def declaring(identity: Identity, folder: Path, **clients: str) -> AsyncIterator[Identity]:
    """The provider, with these declarations (TOML by client id) beside those of the demonstration."""
    demonstration = identity.settings.identity_clients.read_text(encoding="utf-8")
    path, port = folder / "clients.toml", free_port()
    added = "".join(f"\n[{id}]\n{said}\n" for id, said in clients.items())
    path.write_text(demonstration + added, encoding="utf-8")
    changed = {
        "identity_clients": path,
        "identity_url": f"http://127.0.0.1:{port}",
        "identity_port": port,
        "identity_grpc_port": free_port(),
    }
    settings = identity.settings.model_copy(update=changed)
    async with serve(create_app(settings), port=port):
        await answers(settings.identity_url)
        yield replace(identity, settings=settings)


def keys(key: ECKey) -> str:
    """The line that declares the public half of a key."""
    public = ", ".join(f"{name} = {json.dumps(value)}" for name, value in key.as_dict(private=False).items())
    return f"jwks = {{ keys = [{{ {public} }}] }}"
