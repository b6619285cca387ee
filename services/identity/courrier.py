"""Sending e-mail: each message is a row of the store first, so that a crash or a mail server away loses none."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Self
from urllib.parse import unquote, urlsplit

import aiosmtplib
import orjson
from ulid import ULID

from kit.clock import technical_clock
from kit.logs import get_logger
from kit.mongo import Database
from kit.mongo.connection import is_away
from kit.vault.sealing import Unopenable, Vault
from services.identity.settings import IdentitySettings
from services.identity.store.envois import Envoi, Envois

_SWEEP_SECONDS = 1.0
_TIMEOUT_SECONDS = 10.0
_FIRST_RETRY = timedelta(seconds=2)
_LONGEST_RETRY = timedelta(minutes=2)

_log = get_logger(__name__)


def new_envoi(vault: Vault, *, destinataire: str, sujet: str, texte: str, now: datetime, validite: timedelta) -> Envoi:
    """A message to `destinataire`, in plain text, useless after `validite`."""
    id = str(ULID())
    clear = orjson.dumps({"destinataire": destinataire, "sujet": sujet, "texte": texte})
    return Envoi(id=id, message=vault.seal(clear, purpose=_purpose(id)), cree_le=now, expire_le=now + validite)


def _purpose(id: str) -> str:
    return f"envoi/{id}"


def is_to(vault: Vault, envoi: Envoi, destinataire: str) -> bool:
    """Whether a message is for that address; one that was sealed under a master key that is gone is for nobody."""
    try:
        content: Mapping[str, str] = orjson.loads(vault.open(envoi.message, purpose=_purpose(envoi.id)))
    except Unopenable:
        return False
    return content["destinataire"] == destinataire


@dataclass(slots=True, kw_only=True)
class Courrier:
    """Sends what waits, until cancelled; several processes share the work."""

    envois: Envois
    vault: Vault
    settings: IdentitySettings
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def of(cls, settings: IdentitySettings, database: Database, vault: Vault) -> Self:
        """The sender of what waits in `database`, through the mail server that the settings name."""
        return cls(envois=Envois(database), vault=vault, settings=settings)

    def wake(self) -> None:
        """Something was just committed: send it now rather than at the next sweep."""
        self._woken.set()

    async def run(self) -> None:
        """Send for ever; whatever fails is said and tried again."""
        while True:
            try:
                while (envoi := await self.envois.take(now=technical_clock())) is not None:
                    await self._handle(envoi)
            except Exception as error:
                if not is_away(error):
                    raise
                _log.warning("mail_interrupted", error=type(error).__name__)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), _SWEEP_SECONDS)
            self._woken.clear()

    async def _handle(self, envoi: Envoi) -> None:
        now = technical_clock()
        if envoi.expire_le <= now:
            _log.warning("mail_too_late", attempts=envoi.essais)
            await self.envois.remove(envoi.id)
            return
        try:
            await _deliver(self._message(envoi), self.settings.smtp_url.get_secret_value())
        except (aiosmtplib.SMTPException, OSError, Unopenable) as error:
            delay = min(_FIRST_RETRY * 2 ** (envoi.essais - 1), _LONGEST_RETRY)
            _log.warning("mail_postponed", attempts=envoi.essais, error=type(error).__name__)
            await self.envois.postpone(envoi.id, now + delay)
            return
        await self.envois.remove(envoi.id)

    def _message(self, envoi: Envoi) -> EmailMessage:
        content: Mapping[str, str] = orjson.loads(self.vault.open(envoi.message, purpose=_purpose(envoi.id)))
        message = EmailMessage()
        message["From"] = self.settings.courriel_expediteur
        message["To"] = Address(addr_spec=content["destinataire"])
        message["Subject"] = content["sujet"]
        message["Date"] = format_datetime(envoi.cree_le)
        # The same each time it is tried: a mailbox that already has it may drop the second.
        message["Message-ID"] = f"<{envoi.id}@{urlsplit(self.settings.identity_url).hostname}>"
        message["Auto-Submitted"] = "auto-generated"
        message["Content-Language"] = "fr"
        message.set_content(content["texte"])
        return message


async def _deliver(message: EmailMessage, smtp_url: str) -> None:
    parts = urlsplit(smtp_url)
    await aiosmtplib.send(
        message,
        hostname=parts.hostname,
        port=parts.port,
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        use_tls=parts.scheme == "smtps",
        start_tls=parts.scheme == "smtp+starttls",
        timeout=_TIMEOUT_SECONDS,
    )
