"""Authorization codes and refresh tokens, as they are kept: by hash, used once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from kit.mongo import Collection, Database, Document, Index, Transaction
from services.identity.domain.sessions import CodeEmis, JetonEmis
from services.identity.store.sessions import PREUVE_EPARGNEE, preuve_document, read_preuve
from services.identity.store.usage_unique import EXPIRATION, UTILISE_LE, use

CODES = Collection(
    name="codes",
    required={
        "session": "string",
        "compte": "string",
        "client": "string",
        "redirect_uri": "string",
        "scope": "string",
        "defi": "string",
        "nonce": ["string", "null"],
        "acr": "string",
        "amr": "array",
        "authentifie_le": "date",
        "expire_le": "date",
        "utilise_le": ["date", "null"],
        "famille": ["string", "null"],
    },
    optional=PREUVE_EPARGNEE,
    indexes=(EXPIRATION,),
    serves_until=UTILISE_LE,
    purpose="codes d'autorisation, par leur condensat",
    readers="identity",
    kept="un jour après leur minute de validité, pour reconnaître un second usage",
)
JETONS = Collection(
    name="jetons",
    required={"famille": "string", "expire_le": "date", "utilise_le": ["date", "null"]},
    indexes=(EXPIRATION, Index(keys={"famille": 1})),
    serves_until=UTILISE_LE,
    purpose="jetons de rafraîchissement, par leur condensat",
    readers="identity",
    kept="un jour après la fin de leur session, pour reconnaître un second usage",
)


async def find_code(database: Database, condensat: str) -> CodeEmis | None:
    """The code of that hash, used or not."""
    document = await database[CODES.name].find_one({"_id": condensat})
    return None if document is None else _code(document)


async def find_jeton(database: Database, condensat: str) -> JetonEmis | None:
    """The refresh token of that hash, used or not."""
    document = await database[JETONS.name].find_one({"_id": condensat})
    if document is None:
        return None
    return JetonEmis(
        condensat=condensat,
        famille=document["famille"],
        expire_le=document["expire_le"],
        used=document["utilise_le"] is not None,
    )


async def can_renew(database: Database, familles: Sequence[str], *, now: datetime) -> bool:
    """Whether one of these families has a refresh token that may still be used."""
    waiting = {"famille": {"$in": list(familles)}, "utilise_le": None, "expire_le": {"$gt": now}}
    return await database[JETONS.name].find_one(waiting, projection=["_id"]) is not None


def _code(document: Document) -> CodeEmis:
    return CodeEmis(
        condensat=document["_id"],
        session=document["session"],
        compte=document["compte"],
        client=document["client"],
        redirect_uri=document["redirect_uri"],
        scope=document["scope"],
        defi=document["defi"],
        nonce=document["nonce"],
        preuve=read_preuve(document),
        expire_le=document["expire_le"],
        famille=document["famille"],
    )


@dataclass(frozen=True, slots=True)
class Codes:
    """The codes within a transaction."""

    transaction: Transaction

    async def issue(self, code: CodeEmis) -> None:
        await self.transaction[CODES.name].insert_one(
            {
                "_id": code.condensat,
                "session": code.session,
                "compte": code.compte,
                "client": code.client,
                "redirect_uri": code.redirect_uri,
                "scope": code.scope,
                "defi": code.defi,
                "nonce": code.nonce,
                **preuve_document(code.preuve),
                "expire_le": code.expire_le,
                "utilise_le": None,
                "famille": None,
            },
            session=self.transaction.session,
        )

    async def use(self, condensat: str, *, famille: str, now: datetime) -> bool:
        """Use the code, for the tokens of `famille`; False when it is no longer, or was used before."""
        return await use(self.transaction, CODES, condensat, now=now, famille=famille) is not None


@dataclass(frozen=True, slots=True)
class Jetons:
    """The refresh tokens within a transaction."""

    transaction: Transaction

    async def issue(self, jeton: JetonEmis) -> None:
        await self.transaction[JETONS.name].insert_one(
            {"_id": jeton.condensat, "famille": jeton.famille, "expire_le": jeton.expire_le, "utilise_le": None},
            session=self.transaction.session,
        )

    async def use(self, condensat: str, *, now: datetime) -> bool:
        """Use the token; False when it is no longer, or was used before."""
        return await use(self.transaction, JETONS, condensat, now=now) is not None
