"""Where files are sent: one address a file, for the person who announced it, once (architecture §7)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from kit.errors import Forbidden, NotFound, Refusal, Unauthenticated, Unavailable
from kit.logs import get_logger
from kit.mongo.connection import is_away
from services.eleves.deps import Deps
from services.eleves.usecases.depots import find_awaited, receive
from socle.projections.habilitations import Acces

DEPOTS = "/depots/"
_AT_ONCE = 8
"""≈ ours (ADR 011): uploads at once in a process, each of which holds some megabytes."""

_WITHIN_SECONDS = 300.0
"""≈ ours (ADR 011): half of the ten minutes that an address is valid; 64 MB then want 2 Mbit/s, and a zip far less."""

_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (Unauthenticated, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (Refusal, 409),
    (Unavailable, 503),
)

_log = get_logger(__name__)


def routes(deps: Callable[[], Awaitable[Deps]], acces: Acces) -> list[Route]:
    """The address of each announced file: `PUT /depots/<id>`, with the access token of who announced it."""
    places = asyncio.Semaphore(_AT_ONCE)

    async def put(request: Request) -> Response:
        try:
            return await _receive(request, await deps(), acces, places)
        except ClientDisconnect:
            _log.info("upload_given_up")
            return Response(status_code=400)
        except TimeoutError:
            return _refusal(408, "DEPOT_TROP_LENT", "L'envoi a duré plus de cinq minutes : recommencez-le.")
        except Exception as error:
            if is_away(error):
                error = Unavailable()
            for kind, status in _STATUS:
                if isinstance(error, kind):
                    return _answer(error, status)
            raise

    return [Route(DEPOTS + "{fichier}", put, methods=["PUT"])]


async def _receive(request: Request, deps: Deps, acces: Acces, places: asyncio.Semaphore) -> Response:
    principal = await acces.of_headers(request.headers)
    if principal is None:
        raise Unauthenticated
    fichier = str(request.path_params["fichier"])
    held = await find_awaited(deps, principal, fichier)
    if places.locked():
        raise Unavailable("Trop d'envois sont en cours : recommencez dans un instant.")
    async with places, asyncio.timeout(_WITHIN_SECONDS):
        confirmed = partial(acces.confirmed, principal)
        received = await receive(deps, held, fichier, request.stream(), confirmed=confirmed)
    return JSONResponse({"import": received.id, "etat": received.etat}, status_code=202)


def _answer(error: Exception, status: int) -> Response:
    code, message = str(getattr(error, "code", "")), str(getattr(error, "message", ""))
    return _refusal(status, code, message)


def _refusal(status: int, code: str, message: str) -> Response:
    headers: Mapping[str, str] = {"www-authenticate": 'Bearer error="invalid_token"'} if status == 401 else {}
    return JSONResponse({"code": code, "message": message}, status_code=status, headers=headers)
