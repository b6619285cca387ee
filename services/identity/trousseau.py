"""The keys that identity makes for itself: those that sign tokens, and the one of fingerprints."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import override

from joserfc.jwk import ECKey, KeySet

from kit.auth.access_tokens import IssuerKeys
from kit.clock import Clock, technical_clock
from kit.logs import get_logger
from kit.mongo import Database
from kit.mongo.connection import is_away
from kit.mongo.migrations import generation
from kit.mongo.restoring import find_restoration
from kit.vault.keys import (
    FINGERPRINTS,
    KeysMissing,
    SealedKey,
    create_first_key,
    fingerprint,
    new_fingerprint_key,
    read_keys,
)
from kit.vault.sealing import Vault
from services.identity.domain.cles import CleDeSignature, EtatCle, states

SIGNATURE = "SIGNATURE"
FOLLOWED_EVERY_SECONDS = 30.0

_log = get_logger(__name__)


def new_signing_key() -> bytes:
    """A key that signs tokens, as it is kept."""
    return ECKey.generate_key("P-256").as_der(private=True)


@dataclass(slots=True)
class Trousseau:
    """The keys, once they are read from the store; before that, nothing is served."""

    database: Database
    vault: Vault
    clock: Clock = technical_clock
    generation: int = 0
    restaure_le: datetime | None = None
    _signatures: dict[CleDeSignature, ECKey] = field(default_factory=dict)
    _empreintes: bytes = b""

    async def create_missing(self) -> None:
        """Make the first key of each use where there is none; two processes at once make one."""
        held = {key.usage for key in await read_keys(self.database)}
        if SIGNATURE not in held:
            await create_first_key(self.database, self.vault, SIGNATURE, new_signing_key())
        if FINGERPRINTS not in held:
            await create_first_key(self.database, self.vault, FINGERPRINTS, new_fingerprint_key())

    async def load(self) -> None:
        """Read the keys.

        Raises:
            KeysMissing: there are none yet.
            Unopenable: they were sealed under a master key that is not at hand.
        """
        self.generation = await generation(self.database)
        restoration = await find_restoration(self.database)
        self.restaure_le = None if restoration is None else restoration.at
        await self._read()
        if not (self._signatures and self._empreintes):
            raise KeysMissing("the store holds no keys yet: run `python -m services.identity creer-cles`")

    async def follow(self) -> None:
        """Read the keys again and again, for ever: one that another process announced is published here too."""
        while True:
            await asyncio.sleep(FOLLOWED_EVERY_SECONDS)
            try:
                await self._read()
            except Exception as error:
                if not is_away(error):
                    raise
                _log.warning("keys_not_read", error=type(error).__name__)

    async def _read(self) -> None:
        signatures: dict[CleDeSignature, ECKey] = {}
        for key in await read_keys(self.database):
            if key.usage == SIGNATURE:
                cle = CleDeSignature(key.id, key.created_at)
                signatures[cle] = self._signatures.get(cle) or _open(key, self.vault)
            else:
                self._empreintes = key.open(self.vault)
        self._signatures = signatures

    def predates_restoration(self, moment: datetime) -> bool:
        """Whether what was signed or asked at that moment may have served already, unknown to the restored store."""
        return self.restaure_le is not None and moment <= self.restaure_le

    @property
    def signing_key(self) -> ECKey:
        """The key that signs now."""
        (current,) = [key for key, etat in self._states() if etat is EtatCle.COURANTE]
        return current

    @property
    def remembered(self) -> KeySet:
        """The keys that tell whom an ID token of ours was about, however old; with their private halves."""
        return KeySet([key for key, etat in self._states() if etat is not EtatCle.OUBLIABLE])

    def public_keys(self) -> dict[str, list[dict[str, str | list[str]]]]:
        """What `/jwks` answers."""
        return {"keys": [key.as_dict(private=False) for key, etat in self._states() if etat.publiee]}

    def verifying_key(self, kid: str) -> ECKey | None:
        """The key of that id, while what it signs is believed."""
        return next((key for key, etat in self._states() if key.kid == kid and etat.publiee), None)

    def _states(self) -> list[tuple[ECKey, EtatCle]]:
        found = states(list(self._signatures), now=self.clock())
        return [(key, found[cle.id]) for cle, key in self._signatures.items()]

    def empreinte(self, usage: str, value: str) -> str:
        """A fingerprint of a value for one use: the same each time, and meaningless to whoever has not the key."""
        return fingerprint(self._empreintes, usage, value)


def _open(key: SealedKey, vault: Vault) -> ECKey:
    return ECKey.import_key(key.open(vault), {"kid": key.id, "use": "sig", "alg": "ES256"})


class OwnKeys(IssuerKeys):
    """The issuer's keys as the issuer itself has them: nothing to fetch."""

    def __init__(self, issuer: str, trousseau: Trousseau) -> None:
        super().__init__(issuer)
        self._trousseau = trousseau

    @override
    async def get(self, kid: str) -> ECKey | None:
        return self._trousseau.verifying_key(kid)
