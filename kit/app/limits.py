"""Limits on what a client may send."""

from collections.abc import Sequence

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 1_000_000


class _TooLarge(Exception):
    """The body went over the limit while it was read."""


class BodyLimit:
    """ASGI middleware: a body over `limit` bytes is refused with 413, announced or not.

    Args:
        elsewhere: where paths begin whose routes bound what they read by themselves.
    """

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY_BYTES, elsewhere: Sequence[str] = ()) -> None:
        self._app = app
        self._limit = limit
        self._elsewhere = tuple(elsewhere)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(self._elsewhere):
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self._limit:
            await self._refuse(scope, receive, send)
            return
        read = 0
        answering = False

        async def bounded() -> Message:
            nonlocal read
            message = await receive()
            if message["type"] == "http.request":
                read += len(message.get("body", b""))
                if read > self._limit:
                    raise _TooLarge
            return message

        async def observed(message: Message) -> None:
            nonlocal answering
            answering = True
            await send(message)

        try:
            await self._app(scope, bounded, observed)
        except _TooLarge:
            if answering:
                raise
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        text = f"La requête dépasse {self._limit} octets : envoyez-en moins à la fois."
        await PlainTextResponse(text, status_code=413)(scope, receive, send)
