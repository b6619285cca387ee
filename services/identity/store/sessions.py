"""Sessions of sign-in and families of tokens, as they are kept."""

from dataclasses import dataclass
from datetime import datetime

from kit.mongo import Collection, Database, Document, Index, Transaction
from kit.outbox.events import Event
from kit.versions import Version
from proto.identity.v1 import habilitations_pb2
from services.identity.domain.sessions import Famille, Preuve, Session
from services.identity.store import deconnexions
from services.identity.store.usage_unique import EXPIRATION, FIN_LE

_PREUVE = {"acr": "string", "amr": "array", "authentifie_le": "date"}
PREUVE_EPARGNEE = {"appareil": "int"}

SESSIONS = Collection(
    name="sessions",
    required={
        "condensat": "string",
        "compte": "string",
        **_PREUVE,
        "expire_le": "date",
        "fin_le": ["date", "null"],
        "familles": "int",
    },
    optional={"vue_le": "date", **PREUVE_EPARGNEE},
    indexes=(Index(keys={"condensat": 1}, unique=True), Index(keys={"compte": 1}), EXPIRATION),
    serves_until=FIN_LE,
    purpose="savoir qui est connecté dans quel navigateur",
    readers="identity",
    kept="un jour après la fin de la session",
)
FAMILLES = Collection(
    name="familles",
    required={
        "session": "string",
        "compte": "string",
        "client": "string",
        "scope": "string",
        **_PREUVE,
        "expire_le": "date",
        "fin_le": ["date", "null"],
        "rotations": "int",
    },
    optional={"avertir": "bool", "cle": ["string", "null"], **PREUVE_EPARGNEE},
    indexes=(Index(keys={"session": 1}), Index(keys={"compte": 1}), EXPIRATION),
    serves_until=FIN_LE,
    purpose="savoir quels jetons sont encore valables, et les révoquer",
    readers="identity ; les autres services par l'événement de révocation",
    kept="un jour après la fin de la session",
)


def preuve_document(preuve: Preuve) -> Document:
    """The fields of a proof in whatever row has one."""
    spared = {"appareil": preuve.appareil} if preuve.appareil else {}
    return {"acr": preuve.acr, "amr": list(preuve.amr), "authentifie_le": preuve.le, **spared}


def read_preuve(document: Document) -> Preuve:
    """The proof that a row holds."""
    return Preuve(
        acr=document["acr"],
        amr=tuple(document["amr"]),
        le=document["authentifie_le"],
        appareil=document.get("appareil", 0),
    )


def _session(document: Document) -> Session:
    return Session(
        id=document["_id"],
        compte=document["compte"],
        preuve=read_preuve(document),
        expire_le=document["expire_le"],
        # Those of before this was kept were seen when they were opened, at least.
        vue_le=document["vue_le"] if "vue_le" in document else document["authentifie_le"],
        fin_le=document["fin_le"],
    )


def _famille(document: Document) -> Famille:
    return Famille(
        id=document["_id"],
        session=document["session"],
        compte=document["compte"],
        client=document["client"],
        scope=document["scope"],
        preuve=read_preuve(document),
        expire_le=document["expire_le"],
        fin_le=document["fin_le"],
        cle=document.get("cle"),
    )


async def find_session(database: Database, condensat: str) -> Session | None:
    """The session of a cookie, alive or not."""
    document = await database[SESSIONS.name].find_one({"condensat": condensat})
    return None if document is None else _session(document)


async def find_famille(database: Database, id: str) -> Famille | None:
    """The family of that id, alive or not."""
    document = await database[FAMILLES.name].find_one({"_id": id})
    return None if document is None else _famille(document)


async def list_clients(database: Database, session: str) -> list[str]:
    """The families (ids) that a session gave and that have not ended."""
    rows = database[FAMILLES.name].find({"session": session, "fin_le": None}, projection=["_id"])
    return [row["_id"] for row in await rows.to_list(None)]


async def list_sessions(database: Database, compte: str, *, now: datetime) -> list[Session]:
    """The sessions of an account that live, the newest first."""
    rows = database[SESSIONS.name].find(_alive(compte, now)).sort("_id", -1)
    return [_session(row) for row in await rows.to_list(None)]


async def list_familles(database: Database, compte: str, *, now: datetime) -> list[Famille]:
    """The families of tokens of an account that live."""
    return [_famille(row) for row in await database[FAMILLES.name].find(_alive(compte, now)).to_list(None)]


def _alive(compte: str, now: datetime) -> Document:
    return {"compte": compte, "fin_le": None, "expire_le": {"$gt": now}}


