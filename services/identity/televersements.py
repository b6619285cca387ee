"""Where lists of persons to invite are sent: one address a file, for the person who announced it, once (ADR 011, 035);
and where the model of such a list is fetched.
"""

import asyncio
import io
from collections.abc import Callable

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from kit.app.uploads import Places, told
from kit.errors import NotFound
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
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_MODELES = {
    "csv": (write_csv, "text/csv; charset=utf-8"),
    "xlsx": (write_xlsx, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
}


def routes(deps: Deps, caller: Caller, cross_origin: Middleware, *, received: Callable[[], None]) -> list[Route]:
    """`PUT /depots/<id>`, with the access token of who announced it; `GET /modeles/invitations.csv`, or `.xlsx`.

    `received` is called once a list is there.
    """
    places = Places(at_once=_AT_ONCE)

    async def put(request: Request) -> Response:
        principal = await caller(request)
        async with places.take(_WITHIN_SECONDS):
            depot = await receive(deps, principal, str(request.path_params["depot"]), request.stream())
        received()
        etat = EtatDepot.EN_COURS if depot.refus is None else EtatDepot.REFUSE
        return JSONResponse({"depot": depot.id, "etat": etat}, status_code=202, headers=_HEADERS)

    within = [cross_origin]
    return [
        Route(DEPOTS + "{depot}", told(put, headers=_HEADERS), methods=["PUT", "OPTIONS"], middleware=within),
        Route(MODELE + "{forme}", told(_modele, headers=_HEADERS), methods=["GET", "OPTIONS"], middleware=within),
    ]


async def _modele(request: Request) -> Response:
    forme = str(request.path_params["forme"])
    known = _MODELES.get(forme)
    if known is None:
        raise NotFound("Ce modèle existe en csv et en xlsx : choisissez l'un des deux.")
    write, kind = known
    file = io.BytesIO()
    await asyncio.to_thread(write, file)
    name = f'attachment; filename="modele-invitations.{forme}"'
    return Response(file.getvalue(), media_type=kind, headers=_HEADERS | {"content-disposition": name})
