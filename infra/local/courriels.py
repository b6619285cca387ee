"""The mail and SMS catcher of the local platform: nothing leaves this machine, and a page shows what would have.

`python -m infra.local.courriels` takes mail on PORT_SMTP, and SMS and readers on PORT_COURRIELS.
"""

import email
import email.policy
import html
import itertools
import os
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage

import uvicorn
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

_KEPT = 500
_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


@dataclass(frozen=True, slots=True)
class Message:
    """A mail (`sujet` is its subject) or an SMS (it has none), as it was sent."""

    id: int
    recu_le: str
    canal: str
    destinataires: tuple[str, ...]
    sujet: str
    texte: str


@dataclass(slots=True)
class Boite:
    """The last messages, newest first; older ones are forgotten."""

    _messages: deque[Message] = field(default_factory=lambda: deque(maxlen=_KEPT))
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def keep(self, canal: str, destinataires: Sequence[str], sujet: str, texte: str) -> Message:
        """Take a message in."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        message = Message(next(self._numbers), now, canal, tuple(destinataires), sujet, texte)
        self._messages.appendleft(message)
        return message

    def list(self, destinataire: str | None) -> list[Message]:
        """All messages, or those to one address or number."""
        return [m for m in self._messages if destinataire is None or destinataire in m.destinataires]


class _Smtp:
    """Hands mail to the box."""

    def __init__(self, boite: Boite) -> None:
        self._boite = boite

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content).encode()
        parsed = email.message_from_bytes(content, policy=email.policy.default)
        self._boite.keep("courriel", envelope.rcpt_tos, str(parsed["subject"] or ""), _text(parsed))
        return "250 Message accepted for delivery"


def _text(message: EmailMessage) -> str:
    """The plain text of a mail, what a person would read."""
    body = message.get_body(("plain", "html"))
    return "" if body is None else str(body.get_content())


def create_app(boite: Boite) -> Starlette:
    """The pages and the doors of the box."""

    async def page(_request: Request) -> Response:
        return HTMLResponse(_page(boite.list(None)), headers=_HEADERS)

    async def style(_request: Request) -> Response:
        return Response(_STYLE, media_type="text/css", headers=_HEADERS)

    async def messages(request: Request) -> Response:
        return JSONResponse([asdict(m) for m in boite.list(request.query_params.get("destinataire"))])

    async def sms(request: Request) -> Response:
        sent = await request.json()
        kept = boite.keep("sms", [str(sent["numero"])], "", str(sent["texte"]))
        return JSONResponse({"id": kept.id}, status_code=201)

    return Starlette(
        routes=[
            Route("/", page),
            Route("/style.css", style),
            Route("/messages", messages),
            Route("/sms", sms, methods=["POST"]),
        ]
    )


def _page(messages: Sequence[Message]) -> str:
    articles = "".join(_article(message) for message in messages) or "<p>Aucun message pour l'instant.</p>"
    return (
        '<!doctype html><html lang="fr"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<title>Courriels et SMS de la plateforme locale</title>"
        '<link rel="stylesheet" href="/style.css"></head>'
        "<body><main><h1>Courriels et SMS</h1>"
        "<p>Rien n'a quitté cette machine. Le plus récent est en haut ; rechargez la page pour voir la suite.</p>"
        f"{articles}</main></body></html>"
    )


def _article(message: Message) -> str:
    title = message.sujet or "SMS"
    return (
        f"<article><h2>{html.escape(title)}</h2>"
        f"<p>à {html.escape(', '.join(message.destinataires))}, "
        f'<time datetime="{message.recu_le}">{message.recu_le}</time></p>'
        f"<pre>{html.escape(message.texte)}</pre></article>"
    )


_STYLE = """
body { margin: 0; font: 1rem/1.5 system-ui, sans-serif; color: #161616; background: #f6f6f6; }
main { max-width: 46rem; margin: 0 auto; padding: 1rem; }
article { background: #fff; border-left: 4px solid #000091; padding: .5rem 1rem; margin: 1rem 0; }
h2 { font-size: 1.1rem; margin: .25rem 0; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; }
"""


def main() -> None:
    """Serve until told to stop, on the loopback address only."""
    boite = Boite()
    smtp = Controller(_Smtp(boite), hostname="127.0.0.1", port=int(os.environ.get("PORT_SMTP", "1025")))
    smtp.start()
    try:
        port = int(os.environ.get("PORT_COURRIELS", "8025"))
        uvicorn.run(create_app(boite), host="127.0.0.1", port=port, access_log=False, log_level="warning")
    finally:
        smtp.stop()


if __name__ == "__main__":
    main()
