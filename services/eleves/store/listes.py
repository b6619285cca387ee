"""Reading students outside a transaction."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import batched

from kit.mongo import Database, Document
from services.eleves.domain import Eleve
from services.eleves.portee import Portee
from services.eleves.store.eleves import ELEVE, ELEVES, ines_by_field
from socle.principal import Lieu
from socle.series import Serie

_KEYS_ABSENT, _KEYS_FOUND = 250, 50
"""Keys asked for at once, where next to none should be found, and where all are: the embedded store compares each row
that it finds with every key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filtre:
    """Which students of a lycée a list shows; None asks for no difference.

    Args:
        partis: those who have left, instead of those who are there.
        avec_tache: those for whom the school has something to do, or those for whom it has nothing.
    """

    classe: str | None = None
    serie: Serie | None = None
    avec_tache: bool | None = None
    partis: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of a list, one more than asked for when there are more, and how many there are in all."""

    rows: Sequence[Eleve]
    total: int


@dataclass(frozen=True, slots=True)
class Classe:
    """A class and how many present students it has."""

    code: str
    effectif: int


async def find_school(database: Database, *, session: int, uai: str) -> list[Eleve]:
    """All the students that a school has sent, those who left included."""
    cursor = database[ELEVES.name].find({"session": session, "uai": uai})
    return [ELEVE.read(document) for document in await cursor.to_list(None)]


async def find_elsewhere(database: Database, *, session: int, uai: str, ines: Iterable[str]) -> list[Eleve]:
    """The students of other schools who have one of these INE, of rows that none of this school's was found for."""
    collection = database[ELEVES.name]
    found: dict[str, Eleve] = {}
    for champ, some in _asked(ines, _KEYS_ABSENT):
        where = {"session": session, f"siecle.{champ}": {"$in": some}}
        documents = await collection.find(where).to_list(None)
        found |= {document["_id"]: ELEVE.read(document) for document in documents if document["uai"] != uai}
    return list(found.values())


async def find_shared_ines(database: Database, *, session: int, uai: str, ines: Iterable[str]) -> frozenset[str]:
    """Those of these INE, of students of this school, that students present in other schools have too."""
    shared = set()
    for champ, some in _asked(ines, _KEYS_FOUND):
        where = {"session": session, f"siecle.{champ}": {"$in": some}}
        fields = {f"siecle.{champ}": 1, "uai": 1, "parti_le": 1}
        for row in await database[ELEVES.name].find(where, fields).to_list(None):
            if row["uai"] != uai and row["parti_le"] is None:
                shared.add(row["siecle"][champ])
    return frozenset(shared)


def _asked(ines: Iterable[str], at_once: int) -> Iterator[tuple[str, list[str]]]:
    """Some keys at a time, each a walk of the index of its own kind."""
    for champ, alike in ines_by_field(ines).items():
        for some in batched(alike, at_once, strict=False):
            yield champ, list(some)


async def list_eleves(
    database: Database,
    portee: Portee,
    lieu: Lieu,
    *,
    session: int,
    filtre: Filtre,
    first: int,
    after: tuple[str, str] | None,
) -> Page:
    """The students of a lycée that `portee` reaches, by name after the row (sort key, id)."""
    collection = database[ELEVES.name]
    where = _reached(portee, lieu, session) | _wanted(filtre)
    if filtre.classe is not None:
        classes = portee.classes_in(lieu)
        where["siecle.classe"] = filtre.classe if classes is None or filtre.classe in classes else {"$in": []}
    page = where
    if after is not None:
        tri, eleve = after
        page = where | {"$or": [{"tri": {"$gt": tri}}, {"tri": tri, "_id": {"$gt": eleve}}]}
    cursor = collection.find(page).sort([("tri", 1), ("_id", 1)]).limit(first + 1)
    rows = [ELEVE.read(document) for document in await cursor.to_list(first + 1)]
    return Page(rows, await collection.count_documents(where))


async def list_classes(database: Database, portee: Portee, lieu: Lieu, *, session: int) -> list[Classe]:
    """The classes of a lycée that `portee` reaches, by code."""
    match = _reached(portee, lieu, session) | _wanted(Filtre())
    stages = [{"$match": match}, {"$group": {"_id": "$siecle.classe", "effectif": {"$sum": 1}}}]
    groups = await database[ELEVES.name].aggregate(stages).to_list(None)
    return sorted(
        (Classe(group["_id"], group["effectif"]) for group in groups if group["_id"] is not None),
        key=lambda classe: classe.code,
    )


def _reached(portee: Portee, lieu: Lieu, session: int) -> Document:
    """Plain equalities where it reaches the whole lycée, as it nearly always does: the store then walks the index."""
    classes = portee.classes_in(lieu)
    reached: Document = {"session": session, "uai": lieu.uai}
    return reached if classes is None else reached | {"siecle.classe": {"$in": sorted(classes)}}


def _wanted(filtre: Filtre) -> Document:
    wanted: Document = {"parti_le": {"$ne": None} if filtre.partis else None}
    if filtre.serie is not None:
        wanted["siecle.serie"] = filtre.serie
    if filtre.avec_tache is not None:
        wanted["tache"] = {"$ne": None} if filtre.avec_tache else None
    return wanted
