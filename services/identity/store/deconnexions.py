"""Clients to tell that a family of tokens has ended: written with its end, deleted once they were told."""

from collections.abc import Collection as Several
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ulid import ULID

from kit.mongo import Collection, Database, Index, Transaction
from services.identity.store.attente import Attente

VALIDITE = timedelta(hours=2)
"""≈ ours: a client that was away for longer asks about its tokens when it uses them."""
DECONNEXIONS = Collection(
    name="deconnexions",
    required={
        "client": "string",
        "famille": "string",
        "cree_le": "date",
        "expire_le": "date",
        "essayer_le": "date",
        "essais": "int",
    },
    indexes=(Index(keys={"essayer_le": 1}), Index(keys={"expire_le": 1}, expires_after=timedelta(days=1))),
    purpose="dire aux applications qu'une connexion a pris fin",
    readers="la boucle d'envoi d'identity",
    kept="jusqu'à ce que l'application l'ait appris, deux heures au plus",
)
_BAIL = timedelta(seconds=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deconnexion:
    """A client to tell of the end of a family; of no use from `expire_le` on."""

    id: str
    client: str
    famille: str
    expire_le: datetime
    essais: int


async def add(transaction: Transaction, familles: Sequence[tuple[str, str]], *, now: datetime) -> None:
    """Let each client be told of its family (client, family) if, and only if, the transaction commits."""
    if familles:
        rows = [
            {
                "_id": str(ULID()),
                "client": client,
                "famille": famille,
                "cree_le": now,
                "expire_le": now + VALIDITE,
                "essayer_le": now,
                "essais": 0,
            }
            for client, famille in familles
        ]
        await transaction[DECONNEXIONS.name].insert_many(rows, session=transaction.session)


@dataclass(frozen=True, slots=True)
class Deconnexions:
    """Those that wait."""

    database: Database

    async def is_empty(self, clients: Several[str], *, now: datetime) -> bool:
        """Whether none of these clients is to be told now."""
        return await self._attente.is_empty(now=now, where={"client": {"$in": list(clients)}})

    async def take(self, clients: Several[str], *, now: datetime) -> Deconnexion | None:
        """The next of these clients to tell, which no other process takes for a while; None when nothing waits."""
        row = await self._attente.take(now=now, where={"client": {"$in": list(clients)}})
        if row is None:
            return None
        return Deconnexion(
            id=row["_id"],
            client=row["client"],
            famille=row["famille"],
            expire_le=row["expire_le"],
            essais=row["essais"],
        )

    async def postpone(self, id: str, until: datetime) -> None:
        await self._attente.postpone(id, until)

    async def remove(self, id: str) -> None:
        await self._attente.remove(id)

    @property
    def _attente(self) -> Attente:
        return Attente(self.database, DECONNEXIONS.name, _BAIL)
