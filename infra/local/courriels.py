"""The mail and SMS catcher of the local platform: nothing leaves this machine, and a page shows what would have.

`python -m infra.local.courriels` takes mail on PORT_SMTP, and SMS and readers on PORT_COURRIELS.
"""

import asyncio
import email
import email.policy
import itertools
import json
import os
import re
import socket
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from email.errors import MessageError
from email.message import EmailMessage

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from infra.local import courriels_page
from infra.local.processes import StartFailed, read_port

_KEPT = 500
_LONGEST_TEXT = 20_000
_LARGEST_MAIL = 2_000_000
_LARGEST_SMS = 16_384
_CUT = "\n[…] (la suite n'a pas été gardée)"
_NUMBER = re.compile(r"\+?\d{4,15}")
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
_HOSTS = ["127.0.0.1", "localhost"]
"""Others are refused: a site on the web that has its name point here would otherwise read the codes."""


@dataclass(frozen=True, slots=True)
class Message:
    """A mail (`sujet` is its subject) or an SMS (it has none), as it was sent; `recu_le` in UTC."""

    id: int
    recu_le: str
    canal: str
    destinataires: tuple[str, ...]
    sujet: str
    texte: str

    def is_to(self, destinataire: str) -> bool:
        return destinataire.casefold() in (one.casefold() for one in self.destinataires)


@dataclass(slots=True)
class Boite:
    """The last messages, newest first; older ones are forgotten."""

    _messages: deque[Message] = field(default_factory=lambda: deque(maxlen=_KEPT))
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def keep(self, canal: str, destinataires: Sequence[str], sujet: str, texte: str) -> Message:
        """Take a message in; of a very long one, the beginning."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        text = texte if len(texte) <= _LONGEST_TEXT else texte[:_LONGEST_TEXT] + _CUT
        message = Message(next(self._numbers), now, canal, tuple(destinataires), sujet[:_LONGEST_TEXT], text)
        self._messages.appendleft(message)
        return message

    def list(self, destinataire: str | None) -> list[Message]:
        """All messages, or those to one address or number."""
        # A copy, made at once: mail may come in by another thread.
        return [m for m in tuple(self._messages) if destinataire is None or m.is_to(destinataire)]


class _Smtp:
    """Hands mail to the box."""

    def __init__(self, boite: Boite) -> None:
        self._boite = boite

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content).encode()
        sujet, texte = read_mail(content)
        self._boite.keep("courriel", envelope.rcpt_tos, sujet, texte)
        return "250 Message accepted for delivery"


def read_mail(content: bytes) -> tuple[str, str]:
    """The subject of a mail and the text a person would read; of what is no proper mail, all of it, as it came."""
    try:
        parsed = email.message_from_bytes(content, policy=email.policy.default)
        return str(parsed["subject"] or ""), _text(parsed)
    except (MessageError, LookupError, ValueError, TypeError, AttributeError):
        # The standard library's parser raises these on some of what it should merely find faulty.
        return "", content.decode(errors="replace")


def _text(message: EmailMessage) -> str:
    body = message.get_body(("plain", "html"))
    return "" if body is None else str(body.get_content())


def create_app(boite: Boite) -> Starlette:
    """The pages and the doors of the box."""

    async def page(request: Request) -> Response:
        destinataire = request.query_params.get("destinataire", "").strip()
        return HTMLResponse(courriels_page.render(boite.list(destinataire or None), destinataire), headers=_HEADERS)

    async def style(_request: Request) -> Response:
        return Response(courriels_page.STYLE, media_type="text/css", headers=_HEADERS)

    async def messages(request: Request) -> Response:
        found = boite.list(request.query_params.get("destinataire"))
        return JSONResponse([asdict(message) for message in found], headers=_HEADERS)

    async def sms(request: Request) -> Response:
        try:
            numero, texte = _read_sms(await _body(request))
        except ValueError as error:
            return JSONResponse({"erreur": str(error)}, status_code=400)
        return JSONResponse({"id": boite.keep("sms", [numero], "", texte).id}, status_code=201)

    return Starlette(
        routes=[
            Route("/", page),
            Route("/style.css", style),
            Route("/messages", messages),
            Route("/sms", sms, methods=["POST"]),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=_HOSTS)],
    )


async def _body(request: Request) -> bytes:
    """The body of a request.

    Raises:
        ValueError: it is longer than any SMS.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_SMS:
            raise ValueError(f"Le message dépasse {_LARGEST_SMS} octets : envoyez-le en plusieurs fois.")
    return bytes(body)


def _read_sms(body: bytes) -> tuple[str, str]:
    """The number and the text of an SMS.

    Raises:
        ValueError: it has not the form `{"numero": "+33600000000", "texte": "…"}`; it says what is wrong, in French.
    """
    try:
        sent = json.loads(body)
    except ValueError:
        raise ValueError("Le corps de la requête n'est pas du JSON : envoyez un objet.") from None
    numero, texte = (sent.get("numero"), sent.get("texte")) if isinstance(sent, dict) else (None, None)
    if not isinstance(numero, str) or not _NUMBER.fullmatch(numero):
        raise ValueError("Le champ « numero » manque ou est incorrect : donnez un numéro tel que +33600000000.")
    if not isinstance(texte, str) or not texte:
        raise ValueError("Le champ « texte » manque : donnez le texte du message.")
    return numero, texte


async def serve(smtp: socket.socket, http: socket.socket) -> None:
    """Take mail and show it on sockets that listen already, until told to stop by a signal."""
    boite = Boite()
    loop = asyncio.get_running_loop()

    def connection() -> SMTP:
        return SMTP(_Smtp(boite), data_size_limit=_LARGEST_MAIL, enable_SMTPUTF8=True, hostname="localhost", loop=loop)

    config = uvicorn.Config(create_app(boite), access_log=False, log_level="warning", server_header=False)
    async with await loop.create_server(connection, sock=smtp):
        await uvicorn.Server(config).serve(sockets=[http])


def _listen(setting: str, default: int) -> socket.socket:
    """A socket that listens on the port that a setting gives, on the loopback address only.

    Raises:
        StartFailed: the setting is no port, or another program has it.
    """
    port = read_port(os.environ, setting, default)
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError:
        raise StartFailed(f"port {port} is taken by another program: stop that program, or set {setting}.") from None


def main() -> None:
    """Serve until told to stop, on the loopback address only."""
    try:
        smtp, http = _listen("PORT_SMTP", 1025), _listen("PORT_COURRIELS", 8025)
    except StartFailed as error:
        raise SystemExit(str(error)) from None
    asyncio.run(serve(smtp, http))


if __name__ == "__main__":
    main()
