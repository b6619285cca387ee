"""Where files are sent: one address a file, for the person who announced it, once (architecture §7)."""

from collections.abc import Awaitable, Callable
from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from kit.app.uploads import Places, told
from kit.errors import Unauthenticated
from services.eleves.deps import Deps
from services.eleves.usecases.depots import find_awaited, receive
from socle.projections.habilitations import Acces

DEPOTS = "/depots/"
_AT_ONCE = 8
"""≈ ours (ADR 011): uploads at once in a process, each of which holds some megabytes."""

_WITHIN_SECONDS = 300.0
"""≈ ours (ADR 011): half of the ten minutes that an address is valid; 64 MB then want 2 Mbit/s, and a zip far less."""


def routes(deps: Callable[[], Awaitable[Deps]], acces: Acces) -> list[Route]:
    """The address of each announced file: `PUT /depots/<id>`, with the access token of who announced it."""
    places = Places(at_once=_AT_ONCE)

    async def put(request: Request) -> Response:
        return await _receive(request, await deps(), acces, places)

    return [Route(DEPOTS + "{fichier}", told(put), methods=["PUT"])]


async def _receive(request: Request, deps: Deps, acces: Acces, places: Places) -> Response:
    principal = await acces.of_headers(request.headers)
    if principal is None:
        raise Unauthenticated
    fichier = str(request.path_params["fichier"])
    held = await find_awaited(deps, principal, fichier)
    async with places.take(_WITHIN_SECONDS):
        confirmed = partial(acces.confirmed, principal)
        received = await receive(deps, held, fichier, request.stream(), confirmed=confirmed)
    return JSONResponse({"import": received.id, "etat": received.etat}, status_code=202)
