"""Messages to send, as they are kept: written with the change they tell of, deleted once sent."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from kit.mongo import Collection, Database, Document, Index, Transaction
from kit.vault.sealing import Sealed
from services.identity.store.attente import Attente

ENVOIS = Collection(
    name="envois",
    required={
        "message": "object",
        "cree_le": "date",
        "expire_le": "date",
        "essayer_le": "date",
        "essais": "int",
    },
    indexes=(Index(keys={"essayer_le": 1}),),
    purpose="messages à envoyer, chiffrés sous CLE_MAITRE : l'adresse et le code n'y sont pas en clair",
    readers="la boucle d'envoi d'identity",
    kept="jusqu'à leur envoi, ou jusqu'à ce que le code qu'ils portent ait expiré",
)
_BAIL = timedelta(seconds=15)
"""How long a sender keeps a message to itself; longer than it waits for the mail server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envoi:
    """A message to send: sealed, and useless from `expire_le` on."""

    id: str
    message: Sealed
    cree_le: datetime
    expire_le: datetime
    essais: int = 0


async def add(transaction: Transaction, envoi: Envoi) -> None:
    """Let this message be sent if, and only if, the transaction commits."""
    await transaction[ENVOIS.name].insert_one(
        {
            "_id": envoi.id,
            "message": envoi.message.document,
            "cree_le": envoi.cree_le,
            "expire_le": envoi.expire_le,
            "essayer_le": envoi.cree_le,
            "essais": 0,
        },
        session=transaction.session,
    )


async def waiting(transaction: Transaction) -> list[Envoi]:
    """All that wait, as the transaction sees them."""
    rows = await transaction[ENVOIS.name].find({}, session=transaction.session).to_list(None)
    return [_envoi(row) for row in rows]


async def drop(transaction: Transaction, ids: list[str]) -> None:
    """Forget messages that are not to be sent any more."""
    await transaction[ENVOIS.name].delete_many({"_id": {"$in": ids}}, session=transaction.session)


@dataclass(frozen=True, slots=True)
class Envois:
    """The messages that wait."""

    database: Database

    async def take(self, *, now: datetime) -> Envoi | None:
        """The next message to try, which no other sender takes for a while; None when nothing waits."""
        document = await self._attente.take(now=now)
        return None if document is None else _envoi(document)

    async def postpone(self, id: str, until: datetime) -> None:
        await self._attente.postpone(id, until)

    async def remove(self, id: str) -> None:
        """Forget a message that was sent, or that came too late."""
        await self._attente.remove(id)

    @property
    def _attente(self) -> Attente:
        return Attente(self.database, ENVOIS.name, _BAIL)


def _envoi(document: Document) -> Envoi:
    return Envoi(
        id=document["_id"],
        message=Sealed.read(document["message"]),
        cree_le=document["cree_le"],
        expire_le=document["expire_le"],
        essais=document["essais"],
    )
