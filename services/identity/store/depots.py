"""Lists of persons to invite, as they are kept: never the file, and of each row only what is still to be done."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from kit.mongo import Collection, Database, Document, Index, Transaction
from kit.vault.sealing import Sealed
from services.identity.domain.depots import GARDE, RESTAURATION, Depot, IssueLigne, LigneTraitee, Refuse
from services.identity.store.usage_unique import FIN_LE, UTILISE_LE, use

_READERS = "qui a envoyé le fichier"
DEPOTS = Collection(
    name="depots_invitations",
    required={
        "compte": "string",
        "taille": "int",
        "sha256": "string",
        "demande_le": "date",
        "expire_le": "date",
        "utilise_le": ["date", "null"],
    },
    optional={"lignes": "int", "refus": "object"},
    indexes=(
        Index(keys={"compte": 1, "utilise_le": 1}),
        Index(keys={"expire_le": 1}, expires_after=GARDE),
    ),
    serves_until=UTILISE_LE,
    purpose="suivre les listes de personnes à inviter ; le fichier lui-même n'est pas gardé",
    readers=_READERS,
    kept="30 jours",
)
LIGNES = Collection(
    name="lignes_invitations",
    required={
        "depot": "string",
        "deposant": "string",
        "numero": "int",
        "compte": ["string", "null"],
        "empreinte": ["string", "null"],
        "contenu": ["object", "null"],
        "issue": ["string", "null"],
        "refus": ["object", "null"],
        "essais": "int",
        "essayer_le": "date",
        "cree_le": "date",
        "fin_le": ["date", "null"],
    },
    indexes=(
        Index(keys={"depot": 1, "numero": 1}),
        Index(keys={"fin_le": 1, "essayer_le": 1, "_id": 1}),
        Index(keys={"compte": 1}),
        Index(keys={"deposant": 1}),
        Index(keys={"empreinte": 1}),
        Index(keys={"cree_le": 1}, expires_after=GARDE),
    ),
    serves_until=FIN_LE,
    purpose="inviter les personnes d'une liste et dire ce que chaque ligne a donné ; la personne n'y est pas en clair, "
    "et n'y est plus dès que sa ligne est traitée",
    readers=_READERS,
    kept="30 jours",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ligne:
    """A row that waits: who sent it, and the person, sealed."""

    id: str
    depot: str
    deposant: str
    contenu: Sealed
    essais: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NouvelleLigne:
    """A row to keep.

    Args:
        empreinte: what stands for the person's address, so that its row is found when the person is erased.
    """

    numero: int
    contenu: Sealed
    empreinte: str | None


def ligne_id(depot: str, numero: int) -> str:
    """Sorted by file, then by row."""
    return f"{depot}/{numero:07d}"


def _depot(row: Document) -> Depot:
    return Depot(
        id=row["_id"],
        compte=row["compte"],
        taille=row["taille"],
        sha256=row["sha256"],
        demande_le=row["demande_le"],
        expire_le=row["expire_le"],
        recu_le=row["utilise_le"],
        lignes=row.get("lignes"),
        refus=_refus(row.get("refus")),
    )


def _refus(held: Document | None) -> Refuse | None:
    return None if held is None else Refuse(code=held["code"], message=held["message"], champ=held["champ"])


def _refus_document(refus: Refuse | None) -> Document | None:
    return None if refus is None else {"code": refus.code, "message": refus.message, "champ": refus.champ}


def _waiting(now: datetime) -> Document:
    return {"utilise_le": None, "expire_le": {"$gt": now}}


async def find_depot(database: Database, id: str, *, compte: str) -> Depot | None:
    """The file that this account announced."""
    row = await database[DEPOTS.name].find_one({"_id": id, "compte": compte})
    return None if row is None else _depot(row)


async def find_awaited(database: Database, id: str, *, compte: str, now: datetime) -> Depot | None:
    """The file that this account announced; None when it came, is too late, or is another's."""
    row = await database[DEPOTS.name].find_one({"_id": id, "compte": compte, **_waiting(now)})
    return None if row is None else _depot(row)


async def next_lignes(database: Database, *, now: datetime, most: int) -> Sequence[Ligne]:
    """The rows that have waited longest, `most` of them."""
    found = database[LIGNES.name].find({"fin_le": None, "essayer_le": {"$lte": now}})
    return [
        Ligne(
            id=row["_id"],
            depot=row["depot"],
            deposant=row["deposant"],
            contenu=Sealed.read(row["contenu"]),
            essais=row["essais"],
        )
        for row in await found.sort([("essayer_le", 1), ("_id", 1)]).limit(most).to_list(most)
    ]


async def put_off(database: Database, ligne: Ligne, *, until: datetime) -> None:
    """Let a row be tried again later."""
    await database[LIGNES.name].update_one(
        {"_id": ligne.id, "fin_le": None}, {"$set": {"essayer_le": until}, "$inc": {"essais": 1}}
    )


