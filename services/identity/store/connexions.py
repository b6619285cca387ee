"""Sign-ins in progress, as they are kept: the browser holds an opaque cookie and nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pymongo import ReturnDocument

from kit.mongo import Collection, Database, Document, Index, Transaction
from kit.vault.sealing import Sealed
from services.identity.domain.facteurs import Facteur
from services.identity.store.usage_unique import UTILISE_LE

CONNEXIONS = Collection(
    name="connexions",
    required={
        "compte": "string",
        "demande": "string",
        "faits": "array",
        "enrolement_decline": "bool",
        "secret": ["object", "null"],
        "code": ["object", "null"],
        "expire_le": "date",
        "utilise_le": ["date", "null"],
    },
    optional={
        "code_sms": "object",
        "acr": "int",
        "prouve_le": "date",
        "appareil": "string",
        "epargnes": "int",
        "renouveler": "bool",
        "mobile_decline": "bool",
        "changements": "int",
    },
    indexes=(Index(keys={"expire_le": 1}, expires_after=timedelta(0)), Index(keys={"compte": 1})),
    serves_until=UTILISE_LE,
    purpose="mener une connexion du mot de passe au second facteur",
    readers="identity",
    kept="quinze minutes",
)
DUREE = timedelta(minutes=15)
ESSAIS_PAR_CODE = 5
_CHAMPS = {Facteur.COURRIEL: "code", Facteur.SMS: "code_sms"}
"""Where the code last sent by each means is kept: asking for one by SMS leaves the one in the mailbox as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeEnvoye:
    """The code last sent by one means for a sign-in: its fingerprint, when it was sent and when it expires."""

    empreinte: str
    envoye_le: datetime
    expire_le: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Connexion:
    """A sign-in in progress: the password was right.

    Args:
        condensat: the hash of its cookie.
        demande: the query of the authorization request that it is for; empty when there is none.
        secret: the secret of an application being enrolled.
        codes: the code last sent by each means, used or not.
        acr: how many factors are asked for, whatever the account's roles ask.
        prouve_le: when the oldest of the factors that it began with was shown; None when that is now.
        appareil: the known device that it is made with.
        epargnes: how many factors that device stands for, here; 0 where it does not.
        renouveler: whether another password is to be chosen.
        mobile_decline: whether the person put off proving its number.
    """

    condensat: str
    compte: str
    demande: str
    expire_le: datetime
    faits: frozenset[Facteur] = frozenset({Facteur.MOT_DE_PASSE})
    enrolement_decline: bool = False
    secret: Sealed | None = None
    codes: Mapping[Facteur, CodeEnvoye] = field(default_factory=dict)
    acr: int = 1
    prouve_le: datetime | None = None
    appareil: str | None = None
    epargnes: int = 0
    renouveler: bool = False
    mobile_decline: bool = False


def _connexion(document: Document) -> Connexion:
    sent = {moyen: document[champ] for moyen, champ in _CHAMPS.items() if document.get(champ) is not None}
    return Connexion(
        condensat=document["_id"],
        compte=document["compte"],
        demande=document["demande"],
        expire_le=document["expire_le"],
        faits=frozenset(Facteur(fait) for fait in document["faits"]),
        enrolement_decline=document["enrolement_decline"],
        secret=document["secret"] and Sealed.read(document["secret"]),
        codes={
            moyen: CodeEnvoye(empreinte=code["empreinte"], envoye_le=code["envoye_le"], expire_le=code["expire_le"])
            for moyen, code in sent.items()
        },
        acr=document.get("acr", 1),
        prouve_le=document.get("prouve_le"),
        appareil=document.get("appareil"),
        epargnes=document.get("epargnes", 0),
        renouveler=document.get("renouveler", False),
        mobile_decline=document.get("mobile_decline", False),
    )


