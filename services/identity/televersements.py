"""Where lists of persons to invite are sent: one address a file, for the person who announced it, once (ADR 011, 035);
and where the model of such a list is fetched.
"""

import asyncio
import io
from collections.abc import Callable

from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from kit.errors import Forbidden, NotFound, Refusal, Unauthenticated, Unavailable
from kit.logs import get_logger
from kit.mongo.connection import is_away
from services.identity.deps import Deps
from services.identity.domain.depots import EtatDepot
from services.identity.modele import write_csv, write_xlsx
from services.identity.schema.depots import DEPOTS, MODELE
from services.identity.telechargements import Caller
from services.identity.usecases.depots import receive

_AT_ONCE = 2
"""≈ ours: files at once in a process; each takes some hundreds of megabytes at worst, while it is checked."""
_WITHIN_SECONDS = 60.0
"""≈ ours: two megabytes then want a third of a Mbit/s."""
_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (Unauthenticated, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (Refusal, 409),
    (Unavailable, 503),
)
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_MODELES = {
    "csv": (write_csv, "text/csv; charset=utf-8"),
    "xlsx": (write_xlsx, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
}

_log = get_logger(__name__)


def routes(deps: Deps, caller: Caller, cross_origin: Middleware, *, received: Callable[[], None]) -> list[Route]:
    """`PUT /depots/<id>`, with the access token of who announced it; `GET /modeles/invitations.csv`, or `.xlsx`.

    `received` is called once a list is there.
    """
    places = asyncio.Semaphore(_AT_ONCE)

    async def put(request: Request) -> Response:
        try:
            answer = await _receive(deps, caller, request, places)
        except ClientDisconnect:
            _log.info("upload_given_up")
            return Response(status_code=400)
        except TimeoutError:
            return _refusal(408, "DEPOT_TROP_LENT", "L'envoi a duré plus d'une minute : recommencez-le.")
        except Exception as error:
            known = Unavailable() if is_away(error) else error
            for kind, status in _STATUS:
                if isinstance(known, kind):
                    return _refusal(status, str(getattr(known, "code", "")), str(getattr(known, "message", "")))
            raise
        received()
        return answer

    within = [cross_origin]
    return [
        Route(DEPOTS + "{depot}", put, methods=["PUT", "OPTIONS"], middleware=within),
        Route(MODELE + "{forme}", _modele, methods=["GET", "OPTIONS"], middleware=within),
    ]


async def _receive(deps: Deps, caller: Caller, request: Request, places: asyncio.Semaphore) -> Response:
    principal = await caller(request)
    if places.locked():
        raise Unavailable("Trop d'envois sont en cours : recommencez dans un instant.")
    async with places, asyncio.timeout(_WITHIN_SECONDS):
        depot = await receive(deps, principal, str(request.path_params["depot"]), request.stream())
    etat = EtatDepot.EN_COURS if depot.refus is None else EtatDepot.REFUSE
    return JSONResponse({"depot": depot.id, "etat": etat}, status_code=202, headers=_HEADERS)


async def _modele(request: Request) -> Response:
    forme = str(request.path_params["forme"])
    known = _MODELES.get(forme)
    if known is None:
        return _refusal(404, NotFound.code, "Ce modèle existe en csv et en xlsx : choisissez l'un des deux.")
    write, kind = known
    file = io.BytesIO()
    await asyncio.to_thread(write, file)
    name = f'attachment; filename="modele-invitations.{forme}"'
    return Response(file.getvalue(), media_type=kind, headers=_HEADERS | {"content-disposition": name})


def _refusal(status: int, code: str, message: str) -> Response:
    challenge = {"www-authenticate": 'Bearer error="invalid_token"'} if status == 401 else {}
    return JSONResponse({"code": code, "message": message}, status_code=status, headers=_HEADERS | challenge)
