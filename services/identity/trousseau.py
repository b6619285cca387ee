"""The keys that identity makes for itself: those that sign tokens, and the one of fingerprints."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import override

from joserfc.jwk import ECKey, KeySet
from ulid import ULID

from kit.auth.access_tokens import IssuerKeys
from kit.clock import technical_clock
from kit.mongo import Database
from kit.mongo.migrations import generation
from services.identity.coffre import Coffre
from services.identity.store.cles import CleScellee, Usage, add_cle, read_cles


class ClesAbsentes(RuntimeError):
    """The store holds no key yet."""


@dataclass(slots=True)
class Trousseau:
    """The keys, once they are read from the store; before that, nothing is served."""

    database: Database
    coffre: Coffre
    generation: int = 0
    _signatures: list[ECKey] = field(default_factory=list)
    _empreintes: bytes = b""

    async def create_missing(self) -> None:
        """Make the first key of each use where there is none; two processes at once make one."""
        held = {cle.usage for cle in await read_cles(self.database)}
        if Usage.SIGNATURE not in held:
            key = ECKey.generate_key("P-256")
            await self._add(Usage.SIGNATURE, key.as_der(private=True))
        if Usage.EMPREINTES not in held:
            await self._add(Usage.EMPREINTES, secrets.token_bytes(32))

    async def load(self) -> None:
        """Read the keys.

        Raises:
            ClesAbsentes: there are none yet.
            Indechiffrable: they were sealed under a master key that is not at hand.
        """
        self.generation = await generation(self.database)
        signatures: list[ECKey] = []
        for cle in await read_cles(self.database):
            clear = self.coffre.open(cle.scelle, pour=_purpose(cle.usage, cle.id))
            if cle.usage is Usage.SIGNATURE:
                signatures.append(ECKey.import_key(clear, {"kid": cle.id, "use": "sig", "alg": "ES256"}))
            else:
                self._empreintes = clear
        if not (signatures and self._empreintes):
            raise ClesAbsentes("the store holds no keys yet: run `python -m services.identity creer-cles`")
        self._signatures = signatures

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
        return hmac.new(self._empreintes, f"{usage}\x00{value}".encode(), hashlib.sha256).hexdigest()

    async def _add(self, usage: Usage, clear: bytes) -> None:
        id = str(ULID())
        sealed = self.coffre.seal(clear, pour=_purpose(usage, id))
        await add_cle(self.database, CleScellee(id=id, usage=usage, rang=1, scelle=sealed, creee_le=technical_clock()))


def _purpose(usage: Usage, id: str) -> str:
    return f"cle/{usage}/{id}"


class OwnKeys(IssuerKeys):
    """The issuer's keys as the issuer itself has them: nothing to fetch."""

    def __init__(self, issuer: str, trousseau: Trousseau) -> None:
        super().__init__(issuer)
        self._trousseau = trousseau

    @override
    async def get(self, kid: str) -> ECKey | None:
        return self._trousseau.verifying_key(kid)