@dataclass(frozen=True, slots=True)
class Connexions:
    """The sign-ins in progress; each change is one guarded update of one row."""

    database: Database

    async def open(self, connexion: Connexion) -> None:
        more = {"prouve_le": connexion.prouve_le, "appareil": connexion.appareil}
        await self.database[CONNEXIONS.name].insert_one(
            {
                "_id": connexion.condensat,
                "compte": connexion.compte,
                "demande": connexion.demande,
                "faits": sorted(connexion.faits),
                "enrolement_decline": False,
                "secret": None,
                "code": None,
                "expire_le": connexion.expire_le,
                "utilise_le": None,
                "acr": connexion.acr,
                "epargnes": connexion.epargnes,
                "renouveler": connexion.renouveler,
                **{name: value for name, value in more.items() if value is not None},
            }
        )

    async def find(self, condensat: str, *, now: datetime) -> Connexion | None:
        """The sign-in of that cookie, None when it is finished or expired."""
        document = await self.database[CONNEXIONS.name].find_one(_in_progress(condensat, now))
        return None if document is None else _connexion(document)

    async def add_factor(self, condensat: str, *facteurs: Facteur, now: datetime) -> Connexion | None:
        """Note that factors were shown; None when the sign-in is finished or expired."""
        return await self._change(condensat, now, _shown(facteurs))

    async def decline_enrolment(self, condensat: str, *, now: datetime) -> Connexion | None:
        """Note that the person puts the enrolment of an application off."""
        return await self._change(condensat, now, {"$set": {"enrolement_decline": True}})

    async def decline_mobile(self, condensat: str, *, now: datetime) -> Connexion | None:
        """Note that the person puts off proving its number."""
        return await self._change(condensat, now, {"$set": {"mobile_decline": True}})

    async def propose_secret(self, condensat: str, secret: Sealed, *, now: datetime) -> Connexion | None:
        """Keep the secret of the application to enrol; the one already proposed, if any, stays."""
        collection = self.database[CONNEXIONS.name]
        await collection.update_one(
            {**_in_progress(condensat, now), "secret": None}, {"$set": {"secret": secret.document}}
        )
        return await self.find(condensat, now=now)

    async def try_code(self, condensat: str, moyen: Facteur, *, now: datetime) -> str | None:
        """Count one try of the code sent by `moyen`; its fingerprint, None when it was used, expired or tried too
        often.
        """
        champ = _CHAMPS[moyen]
        row = await self._change(
            condensat,
            now,
            {"$inc": {f"{champ}.essais": 1}},
            {
                f"{champ}.utilise_le": None,
                f"{champ}.expire_le": {"$gt": now},
                f"{champ}.essais": {"$lt": ESSAIS_PAR_CODE},
            },
        )
        return None if row is None else row.codes[moyen].empreinte

    async def use_code(
        self, condensat: str, moyen: Facteur, empreinte: str, *, now: datetime, compte: bool
    ) -> Connexion | None:
        """Use the code sent by `moyen`, and with `compte` note the factor with it; None when it was used meanwhile."""
        champ = _CHAMPS[moyen]
        return await self._change(
            condensat,
            now,
            {"$set": {f"{champ}.utilise_le": now}} | (_shown([moyen]) if compte else {}),
            {f"{champ}.utilise_le": None, f"{champ}.empreinte": empreinte},
        )

    async def _change(
        self, condensat: str, now: datetime, change: Document, guard: Document | None = None
    ) -> Connexion | None:
        document: Document | None = await self.database[CONNEXIONS.name].find_one_and_update(
            {**_in_progress(condensat, now), **(guard or {})}, change, return_document=ReturnDocument.AFTER
        )
        return None if document is None else _connexion(document)


def _shown(facteurs: Sequence[Facteur]) -> Document:
    """Some count as two: a key that checked who holds it."""
    return {"$addToSet": {"faits": {"$each": list(facteurs)}}}


def _in_progress(condensat: str, now: datetime) -> Document:
    return {"_id": condensat, "utilise_le": None, "expire_le": {"$gt": now}}


@dataclass(frozen=True, slots=True)
class ConnexionsEnCours:
    """The sign-ins in progress within a transaction."""

    transaction: Transaction

    async def set_code(
        self, condensat: str, moyen: Facteur, code: CodeEnvoye, *, now: datetime, not_since: datetime
    ) -> bool:
        """Keep a code about to be sent by `moyen` in place of the last one; False when that was sent after
        `not_since`.
        """
        champ = _CHAMPS[moyen]
        kept = {
            "empreinte": code.empreinte,
            "envoye_le": code.envoye_le,
            "expire_le": code.expire_le,
            "essais": 0,
            "utilise_le": None,
        }
        guard = {"$or": [{champ: None}, {f"{champ}.envoye_le": {"$lte": not_since}}]}
        result = await self.transaction[CONNEXIONS.name].update_one(
            {**_in_progress(condensat, now), **guard}, {"$set": {champ: kept}}, session=self.transaction.session
        )
        return result.modified_count == 1

    async def add_factor(self, condensat: str, *facteurs: Facteur, now: datetime) -> bool:
        """Note that factors were shown; False when the sign-in is finished or expired."""
        result = await self.transaction[CONNEXIONS.name].update_one(
            _in_progress(condensat, now), _shown(facteurs), session=self.transaction.session
        )
        return result.matched_count == 1

    async def hold(self, condensat: str, *, now: datetime) -> bool:
        """Whether the sign-in is in progress; it then cannot end before this transaction does."""
        result = await self.transaction[CONNEXIONS.name].update_one(
            _in_progress(condensat, now), {"$inc": {"changements": 1}}, session=self.transaction.session
        )
        return result.matched_count == 1

    async def renewed(self, condensat: str, *, now: datetime) -> bool:
        """Note that another password was chosen; False when it was before, or the sign-in is finished or expired."""
        where = {**_in_progress(condensat, now), "renouveler": True}
        result = await self.transaction[CONNEXIONS.name].update_one(
            where, {"$set": {"renouveler": False}}, session=self.transaction.session
        )
        return result.modified_count == 1

    async def finish(self, condensat: str, *, now: datetime) -> bool:
        """Use the sign-in to open a session; False when it was used before, or expired."""
        result = await self.transaction[CONNEXIONS.name].update_one(
            _in_progress(condensat, now), {"$set": {"utilise_le": now}}, session=self.transaction.session
        )
        return result.modified_count == 1

    async def end_all_of(self, compte: str, *, now: datetime, sauf: str | None = None) -> None:
        """End those of an account, whatever was shown in them; the one of hash `sauf` goes on."""
        theirs = {"compte": compte, "_id": {"$ne": sauf}, "utilise_le": None}
        await self.transaction[CONNEXIONS.name].update_many(
            theirs, {"$set": {"utilise_le": now}}, session=self.transaction.session
        )
