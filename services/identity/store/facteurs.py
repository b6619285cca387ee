"""What accounts prove themselves with: password hashes and TOTP secrets. Never published, never logged."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ulid import ULID

from kit.mongo import Collection, Database, Document, Index, Transaction
from kit.vault.sealing import Sealed
from services.identity.domain.inactivite import Usage

FACTEURS = Collection(
    name="facteurs",
    required={"mots_de_passe": "array", "totp": ["object", "null"], "connecte_le": ["date", "null"]},
    optional={
        "demonstration": "string",
        "mobile_valide": "string",
        "mot_de_passe_choisi_le": "date",
        "averti_le": ["date", "null"],
        "changements": "int",
        "reinitialise": "bool",
        "par_courriel": "bool",
    },
    indexes=(Index(keys={"connecte_le": 1, "_id": 1}),),
    purpose="vérifier l'identité de la personne : condensats argon2id, secret TOTP chiffré, empreinte du numéro de "
    "portable qui a reçu un code",
    readers="identity",
    kept="aussi longtemps que le compte",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Totp:
    """An enrolled application: its secret, sealed, and the last time step whose code was used."""

    secret: Sealed
    dernier_pas: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facteurs:
    """What one account proves itself with.

    Args:
        mots_de_passe: argon2id hashes, the current one first, then those it may not choose again.
        demonstration: the fingerprint of the secrets that a demonstration gave it.
        choisi_le: when the current password was; None where it was before that was kept.
        mobile_valide: the fingerprint of the number that was proved to be its own; another one is not, until it is.
        reinitialise: whether its factors were reset since its owner last signed in.
        par_courriel: whether the password was chosen by a mailed link, and was not shown with another factor since.
    """

    compte: str
    mots_de_passe: Sequence[str] = ()
    totp: Totp | None = None
    connecte_le: datetime | None = None
    demonstration: str | None = None
    mobile_valide: str | None = None
    choisi_le: datetime | None = None
    reinitialise: bool = False
    par_courriel: bool = False

    @property
    def premiere(self) -> bool:
        """Whether its owner is to enrol as at first: it never signed in, or not since its factors were reset."""
        return self.connecte_le is None or self.reinitialise


def _facteurs(document: Document) -> Facteurs:
    totp = document["totp"]
    return Facteurs(
        compte=document["_id"],
        mots_de_passe=tuple(document["mots_de_passe"]),
        totp=totp and Totp(secret=Sealed.read(totp["secret"]), dernier_pas=totp["dernier_pas"]),
        connecte_le=document["connecte_le"],
        demonstration=document.get("demonstration"),
        mobile_valide=document.get("mobile_valide"),
        choisi_le=document.get("mot_de_passe_choisi_le"),
        reinitialise=document.get("reinitialise", False),
        par_courriel=document.get("par_courriel", False),
    )


async def find_facteurs(database: Database, compte: str) -> Facteurs | None:
    """What this account proves itself with; None when there is no such account."""
    document = await database[FACTEURS.name].find_one({"_id": compte})
    return None if document is None else _facteurs(document)


@dataclass(frozen=True, slots=True)
class Inutilise:
    """An account that was not used for long, as they are listed: who never signed in first, by creation."""

    compte: str
    connecte_le: datetime | None


async def list_unused(
    database: Database, *, before: datetime, after: Inutilise | None, first: int = 100
) -> list[Inutilise]:
    """The next accounts whose owner last signed in before that moment, or never did and was created before it."""
    rows: list[Inutilise] = []
    if after is None or after.connecte_le is None:
        created = {"$lt": _first_of(before)} | ({} if after is None else {"$gt": after.compte})
        rows = await _unused(database, {"connecte_le": None, "_id": created}, first)
    if len(rows) < first:
        signed_in: Document = {"connecte_le": {"$lt": before}}
        if after is not None and after.connecte_le is not None:
            same = {"connecte_le": after.connecte_le, "_id": {"$gt": after.compte}}
            signed_in = {"$or": [same, {"connecte_le": {"$gt": after.connecte_le, "$lt": before}}]}
        rows += await _unused(database, signed_in, first - len(rows))
    return rows


async def _unused(database: Database, where: Document, first: int) -> list[Inutilise]:
    cursor = database[FACTEURS.name].find(where, ["connecte_le"]).sort([("connecte_le", 1), ("_id", 1)]).limit(first)
    return [Inutilise(row["_id"], row["connecte_le"]) for row in await cursor.to_list(first)]


def _first_of(moment: datetime) -> str:
    """The first identifier that an account created at that moment could have."""
    return str(ULID.from_bytes(ULID.from_datetime(moment).bytes[:6] + bytes(10)))


async def count_warned(database: Database) -> int:
    """How many accounts are flagged and not disabled yet; those whose owner signed in since count until the next."""
    return await database[FACTEURS.name].count_documents({"averti_le": {"$type": "date"}})


async def find_usages(database: Database, comptes: Iterable[str]) -> dict[str, Usage]:
    """How these accounts were used, by id."""
    where = {"_id": {"$in": list(comptes)}}
    rows = await database[FACTEURS.name].find(where, ["connecte_le", "averti_le"]).to_list(None)
    return {row["_id"]: _usage(row) for row in rows}


def _usage(document: Document) -> Usage:
    return Usage(
        cree_le=ULID.from_str(document["_id"]).datetime,
        connecte_le=document["connecte_le"],
        averti_le=document.get("averti_le"),
    )


async def has_demonstration_accounts(database: Database) -> bool:
    """Whether an account has secrets that a demonstration gave it, and which are therefore known."""
    return await database[FACTEURS.name].find_one({"demonstration": {"$exists": True}}, projection=["_id"]) is not None


async def use_totp_step(database: Database, compte: str, step: int) -> bool:
    """Use the code of a time step; False when it, or a later one, was used before (RFC 6238 §5.2)."""
    result = await database[FACTEURS.name].update_one(
        {"_id": compte, "totp.dernier_pas": {"$lt": step}}, {"$set": {"totp.dernier_pas": step}}
    )
    return result.modified_count == 1


async def replace_hash(database: Database, compte: str, old: str, new: str) -> None:
    """Keep the same password under newer parameters, unless it was changed meanwhile."""
    await database[FACTEURS.name].update_one(
        {"_id": compte, "mots_de_passe.0": old}, {"$set": {"mots_de_passe.0": new}}
    )


@dataclass(frozen=True, slots=True)
class FacteursStore:
    """The factors within a transaction."""

    transaction: Transaction

    async def create(self, compte: str, mots_de_passe: Sequence[str], *, now: datetime) -> None:
        chosen = {"mots_de_passe": list(mots_de_passe), "mot_de_passe_choisi_le": now}
        await self.transaction[FACTEURS.name].insert_one(
            {"_id": compte, **chosen, "totp": None, "connecte_le": None}, session=self.transaction.session
        )

    async def set_passwords(
        self, compte: str, mots_de_passe: Sequence[str], *, par_courriel: bool, now: datetime
    ) -> None:
        """Let the first of these be the password, chosen now; `par_courriel` by who had a mailed link and knew none."""
        chosen = {"mots_de_passe": list(mots_de_passe), "mot_de_passe_choisi_le": now, "par_courriel": par_courriel}
        await self._set(compte, chosen)

    async def set_totp(self, compte: str, totp: Totp | None) -> None:
        kept = None if totp is None else {"secret": totp.secret.document, "dernier_pas": totp.dernier_pas}
        await self._set(compte, {"totp": kept})

    async def enrol_totp(self, compte: str, totp: Totp) -> bool:
        """Enrol an application; False when the account has one already."""
        kept = {"secret": totp.secret.document, "dernier_pas": totp.dernier_pas}
        result = await self.transaction[FACTEURS.name].update_one(
            {"_id": compte, "totp": None}, {"$set": {"totp": kept}}, session=self.transaction.session
        )
        return result.modified_count == 1

    async def has_totp(self, compte: str) -> bool:
        """Whether an application is enrolled."""
        where = {"_id": compte, "totp": {"$ne": None}}
        found = await self.transaction[FACTEURS.name].find_one(where, ["_id"], session=self.transaction.session)
        return found is not None

    async def touch(self, compte: str) -> None:
        """Write the row: of two transactions that change what the account has enrolled, one is run again after."""
        await self.transaction[FACTEURS.name].update_one(
            {"_id": compte}, {"$inc": {"changements": 1}}, session=self.transaction.session
        )

    async def set_demonstration(self, compte: str, empreinte: str) -> None:
        await self._set(compte, {"demonstration": empreinte})

    async def set_mobile_valide(self, compte: str, empreinte: str) -> None:
        await self._set(compte, {"mobile_valide": empreinte})

    async def usage(self, compte: str) -> Usage | None:
        """How the account was used; None when there is none."""
        document = await self.transaction[FACTEURS.name].find_one({"_id": compte}, session=self.transaction.session)
        return None if document is None else _usage(document)

    async def set_warned(self, compte: str, le: datetime | None) -> None:
        """Note when its owner was warned that nobody uses it."""
        await self._set(compte, {"averti_le": le})

    async def signed_in(self, compte: str, *, mot_de_passe: bool, now: datetime) -> None:
        """Remember that its owner did, having shown the password with other factors or not."""
        proved = {"par_courriel": False} if mot_de_passe else {}
        await self._set(compte, {"connecte_le": now, "reinitialise": False, **proved})

    async def reset(self, compte: str) -> None:
        """Forget all but the passwords."""
        await self.transaction[FACTEURS.name].update_one(
            {"_id": compte},
            {"$set": {"totp": None, "reinitialise": True}, "$unset": {"mobile_valide": ""}},
            session=self.transaction.session,
        )

    async def _set(self, compte: str, fields: Document) -> None:
        await self.transaction[FACTEURS.name].update_one(
            {"_id": compte}, {"$set": fields}, session=self.transaction.session
        )