async def count_issues(database: Database, depot: str) -> Mapping[IssueLigne | None, int]:
    """How many rows of a file ended so; those that wait, under None."""
    # Counted first: of a file that seems over, no row is missing below.
    waiting = await database[LIGNES.name].count_documents({"depot": depot, "fin_le": None})
    ended = {"depot": depot, "fin_le": {"$ne": None}}
    stages: list[Document] = [{"$match": ended}, {"$group": {"_id": "$issue", "nombre": {"$sum": 1}}}]
    counts = Counter[IssueLigne | None]({None: waiting})
    async for group in database[LIGNES.name].aggregate(stages):
        # What a restoration ended without a word was not done.
        counts[IssueLigne(group["_id"] or IssueLigne.REFUSE)] += group["nombre"]
    return counts


async def list_lignes(
    database: Database, depot: str, *, issue: IssueLigne | None, first: int, after: int
) -> Sequence[LigneTraitee]:
    """The rows of a file after the one of that number, by number, `first` of them; only those that ended so."""
    where: Document = {"depot": depot, "numero": {"$gt": after}}
    if issue is IssueLigne.REFUSE:
        where |= {"$or": [{"issue": issue}, {"issue": None, "fin_le": {"$ne": None}}]}
    elif issue is not None:
        where["issue"] = issue
    rows = await database[LIGNES.name].find(where).sort("numero", 1).limit(first).to_list(first)
    return [_traitee(row) for row in rows]


def _traitee(row: Document) -> LigneTraitee:
    if row["issue"] is None and row["fin_le"] is not None:
        return LigneTraitee(numero=row["numero"], issue=IssueLigne.REFUSE, refus=RESTAURATION)
    issue = None if row["issue"] is None else IssueLigne(row["issue"])
    return LigneTraitee(numero=row["numero"], issue=issue, compte=row["compte"], refus=_refus(row["refus"]))


@dataclass(frozen=True, slots=True)
class Depots:
    """The files, and their rows, within a transaction."""

    transaction: Transaction

    async def open(self, depot: Depot) -> None:
        """Await a file."""
        await self.transaction[DEPOTS.name].insert_one(
            {
                "_id": depot.id,
                "compte": depot.compte,
                "taille": depot.taille,
                "sha256": depot.sha256,
                "demande_le": depot.demande_le,
                "expire_le": depot.expire_le,
                "utilise_le": None,
            },
            session=self.transaction.session,
        )

    async def count_waiting(self, compte: str, *, now: datetime) -> int:
        """How many files of an account are awaited."""
        return await self.transaction[DEPOTS.name].count_documents(
            {"compte": compte, **_waiting(now)}, session=self.transaction.session
        )

    async def count_lignes(self, compte: str, *, since: datetime) -> int:
        """How many rows the files had that an account sent since then."""
        sent = {"compte": compte, "utilise_le": {"$gt": since}}
        cursor = self.transaction[DEPOTS.name].find(sent, ["lignes"], session=self.transaction.session)
        return sum(row.get("lignes", 0) for row in await cursor.to_list(None))

    async def refuse(self, depot: Depot, refus: Refuse, *, now: datetime) -> bool:
        """Receive a file that cannot be taken; False when it came before, or too late."""
        facts = {"refus": _refus_document(refus)}
        return await use(self.transaction, DEPOTS, depot.id, now=now, **facts) is not None

    async def take(self, depot: Depot, lignes: Sequence[NouvelleLigne], *, now: datetime) -> bool:
        """Receive a file, with its rows; False when it came before, or too late."""
        if await use(self.transaction, DEPOTS, depot.id, now=now, lignes=len(lignes)) is None:
            return False
        await self.transaction[LIGNES.name].insert_many(
            [
                {
                    "_id": ligne_id(depot.id, ligne.numero),
                    "depot": depot.id,
                    "deposant": depot.compte,
                    "numero": ligne.numero,
                    "compte": None,
                    "empreinte": ligne.empreinte,
                    "contenu": ligne.contenu.document,
                    "issue": None,
                    "refus": None,
                    "essais": 0,
                    "essayer_le": now,
                    "cree_le": now,
                    "fin_le": None,
                }
                for ligne in lignes
            ],
            ordered=False,
            session=self.transaction.session,
        )
        return True

    async def finish(
        self, ligne: Ligne, issue: IssueLigne, *, compte: str | None = None, refus: Refuse | None = None, now: datetime
    ) -> bool:
        """Say what became of a row, and forget the person in it; False when another process has treated it."""
        done = {
            "issue": issue,
            "compte": compte,
            "refus": _refus_document(refus),
            "empreinte": None,
            "contenu": None,
            "fin_le": now,
        }
        result = await self.transaction[LIGNES.name].update_one(
            {"_id": ligne.id, "fin_le": None}, {"$set": done}, session=self.transaction.session
        )
        return result.modified_count == 1


async def forget_person(transaction: Transaction, compte: str, empreintes: Iterable[str]) -> None:
    """Forget what lists say of a person: the rows that name it, and those that it sent."""
    mine = [{"deposant": compte}, {"compte": compte}, {"empreinte": {"$in": list(empreintes)}}]
    await transaction[LIGNES.name].delete_many({"$or": mine}, session=transaction.session)
