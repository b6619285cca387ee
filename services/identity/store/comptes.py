"""Accounts, as they are kept and told."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import batched

from google.protobuf.timestamp_pb2 import Timestamp

from kit.mongo import Collection, Database, Document, Index, Transaction, Transactor
from kit.mongo.aggregates import Kind
from kit.outbox import rows
from kit.outbox.events import Event
from kit.versions import Version
from proto.identity.v1 import comptes_pb2, habilitations_pb2
from services.identity.domain.comptes import Compte, EtatCompte
from services.identity.domain.noms import sort_key
from socle.projections.rights_documents import read_droits, read_roles
from socle.rubriques import Role

COMPTES = Collection(
    name="comptes",
    required={
        "version": "long",
        "courriel": "string",
        "nom": "string",
        "prenom": "string",
        "etat": "string",
        "roles": "array",
        "droits": "array",
    },
    optional={"mobile": "string", "tri": "string"},
    indexes=(Index(keys={"roles.uai": 1}), Index(keys={"droits.uai": 1})),
    purpose="savoir qui est la personne et ce qu'elle peut faire",
    readers="la personne, et qui gère les utilisateurs de ses établissements",
    kept="jusqu'à la suppression du compte",
)


def _document(compte: Compte) -> Document:
    return {
        "courriel": compte.courriel,
        "nom": compte.nom,
        "prenom": compte.prenom,
        "tri": sort_key(compte.nom, compte.prenom),
        **({} if compte.mobile is None else {"mobile": compte.mobile}),
        "etat": compte.etat,
        "roles": [
            {
                "role": role.role,
                "uai": role.uai,
                "academie": role.academie,
                "region_academique": role.region_academique,
                "classes": sorted(role.classes),
                "groupes": sorted(role.groupes),
            }
            for role in compte.roles
        ],
        "droits": [
            {
                "uai": droit.uai,
                "rubrique": droit.rubrique,
                "niveau": droit.niveau.name,
                "formation": droit.formation,
                "jusqu_au": droit.jusqu_au,
            }
            for droit in compte.droits
        ],
    }


def _compte(id: str, version: Version, document: Document) -> Compte:
    return Compte(
        id=id,
        version=version,
        courriel=document["courriel"],
        nom=document["nom"],
        prenom=document["prenom"],
        mobile=document.get("mobile"),
        etat=EtatCompte(document["etat"]),
        roles=read_roles(document["roles"]),
        droits=read_droits(document["droits"]),
    )


def habilitations(compte: Compte) -> habilitations_pb2.Habilitations:
    """What the other services know of an account: no name, no address."""
    return habilitations_pb2.Habilitations(
        compte=compte.id,
        actif=compte.actif,
        roles=[
            habilitations_pb2.Role(
                role=role.role,
                uai=role.uai or "",
                academie=role.academie or "",
                region_academique=role.region_academique or "",
                classes=sorted(role.classes),
                groupes=sorted(role.groupes),
            )
            for role in compte.roles
        ],
        droits=[
            habilitations_pb2.Droit(
                uai=droit.uai,
                rubrique=droit.rubrique,
                niveau=droit.niveau.name,
                formation=droit.formation or "",
                jusqu_au=_timestamp(droit.jusqu_au),
            )
            for droit in compte.droits
        ],
    )


def _timestamp(moment: datetime | None) -> Timestamp | None:
    if moment is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def publie(compte: Compte) -> comptes_pb2.Compte:
    """What the other services know of an account's life: whether it is in use, and where it serves."""
    places = {(role.uai, role.academie, role.region_academique) for role in compte.roles}
    places |= {(droit.uai, None, None) for droit in compte.droits}
    return comptes_pb2.Compte(
        compte=compte.id,
        etat=compte.etat,
        lieux=[
            comptes_pb2.Lieu(uai=uai, academie=academie, region_academique=region)
            for uai, academie, region in sorted((u or "", a or "", r or "") for u, a, r in places)
            if uai or academie or region
        ],
    )


_TOGETHER = 200
HABILITATIONS = "identity.habilitations.v1"
VIE = "identity.comptes.v1"
TOPICS = (HABILITATIONS, VIE)
COMPTE = Kind(
    collection=COMPTES.name,
    document=_document,
    aggregate=_compte,
    publish=(lambda compte: (HABILITATIONS, habilitations(compte)), lambda compte: (VIE, publie(compte))),
)


