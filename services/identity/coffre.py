"""Sealing what the store must not hold in clear, under the master key (architecture §11)."""

import base64
import binascii
import contextlib
import os
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from ulid import ULID

_KEY_BYTES = 32
_NONCE_BYTES = 12
LOCALE = "locale-"
"""Keys made for a demonstration are named so, and stop every mode but the local one."""


class CleMaitreInvalide(ValueError):
    """`CLE_MAITRE` cannot be read; the message never quotes it."""


class Indechiffrable(RuntimeError):
    """Sealed under a key that is not at hand, for another purpose, or altered."""


@dataclass(frozen=True, slots=True)
class Scelle:
    """A sealed value, with the id of the key that opens it."""

    cle: str
    contenu: bytes


@dataclass(frozen=True, slots=True)
class Coffre:
    """Seals with AES-256-GCM under the current master key; opens with it and those it replaced."""

    courante: str
    _cles: Mapping[str, AESGCM]

    @classmethod
    def of(cls, cle_maitre: str) -> Self:
        """The vault of `id:base64[,id:base64…]`; the first key seals, the others only open.

        Raises:
            CleMaitreInvalide: it is not written so, or a key has not 256 bits.
        """
        cles: dict[str, AESGCM] = {}
        for part in cle_maitre.strip().split(","):
            name, separator, encoded = part.strip().partition(":")
            try:
                key = base64.b64decode(encoded, validate=True)
            except binascii.Error as error:
                raise CleMaitreInvalide("expected `id:key` with a key in base64") from error
            if not (name and separator) or len(key) != _KEY_BYTES or name in cles:
                raise CleMaitreInvalide(f"expected `id:key` with {_KEY_BYTES} bytes in base64, each id once")
            cles[name] = AESGCM(key)
        return cls(next(iter(cles)), cles)

    @property
    def for_demonstration(self) -> bool:
        """Whether one of the keys was made for a demonstration."""
        return any(name.startswith(LOCALE) for name in self._cles)

    def seal(self, clair: bytes, *, pour: str) -> Scelle:
        """Seal `clair`; it opens only for the same purpose `pour`, so that no row can stand in for another."""
        nonce = os.urandom(_NONCE_BYTES)
        return Scelle(self.courante, nonce + self._cles[self.courante].encrypt(nonce, clair, pour.encode()))

    def open(self, scelle: Scelle, *, pour: str) -> bytes:
        """What was sealed.

        Raises:
            Indechiffrable: it cannot be opened.
        """
        key = self._cles.get(scelle.cle)
        if key is None:
            raise Indechiffrable(f"the master key {scelle.cle!r} is not in CLE_MAITRE")
        nonce, sealed = scelle.contenu[:_NONCE_BYTES], scelle.contenu[_NONCE_BYTES:]
        try:
            return key.decrypt(nonce, sealed, pour.encode())
        except InvalidTag as error:
            raise Indechiffrable(f"not what was sealed for {pour!r}") from error


def create_local_key(path: Path) -> None:
    """Write a new key for a demonstration into `path`, readable by its owner only; an existing one is kept."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".cle-") as file:
        file.write(f"{LOCALE}{str(ULID()).lower()}:{key}\n")
        file.flush()
        # Linked once it is whole: of two processes that start together, one makes the key and both read it.
        with contextlib.suppress(FileExistsError):
            os.link(file.name, path)
