"""The keys that identity makes for itself: those that sign tokens, and the one of fingerprints."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import override

from joserfc.jwk import ECKey, KeySet

from kit.auth.access_tokens import IssuerKeys
from kit.mongo import Database
from kit.mongo.migrations import generation
from kit.mongo.restoring import find_restoration
from kit.vault.keys import (
    FINGERPRINTS,
    KeysMissing,
    create_first_key,
    fingerprint,
    new_fingerprint_key,
    read_keys,
)
from kit.vault.sealing import Vault

_SIGNATURE = "SIGNATURE"


@dataclass(slots=True)
class Trousseau:
    """The keys, once they are read from the store; before that, nothing is served."""

    database: Database
    vault: Vault
    generation: int = 0
    restaure_le: datetime | None = None
    _signatures: list[ECKey] = field(default_factory=list)
    _empreintes: bytes = b""

    async def create_missing(self) -> None:
        """Make the first key of each use where there is none; two processes at once make one."""
        held = {key.usage for key in await read_keys(self.database)}
        if _SIGNATURE not in held:
            signing = ECKey.generate_key("P-256")
            await create_first_key(self.database, self.vault, _SIGNATURE, signing.as_der(private=True))
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
        signatures: list[ECKey] = []
        for key in await read_keys(self.database):
            if key.usage == _SIGNATURE:
                signing = ECKey.import_key(key.open(self.vault), {"kid": key.id, "use": "sig", "alg": "ES256"})
                signatures.append(signing)
            else:
                self._empreintes = key.open(self.vault)
        if not (signatures and self._empreintes):
            raise KeysMissing("the store holds no keys yet: run `python -m services.identity creer-cles`")
        self._signatures = signatures

    def predates_restoration(self, moment: datetime) -> bool:
        """Whether what was signed or asked at that moment may have served already, unknown to the restored store."""
        return self.restaure_le is not None and moment <= self.restaure_le

    @property
    def signing_key(self) -> ECKey:
        """The key that signs from now on."""
        return self._signatures[-1]

    @property
    def published(self) -> KeySet:
        """Every key whose signatures are still believed; with their private halves."""
        return KeySet(list(self._signatures))

    def public_keys(self) -> dict[str, list[dict[str, str | list[str]]]]:
        """What `/jwks` answers."""
        return {"keys": [key.as_dict(private=False) for key in self._signatures]}

    def verifying_key(self, kid: str) -> ECKey | None:
        """The key of that id."""
        return next((key for key in self._signatures if key.kid == kid), None)

    def empreinte(self, usage: str, value: str) -> str:
        """A fingerprint of a value for one use: the same each time, and meaningless to whoever has not the key."""
        return fingerprint(self._empreintes, usage, value)


class OwnKeys(IssuerKeys):
    """The issuer's keys as the issuer itself has them: nothing to fetch."""

    def __init__(self, issuer: str, trousseau: Trousseau) -> None:
        super().__init__(issuer)
        self._trousseau = trousseau

    @override
    async def get(self, kid: str) -> ECKey | None:
        return self._trousseau.verifying_key(kid)