@dataclass(frozen=True, slots=True)
class Sessions:
    """The sessions within a transaction."""

    transaction: Transaction

    async def open(self, session: Session, *, condensat: str) -> None:
        await self.transaction[SESSIONS.name].insert_one(
            {
                "_id": session.id,
                "condensat": condensat,
                "compte": session.compte,
                **preuve_document(session.preuve),
                "expire_le": session.expire_le,
                "vue_le": session.vue_le,
                "fin_le": None,
                "familles": 0,
            },
            session=self.transaction.session,
        )

    async def raise_proof(self, id: str, preuve: Preuve, *, condensat: str, expire_le: datetime, now: datetime) -> bool:
        """Give a living session another proof and another cookie; False when it has ended."""
        kept = {"appareil": 0, **preuve_document(preuve), "condensat": condensat, "expire_le": expire_le, "vue_le": now}
        result = await self.transaction[SESSIONS.name].update_one(
            {"_id": id, "fin_le": None, "expire_le": {"$gt": now}}, {"$set": kept}, session=self.transaction.session
        )
        return result.matched_count == 1

    async def hold(self, id: str, *, now: datetime) -> bool:
        """Whether the session lives; it then cannot end before this transaction does."""
        return await _hold(self.transaction, SESSIONS.name, id, "familles", now=now, vue_le=now)

    async def end(self, id: str, *, now: datetime) -> None:
        await self._end({"_id": id}, now)

    async def end_all_of(self, compte: str, *, now: datetime, sauf: str | None = None) -> None:
        """End those of an account; the session `sauf` goes on."""
        await self._end({"compte": compte, "_id": {"$ne": sauf}}, now)

    async def _end(self, whose: Document, now: datetime) -> None:
        await self.transaction[SESSIONS.name].update_many(
            {**whose, "fin_le": None}, {"$set": {"fin_le": now}}, session=self.transaction.session
        )


@dataclass(frozen=True, slots=True)
class Familles:
    """The families of tokens within a transaction."""

    transaction: Transaction
    generation: int

    async def open(self, famille: Famille) -> None:
        await self.transaction[FAMILLES.name].insert_one(
            {
                "_id": famille.id,
                "session": famille.session,
                "compte": famille.compte,
                "client": famille.client,
                "scope": famille.scope,
                **preuve_document(famille.preuve),
                "expire_le": famille.expire_le,
                "fin_le": None,
                "rotations": 0,
                "avertir": famille.avertir,
                "cle": famille.cle,
            },
            session=self.transaction.session,
        )

    async def hold(self, id: str, *, now: datetime) -> bool:
        """Whether the family lives; it then cannot end before this transaction does."""
        return await _hold(self.transaction, FAMILLES.name, id, "rotations", now=now)

    async def end(self, id: str, *, now: datetime) -> bool:
        """End it; False when it has ended already."""
        return await self._end({"_id": id}, now) == 1

    async def end_all_of_session(self, session: str, *, now: datetime) -> None:
        await self._end({"session": session}, now)

    async def end_all_of(self, compte: str, *, now: datetime, sauf: str | None = None) -> None:
        """End those of an account; what the session `sauf` gave goes on."""
        await self._end({"compte": compte, "session": {"$ne": sauf}}, now)

    async def _end(self, whose: Document, now: datetime) -> int:
        """End those that still live, and tell every service and their clients; how many they were."""
        collection, session = self.transaction[FAMILLES.name], self.transaction.session
        ending = await collection.find({**whose, "fin_le": None}, session=session).to_list(None)
        ids = [row["_id"] for row in ending]
        await collection.update_many({"_id": {"$in": ids}}, {"$set": {"fin_le": now}}, session=session)
        for row in ending:
            self.transaction.publish(_revocation(row, self.generation))
        told = [(row["client"], row["_id"]) for row in ending if row.get("avertir")]
        await deconnexions.add(self.transaction, told, now=now)
        return len(ending)


def _revocation(row: Document, generation: int) -> Event:
    return Event(
        topic="identity.revocations.v1",
        key=row["_id"],
        # A family ends once: there is nothing after its first version.
        version=Version(generation, 1),
        message=habilitations_pb2.Revocation(session=row["_id"], compte=row["compte"]),
    )


async def _hold(
    transaction: Transaction, collection: str, id: str, counter: str, *, now: datetime, **facts: datetime
) -> bool:
    """Write the row, with `facts`, where it lives: whoever ends it at the same moment conflicts with us, and is run
    again after.
    """
    change: Document = {"$inc": {counter: 1}}
    if facts:
        change["$set"] = facts
    result = await transaction[collection].update_one(
        {"_id": id, "fin_le": None, "expire_le": {"$gt": now}}, change, session=transaction.session
    )
    return result.matched_count == 1
