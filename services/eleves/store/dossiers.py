"""The candidates' files, as they are kept."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime

from kit.mongo import Collection, Database, Document, Index, Transaction
from kit.mongo.aggregates import Aggregates, Kind
from kit.outbox.events import Event
from kit.versions import NEW, Version
from services.eleves.domain import Eleve
from services.eleves.dossiers import Contenu, Dossier, EtatVoeu, Porteur, Porteurs, Rattachement, Voeu
from services.eleves.store.candidatures import messages
from services.eleves.store.eleves import ELEVES, ines_by_field

DOSSIERS = Collection(
    name="dossiers",
    required={"version": "long", "session": "int", "recu": ["int", "long"], "academies_accueil": "array"},
    optional={
        "contenu": "object",
        "rattachement": "object",
        "academie_origine": "string",
        # What is not known yet, derived: the ids of formations, and whose the file is.
        "en_attente": "array",
    },
    indexes=(
        Index(keys={"session": 1, "contenu.ine": 1}),
        Index(keys={"rattachement.eleve": 1}),
        Index(keys={"en_attente": 1}),
    ),
    purpose="les dossiers des candidats, tels que leur site les dit",
    readers="le lycée de l'élève ; les établissements d'accueil, des vœux confirmés chez eux",
    kept="la session et son archive",
)
_ELEVE = "eleve"
"""Beside the ids of formations, which begin by a digit."""
_DAYS = ("formule_le", "confirme_le", "proposition_le", "reponse_le")


def _document(dossier: Dossier) -> Document:
    document: Document = {
        "session": dossier.session,
        "recu": dossier.recu.rank,
        "academies_accueil": sorted(dossier.academies_accueil),
    }
    if dossier.contenu is not None:
        document["contenu"] = _contenu_document(dossier.contenu)
    if dossier.rattachement is not None:
        document["rattachement"] = dossier.rattachement._asdict()
    if dossier.academie_origine is not None:
        document["academie_origine"] = dossier.academie_origine
    en_attente = [*dossier.en_attente]
    if dossier.contenu is not None and dossier.rattachement is None:
        en_attente.append(_ELEVE)
    if en_attente:
        document["en_attente"] = en_attente
    return document


def _contenu_document(contenu: Contenu) -> Document:
    return {
        **({} if contenu.ine is None else {"ine": contenu.ine}),
        "inscrit_le": contenu.inscrit_le and contenu.inscrit_le.isoformat(),
        "demission_le": contenu.demission_le and contenu.demission_le.isoformat(),
        "cordees_consenties": contenu.cordees_consenties,
        "voeux": [_voeu_document(voeu) for voeu in contenu.voeux],
    }


def _voeu_document(voeu: Voeu) -> Document:
    held = voeu._asdict()
    return {name: value for name, value in held.items() if value is not None} | {
        day: held[day].isoformat() for day in _DAYS if held[day] is not None
    }


def _dossier(id: str, version: Version, document: Document) -> Dossier:
    contenu, rattachement = document.get("contenu"), document.get("rattachement")
    return Dossier(
        id=id,
        version=version,
        session=document["session"],
        recu=Version.from_rank(document["recu"]),
        contenu=None if contenu is None else _contenu(contenu),
        rattachement=None if rattachement is None else Rattachement(**rattachement),
        academie_origine=document.get("academie_origine"),
        academies_accueil=frozenset(document["academies_accueil"]),
    )


def _contenu(held: Document) -> Contenu:
    return Contenu(
        ine=held.get("ine"),
        inscrit_le=_day(held["inscrit_le"]),
        demission_le=_day(held["demission_le"]),
        cordees_consenties=held["cordees_consenties"],
        voeux=tuple(_voeu(voeu) for voeu in held["voeux"]),
    )


def _voeu(held: Document) -> Voeu:
    return Voeu(
        formation=held["formation"],
        etat=EtatVoeu(held["etat"]),
        rang=held["rang"],
        academie=held.get("academie"),
        **{day: _day(held.get(day)) for day in _DAYS},
    )


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


_DOSSIER = Kind(collection=DOSSIERS.name, document=_document, aggregate=_dossier)


class Dossiers(Aggregates[Dossier]):
    """The files within a transaction."""

    def __init__(self, transaction: Transaction, generation: int) -> None:
        super().__init__(transaction, _DOSSIER, generation)

    async def save_all(self, aggregates: Sequence[Dossier]) -> list[Dossier]:
        """Write the files that differ from what was read; tell each académie that has to know what changed for it.

        The académie that a student leaves for another is told at one version, and the one it comes to at the next
        (architecture §4): whoever reads both keeps the later, in whatever order they come.

        Raises:
            Conflict: one was changed by somebody else since it was read.
        """
        left = await self._save([dossier.leave() for dossier in aggregates if self._moves(dossier)])
        versions = {dossier.id: dossier.version for dossier in left}
        return await self._save([replace(d, version=versions.get(d.id, d.version)) for d in aggregates])

    async def porteurs(self, dossiers: Iterable[Dossier]) -> Porteurs:
        """The students who have the INE of these files, as the transaction sees them."""
        return await find_porteurs(self.transaction.database, dossiers, within=self.transaction)

    def _moves(self, dossier: Dossier) -> bool:
        held = self._read.get(dossier.id)
        return (
            held is not None
            and None not in {held.academie_origine, dossier.academie_origine}
            and held.academie_origine != dossier.academie_origine
        )

    async def _save(self, dossiers: Sequence[Dossier]) -> list[Dossier]:
        before = {dossier.id: self._read.get(dossier.id) for dossier in dossiers}
        saved = await super().save_all(dossiers)
        for dossier in saved:
            if dossier != before[dossier.id]:
                self._publish(before[dossier.id], dossier)
        return saved

    def _publish(self, before: Dossier | None, after: Dossier) -> None:
        told, tell = {} if before is None else messages(before), messages(after)
        for topic in told.keys() | tell.keys():
            # Where there is nothing to tell any more, the key is erased.
            if told.get(topic) != tell.get(topic):
                self.transaction.publish(
                    Event(topic=topic, key=after.id, version=after.version, message=tell.get(topic))
                )


async def find_porteurs(
    database: Database, dossiers: Iterable[Dossier], *, within: Transaction | None = None
) -> Porteurs:
    """The students who have the INE of these files.

    The shape of an INE says of which kind it is, so that « by INE-RNIE, then INE-BEA » (domaine.md §8) is one question
    for each file.
    """
    wanted: dict[int, set[str]] = defaultdict(set)
    for dossier in dossiers:
        if dossier.ine is not None:
            wanted[dossier.session].add(dossier.ine)
    found: dict[tuple[int, str], list[Porteur]] = defaultdict(list)
    snapshot = None if within is None else within.session
    asked = [(session, *group) for session, ines in wanted.items() for group in ines_by_field(ines).items()]
    for session, champ, ines in asked:
        where = {"session": session, f"siecle.{champ}": {"$in": ines}}
        fields = {f"siecle.{champ}": 1, "uai": 1, "academie": 1, "parti_le": 1, "arrive_le": 1}
        for row in await database[ELEVES.name].find(where, fields, session=snapshot).to_list(None):
            found[session, row["siecle"][champ]].append(_porteur(row))
    return found


def _porteur(row: Document) -> Porteur:
    return Porteur(
        eleve=row["_id"],
        uai=row["uai"],
        academie=row["academie"],
        present=row["parti_le"] is None,
        arrive_le=datetime.fromisoformat(row["arrive_le"]),
    )


async def find_concerned(database: Database, eleves: Sequence[Eleve]) -> set[str]:
    """The files of these students, and those that have one of their INE.

    Those who are new come as they were before they were saved.
    """
    ines: dict[int, set[str]] = defaultdict(set)
    for eleve in eleves:
        ines[eleve.session] |= eleve.siecle.ines
    clauses: list[Document] = [
        {"session": session, "contenu.ine": {"$in": sorted(wanted)}} for session, wanted in ines.items() if wanted
    ]
    # Whoever has never been saved before has no file yet; and one that finds it now finds it as it is.
    known = [eleve.id for eleve in eleves if eleve.version != NEW]
    if known:
        clauses.append({"rattachement.eleve": {"$in": known}})
    return {id for clause in clauses for id in await _ids(database, clause)}


async def find_waiting(database: Database, formations: Iterable[str], *, limit: int) -> list[str]:
    """Some of the files that wait for one of these formations."""
    return await _ids(database, {"en_attente": {"$in": list(formations)}}, limit=limit)


async def _ids(database: Database, where: Document, *, limit: int = 0) -> list[str]:
    rows = database[DOSSIERS.name].find(where, {"_id": 1}).limit(limit)
    return [row["_id"] for row in await rows.to_list(None)]


async def count_waiting(database: Database) -> tuple[int, int]:
    """How many files have no student, and how many wishes have a formation that the offer has not told of."""
    files = await database[DOSSIERS.name].count_documents({"en_attente": _ELEVE})
    formations = {"en_attente": {"$lt": _ELEVE}}
    stages: list[Document] = [
        {"$match": formations},
        {"$unwind": "$en_attente"},
        {"$match": formations},
        {"$count": "voeux"},
    ]
    counted = await database[DOSSIERS.name].aggregate(stages).to_list(None)
    return files, counted[0]["voeux"] if counted else 0
