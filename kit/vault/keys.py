"""Keys that a service makes for itself, kept in its store sealed under the master key (architecture §11)."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pymongo.errors import DuplicateKeyError
from ulid import ULID

from kit.clock import technical_clock
from kit.errors import Conflict
from kit.mongo.collections import Collection, Database, Index
from kit.mongo.transactions import Transaction
from kit.vault.sealing import Sealed, Vault

KEYS = Collection(
    name="cles",
    required={"usage": "string", "rang": "int", "scelle": "object", "creee_le": "date"},
    indexes=(Index(keys={"usage": 1, "rang": 1}, unique=True),),
    purpose="signer et calculer des empreintes ; chiffrées sous CLE_MAITRE",
    readers="le service",
    kept="aussi longtemps que ce qu'elles ont signé ou marqué",
)
FINGERPRINTS = "EMPREINTES"
_FINGERPRINT_KEY_BYTES = 32


class KeysMissing(RuntimeError):
    """The store holds no key of that use yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedKey:
    """A key of one use; of those of the same use, the one of the highest rank is current."""

    id: str
    usage: str
    rank: int
    sealed: Sealed
    created_at: datetime

    def open(self, vault: Vault) -> bytes:
        """The key in clear.

        Raises:
            Unopenable: it was sealed under a master key that is not at hand.
        """
        return vault.open(self.sealed, purpose=_purpose(self.usage, self.id))


async def read_keys(database: Database) -> list[SealedKey]:
    """Every key, the oldest of each use first."""
    documents = await database[KEYS.name].find({}).sort([("usage", 1), ("rang", 1)]).to_list(None)
    return [
        SealedKey(
            id=document["_id"],
            usage=document["usage"],
            rank=document["rang"],
            sealed=Sealed.read(document["scelle"]),
            created_at=document["creee_le"],
        )
        for document in documents
    ]


async def create_first_key(database: Database, vault: Vault, usage: str, clear: bytes) -> bool:
    """Keep the first key of a use; False when there is one already, made by another process."""
    id = str(ULID())
    try:
        await database[KEYS.name].insert_one(
            {
                "_id": id,
                "usage": usage,
                "rang": 1,
                "scelle": vault.seal(clear, purpose=_purpose(usage, id)).document,
                "creee_le": technical_clock(),
            }
        )
    except DuplicateKeyError:
        return False
    return True


async def insert_key(transaction: Transaction, vault: Vault, usage: str, clear: bytes, *, rank: int) -> SealedKey:
    """Keep a further key of a use, of that rank, if the transaction commits.

    Raises:
        Conflict: another process has just kept one of that rank.
    """
    id, now = str(ULID()), technical_clock()
    sealed = vault.seal(clear, purpose=_purpose(usage, id))
    row = {"_id": id, "usage": usage, "rang": rank, "scelle": sealed.document, "creee_le": now}
    try:
        await transaction[KEYS.name].insert_one(row, session=transaction.session)
    except DuplicateKeyError as error:
        raise Conflict("Une autre clé vient d'être créée : recommencez si elle ne suffit pas.") from error
    return SealedKey(id=id, usage=usage, rank=rank, sealed=sealed, created_at=now)


async def forget_keys(transaction: Transaction, ids: Sequence[str]) -> None:
    """Forget keys that are of no use any more, if the transaction commits."""
    await transaction[KEYS.name].delete_many({"_id": {"$in": list(ids)}}, session=transaction.session)


def new_fingerprint_key() -> bytes:
    """A key for fingerprints."""
    return secrets.token_bytes(_FINGERPRINT_KEY_BYTES)


def fingerprint(key: bytes, usage: str, value: str) -> str:
    """A fingerprint of a value for one use: the same each time, and meaningless to whoever has not the key."""
    return hmac.new(key, f"{usage}\x00{value}".encode(), hashlib.sha256).hexdigest()


@dataclass(slots=True)
class Fingerprints:
    """The fingerprint key of a service; before `load` there is none."""

    database: Database
    vault: Vault
    _key: bytes = field(default=b"", repr=False)

    async def load(self, *, create: bool) -> None:
        """Read the key; with `create`, make it where there is none: two processes at once make one.

        Raises:
            KeysMissing: there is none, and it is not to be made.
            Unopenable: it was sealed under a master key that is not at hand.
        """
        if create:
            await self.create_missing()
        held = [key for key in await read_keys(self.database) if key.usage == FINGERPRINTS]
        if not held:
            raise KeysMissing("the store holds no fingerprint key yet: run the command `creer-cles`")
        self._key = held[-1].open(self.vault)

    async def create_missing(self) -> None:
        """Make the key where there is none."""
        if not any(key.usage == FINGERPRINTS for key in await read_keys(self.database)):
            await create_first_key(self.database, self.vault, FINGERPRINTS, new_fingerprint_key())

    def of(self, usage: str, value: str) -> str:
        """The fingerprint of a value for one use."""
        assert self._key, "the key is loaded before the service answers"  # noqa: S101
        return fingerprint(self._key, usage, value)


def _purpose(usage: str, id: str) -> str:
    return f"cle/{usage}/{id}"