async def tell_lives(database: Database) -> None:
    """Tell the life of each account as it is; again after a crash, what waits to be sent is not told twice."""
    transact = Transactor(
        database=database,
        work=lambda transaction: transaction,
        write_outbox=partial(rows.write, source="identity"),
        committed=lambda: None,
    )
    ids = sorted([row["_id"] async for row in database[COMPTES.name].find({}, ["_id"])])
    for some in batched(ids, _TOGETHER, strict=False):

        async def body(transaction: Transaction, some: Sequence[str] = some) -> None:
            found = transaction[COMPTES.name].find({"_id": {"$in": list(some)}}, session=transaction.session)
            comptes = [COMPTE.read(document) for document in await found.to_list(None)]
            events = [Event(topic=VIE, key=c.id, version=c.version, message=publie(c)) for c in comptes]
            waiting = await rows.waiting(transaction, events)
            for event in events:
                if event not in waiting:
                    transaction.publish(event)

        await transact(body)


async def set_sort_keys(database: Database) -> None:
    """Keep what lists are sorted by of each account that was last written before that was kept."""
    async for row in database[COMPTES.name].find({"tri": {"$exists": False}}, ["nom", "prenom", "version"]):
        unchanged = {"_id": row["_id"], "version": row["version"]}
        await database[COMPTES.name].update_one(unchanged, {"$set": {"tri": sort_key(row["nom"], row["prenom"])}})


async def find_compte(database: Database, id: str) -> Compte | None:
    """The account of that id."""
    document = await database[COMPTES.name].find_one({"_id": id})
    return None if document is None else COMPTE.read(document)


_DU_RECTORAT = (Role.ADMIN_ETABLISSEMENT, Role.CHEF_ETABLISSEMENT, Role.DIRECTEUR_CIO)
_DE_LA_NATION = (Role.ADMIN_ACADEMIQUE, Role.CAES)
"""Roles that an account is seen for, in its académie and by the national team: those that they name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Perimetre:
    """Which accounts a read may return: one by id; those with something in `uais`; the heads and administrators of
    `uais_administres`; and with `academiques`, whoever works for an académie.
    """

    compte: str
    uais: frozenset[str]
    uais_administres: frozenset[str]
    academiques: bool = False

    @property
    def filter(self) -> Document:
        named = {"role": {"$in": list(_DU_RECTORAT)}, "uai": {"$in": sorted(self.uais_administres)}}
        seen = [{"_id": self.compte}, _attached(self.uais), {"roles": {"$elemMatch": named}}]
        if self.academiques:
            seen.append({"roles.role": {"$in": list(_DE_LA_NATION)}})
        return {"$or": seen}

    def show(self, compte: Compte) -> Compte:
        """What may be seen of an account within: what it holds here, and not what it does elsewhere."""
        if compte.id == self.compte:
            return compte
        places = self.uais | self.uais_administres
        return replace(
            compte,
            roles=tuple(
                role for role in compte.roles if (role.uai in places if role.uai is not None else self.academiques)
            ),
            droits=tuple(droit for droit in compte.droits if droit.uai in places),
        )


def _attached(uais: Iterable[str]) -> Document:
    within = {"$in": sorted(uais)}
    return {"$or": [{"roles.uai": within}, {"droits.uai": within}]}


async def select_compte(database: Database, id: str, perimetre: Perimetre) -> Compte | None:
    """The account of that id, if it is within `perimetre`."""
    document = await database[COMPTES.name].find_one({"$and": [{"_id": id}, perimetre.filter]})
    return None if document is None else COMPTE.read(document)


async def select_comptes(database: Database, ids: Iterable[str], perimetre: Perimetre) -> list[Compte]:
    """Those of these accounts that are within `perimetre`."""
    where = {"$and": [{"_id": {"$in": sorted(ids)}}, perimetre.filter]}
    return [COMPTE.read(document) for document in await database[COMPTES.name].find(where).to_list(None)]


async def list_users(
    database: Database, uai: str, perimetre: Perimetre, *, first: int, after: tuple[str, str] | None
) -> tuple[list[Compte], int]:
    """The accounts of an establishment within `perimetre`, by name after the row (`sort_key`, id): one more than
    `first` when there are more; and how many there are in all.
    """
    collection = database[COMPTES.name]
    where: Document = {"$and": [_attached([uai]), perimetre.filter]}
    page = where
    if after is not None:
        tri, compte = after
        page = {"$and": [*where["$and"], {"$or": [{"tri": {"$gt": tri}}, {"tri": tri, "_id": {"$gt": compte}}]}]}
    cursor = collection.find(page).sort([("tri", 1), ("_id", 1)]).limit(first + 1)
    rows = [COMPTE.read(document) for document in await cursor.to_list(first + 1)]
    return rows, await collection.count_documents(where)
