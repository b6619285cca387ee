"""From where a request comes. Known to all that it leads to, as its trace is, without being handed down."""

from contextvars import ContextVar

from starlette.types import ASGIApp, Receive, Scope, Send

_adresse: ContextVar[str | None] = ContextVar("adresse", default=None)


def adresse() -> str | None:
    """The address of the client of this request; None outside a request (a command, a loop)."""
    return _adresse.get()


class Origine:
    """ASGI middleware: notes the client's address, which the server took from trusted proxies only."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        token = _adresse.set(client[0] if client else None)
        try:
            await self._app(scope, receive, send)
        finally:
            _adresse.reset(token)
