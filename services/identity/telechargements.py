"""Where exports are fetched: one address a file, for the person who asked for it, once (architecture §7, ADR 011)."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import IO

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from kit.app.uploads import told
from kit.errors import Unavailable
from services.identity.deps import Deps
from services.identity.domain.exports import LIGNES, Export, Format
from services.identity.schema.journal import CHEMIN
from services.identity.tableur import WRITERS
from services.identity.usecases.audit import Lecteur
from services.identity.usecases.audit import export as export_lines
from services.identity.usecases.exports import fetch_export
from socle.principal import Principal

_AT_ONCE = 2
"""≈ ours: files written at once in a process; each takes some seconds of it."""
_CHUNK = 64 * 1024
_KINDS = {
    Format.CSV: "text/csv; charset=utf-8",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_NOT_KEPT = {"cache-control": "no-store", "x-content-type-options": "nosniff"}

type Caller = Callable[[Request], Awaitable[Principal | None]]


def routes(deps: Deps, caller: Caller, cross_origin: Middleware) -> list[Route]:
    """The address of each export: `GET /exports/<id>`, with the access token of who asked for it."""
    places = asyncio.Semaphore(_AT_ONCE)

    async def get(request: Request) -> Response:
        return await _answer(deps, await caller(request), str(request.path_params["export"]), places)

    return [
        Route(CHEMIN + "{export}", told(get, headers=_NOT_KEPT), methods=["GET", "OPTIONS"], middleware=[cross_origin])
    ]


async def _answer(deps: Deps, principal: Principal | None, id: str, places: asyncio.Semaphore) -> Response:
    if places.locked():
        raise Unavailable("Trop d'exports sont en cours : recommencez dans un instant.")
    async with places:
        export, lecteur = await fetch_export(deps, principal, id)
        file, size = await _write(deps, export, lecteur)
    headers = {
        "content-disposition": f'attachment; filename="{_name(export)}"',
        "content-length": str(size),
        **_NOT_KEPT,
    }
    return StreamingResponse(_chunks(file), media_type=_KINDS[export.format], headers=headers)


async def _write(deps: Deps, export: Export, lecteur: Lecteur) -> tuple[IO[bytes], int]:
    """The file and its length, once it is whole: what is cut short would look complete."""
    # Without a name from the start: whatever happens, nothing of it is left on the disk.
    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed once it is sent
    try:
        lines = export_lines(deps, lecteur, export.recherche, most=LIGNES)
        await WRITERS[export.format.lower()](lines, file)
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file, size


async def _chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk


def _name(export: Export) -> str:
    return f"journal-{export.demande_le:%Y-%m-%d}.{export.format.lower()}"
