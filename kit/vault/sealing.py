"""Sealing what the store must not hold in clear, under the master key (architecture §11)."""

import base64
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

from kit.mongo.collections import Document

_KEY_BYTES = 32
_NONCE_BYTES = 12
LOCAL_KEY = "locale-"
"""Keys made for a demonstration are named so, and stop every mode but the local one."""


class BadMasterKey(ValueError):
    """`CLE_MAITRE` cannot be read; the message never quotes it."""


class Unopenable(RuntimeError):
    """Sealed under a key that is not at hand, for another purpose, or altered."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed value, with the id of the key that opens it."""

    key: str
    content: bytes

    @property
    def document(self) -> Document:
        """As a store keeps it."""
        return {"cle": self.key, "contenu": self.content}

    @classmethod
    def read(cls, document: Document) -> Self:
        """The value of a document made by `document`."""
        return cls(document["cle"], bytes(document["contenu"]))


@dataclass(frozen=True, slots=True)
class Vault:
    """Seals with AES-256-GCM under the current master key; opens with it and those it replaced."""

    current: str
    _keys: Mapping[str, AESGCM]

    @classmethod
    def of(cls, master_keys: str) -> Self:
        """The vault of `id:base64[,id:base64…]`; the first key seals, the others only open.

        Raises:
            BadMasterKey: it is not written so, or a key has not 256 bits.
        """
        keys: dict[str, AESGCM] = {}
        for part in master_keys.strip().split(","):
            name, separator, encoded = part.strip().partition(":")
            try:
                key = base64.b64decode(encoded, validate=True)
            except ValueError as error:
                raise BadMasterKey("expected `id:key` with a key in base64") from error
            if not (name and separator) or len(key) != _KEY_BYTES or name in keys:
                raise BadMasterKey(f"expected `id:key` with {_KEY_BYTES} bytes in base64, each id once")
            keys[name] = AESGCM(key)
        return cls(next(iter(keys)), keys)

    @property
    def for_demonstration(self) -> bool:
        """Whether one of the keys was made for a demonstration."""
        return any(name.startswith(LOCAL_KEY) for name in self._keys)

    def seal(self, clear: bytes, *, purpose: str) -> Sealed:
        """Seal `clear`; it opens only for the same `purpose`, so that no row can stand in for another."""
        nonce = os.urandom(_NONCE_BYTES)
        return Sealed(self.current, nonce + self._keys[self.current].encrypt(nonce, clear, purpose.encode()))

    def open(self, sealed: Sealed, *, purpose: str) -> bytes:
        """What was sealed.

        Raises:
            Unopenable: it cannot be opened.
        """
        key = self._keys.get(sealed.key)
        if key is None:
            raise Unopenable(f"the master key {sealed.key!r} is not in CLE_MAITRE")
        nonce, content = sealed.content[:_NONCE_BYTES], sealed.content[_NONCE_BYTES:]
        try:
            return key.decrypt(nonce, content, purpose.encode())
        except InvalidTag as error:
            raise Unopenable(f"not what was sealed for {purpose!r}") from error


def create_local_key(path: Path) -> None:
    """Write a new key for a demonstration into `path`, readable by its owner only; an existing one is kept."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".cle-") as file:
        file.write(f"{LOCAL_KEY}{str(ULID()).lower()}:{key}\n")
        file.flush()
        # Linked once it is whole: of two processes that start together, one makes the key and both read it.
        with contextlib.suppress(FileExistsError):
            os.link(file.name, path)
