"""Routes by which people send files and fetch them: few at once, for a while, and what goes wrong told as JSON."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from kit.errors import Forbidden, NotFound, Refusal, Unauthenticated, Unavailable
from kit.logs import get_logger
from kit.mongo.connection import is_away


class TropLent(Unavailable):
    """The file did not come within the time that it has."""

    code = "DEPOT_TROP_LENT"


_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (Unauthenticated, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (Refusal, 409),
    (TropLent, 408),
    (Unavailable, 503),
)

type Handler = Callable[[Request], Awaitable[Response]]

_log = get_logger(__name__)


def told(handler: Handler, *, headers: Mapping[str, str] | None = None) -> Handler:
    """`handler`, whose expected errors are answered with their code and message, and `headers`; others go through."""

    async def answered(request: Request) -> Response:
        try:
            return await handler(request)
        except ClientDisconnect:
            _log.info("upload_given_up")
            return Response(status_code=400)
        except Exception as error:
            known = Unavailable() if is_away(error) else error
            for kind, status in _STATUS:
                if isinstance(known, kind):
                    return refusal(known, status, headers=headers)
            raise

    return answered


def refusal(error: Exception, status: int, *, headers: Mapping[str, str] | None = None) -> Response:
    """An error as a program reads it, for a person to be shown."""
    challenge = {"www-authenticate": 'Bearer error="invalid_token"'} if status == 401 else {}
    said = {"code": str(getattr(error, "code", "")), "message": str(getattr(error, "message", ""))}
    return JSONResponse(said, status_code=status, headers={**(headers or {}), **challenge})


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """How many files a process takes at once."""

    at_once: int
    _free: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_free", asyncio.Semaphore(self.at_once))

    @asynccontextmanager
    async def take(self, within_seconds: float) -> AsyncIterator[None]:
        """A place, for as long as a file takes, within that time.

        Raises:
            Unavailable: there is none.
            TropLent: the file took too long.
        """
        if self._free.locked():
            raise Unavailable("Trop d'envois sont en cours : recommencez dans un instant.")
        async with self._free:
            try:
                async with asyncio.timeout(within_seconds):
                    yield
            except TimeoutError as error:
                raise TropLent(f"L'envoi a duré plus de {within_seconds / 60:g} min : recommencez-le.") from error
