"""Sending e-mail and SMS: each message is a row of the store first, so that a crash or a server away loses none."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import aiosmtplib
import httpx
import orjson
from ulid import ULID

from kit.clock import technical_clock
from kit.http import open_client
from kit.logs import get_logger
from kit.mongo import Database
from kit.mongo.connection import is_away
from kit.vault.sealing import Unopenable, Vault
from services.identity.lettres import rendu
from services.identity.lettres.lettre import Lettre, read, write
from services.identity.settings import IdentitySettings
from services.identity.store.envois import Envoi, Envois

_SWEEP_SECONDS = 1.0
_TIMEOUT_SECONDS = 10.0
_FIRST_RETRY = timedelta(seconds=2)
_LONGEST_RETRY = timedelta(minutes=2)

PERSONNE = ""
"""In place of an address: a letter that is written, and waits, like any other, and never leaves."""

_log = get_logger(__name__)


def new_envoi(vault: Vault, lettre: Lettre, *, destinataire: str, now: datetime, validite: timedelta) -> Envoi:
    """A letter to send to an address, useless after `validite`."""
    return _seal(vault, {"courriel": destinataire, "lettre": write(lettre)}, now=now, validite=validite)


def new_sms(vault: Vault, texte: str, *, numero: str, now: datetime, validite: timedelta) -> Envoi:
    """A text to send to a mobile number (E.164), useless after `validite`."""
    return _seal(vault, {"mobile": numero, "texte": texte}, now=now, validite=validite)


def _seal(vault: Vault, content: Mapping[str, object], *, now: datetime, validite: timedelta) -> Envoi:
    id = str(ULID())
    sealed = vault.seal(orjson.dumps(content), purpose=_purpose(id))
    return Envoi(id=id, message=sealed, cree_le=now, expire_le=now + validite)


def _purpose(id: str) -> str:
    return f"envoi/{id}"


def is_to(vault: Vault, envoi: Envoi, *destinataires: str | None) -> bool:
    """Whether a message is for one of these; one that was sealed under a master key that is gone is for nobody."""
    try:
        content: Mapping[str, Any] = orjson.loads(vault.open(envoi.message, purpose=_purpose(envoi.id)))
    except Unopenable:
        return False
    return content.get("courriel", content.get("mobile")) in destinataires


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
            await self._deliver(envoi)
        except (aiosmtplib.SMTPException, httpx.HTTPError, OSError, Unopenable) as error:
            delay = min(_FIRST_RETRY * 2 ** (envoi.essais - 1), _LONGEST_RETRY)
            _log.warning("mail_postponed", attempts=envoi.essais, error=type(error).__name__)
            await self.envois.postpone(envoi.id, now + delay)
            return
        await self.envois.remove(envoi.id)

    async def _deliver(self, envoi: Envoi) -> None:
        content: dict[str, Any] = orjson.loads(self.vault.open(envoi.message, purpose=_purpose(envoi.id)))
        if "mobile" in content:
            await self._send_sms(envoi, content["mobile"], content["texte"])
        elif content["courriel"] != PERSONNE:
            message = self._mail(envoi, content["courriel"], read(content["lettre"]))
            await _send_mail(message, self.settings.smtp_url.get_secret_value())

    def _mail(self, envoi: Envoi, destinataire: str, lettre: Lettre) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self.settings.courriel_expediteur
        message["To"] = Address(addr_spec=destinataire)
        message["Subject"] = lettre.sujet
        message["Date"] = format_datetime(envoi.cree_le)
        # The same each time it is tried: a mailbox that already has it may drop the second.
        message["Message-ID"] = f"<{envoi.id}@{urlsplit(self.settings.identity_url).hostname}>"
        message["Auto-Submitted"] = "auto-generated"
        message["Content-Language"] = "fr"
        message.set_content(rendu.text(lettre))
        message.add_alternative(rendu.html(lettre), subtype="html")
        return message

    async def _send_sms(self, envoi: Envoi, numero: str, texte: str) -> None:
        """Hand the text over to the operator's door: `{"numero", "texte"}`, once by its key however often it is tried.

        Raises:
            httpx.HTTPError: it does not answer, or does not take it.
        """
        headers = {"idempotency-key": envoi.id}
        if (jeton := self.settings.sms_jeton.get_secret_value()) != "":
            headers["authorization"] = f"Bearer {jeton}"
        async with open_client(timeout=_TIMEOUT_SECONDS) as client:
            answer = await client.post(self.settings.sms_url, json={"numero": numero, "texte": texte}, headers=headers)
        answer.raise_for_status()


async def _send_mail(message: EmailMessage, smtp_url: str) -> None:
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
