"""The results as they are stored: of each school, of each académie and of the nation, with what is hidden of each."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from pymongo import DeleteOne, UpdateOne

from kit.mongo import Collection, Database, Document, Index, Transaction
from services.pilotage.indicateurs import (
    ALL_HIDDEN,
    CHIFFRES,
    Comptage,
    Effectifs,
    Ligne,
    Masque,
    Resultat,
    Tableau,
)
from services.pilotage.secret.cellules import Demande
from services.pilotage.secret.publication import Ouverture
from services.pilotage.store.lignes import rows_where
from socle.academies import academie_of_uai
from socle.series import Serie

NATION = "nation"
ETABLISSEMENT, ACADEMIE = "etablissement", "academie"
RESULTATS = Collection(
    name="resultats",
    required={
        "session": "int",
        "portee": "string",
        "academie": ["string", "null"],
        "series": "object",
        "candidatures_en_attente": "int",
        "voeux_en_attente": "int",
        "calcule_le": "date",
    },
    # Of a row without it, all is hidden.
    optional={"masque": "object", "ouverture": "object"},
    indexes=(Index(keys={"session": 1, "portee": 1, "academie": 1}),),
    purpose="les indicateurs d'un établissement, d'une académie et de la nation",
    readers="qui a le droit « pilotage » sur l'établissement ; secret statistique en dehors",
    kept="la session et son archive",
)
_ENSEMBLE = "ENSEMBLE"


@dataclass(frozen=True, slots=True)
class Resultats:
    """Results read outside a transaction."""

    database: Database

    async def get(self, ids: Sequence[str]) -> list[Resultat]:
        """Those of these places (`session/uai`, `session/académie`, `session/nation`), zero where nobody is counted."""
        rows = (
            await self.database[RESULTATS.name].find({"_id": {"$in": list(set(ids))}}, {"ouverture": 0}).to_list(None)
        )
        found = {
            row["_id"]: Resultat(comptage=read_comptage(row), masque=read_masque(row), calcule_le=row["calcule_le"])
            for row in rows
        }
        return [found.get(id, Resultat()) for id in ids]

    async def pending(self) -> Comptage:
        """What waits for the other side of a reference, in all sessions together."""
        rows = await self.database[RESULTATS.name].find({"portee": NATION}).to_list(None)
        return sum(map(read_comptage, rows), start=Comptage())


async def stored(transaction: Transaction, where: Document) -> Mapping[str, Document]:
    """The rows that match, by their id and in its order."""
    return {
        row["_id"]: row for row in sorted(await rows_where(transaction, RESULTATS.name, where), key=lambda r: r["_id"])
    }


def write(
    id: str,
    portee: str,
    academie: str | None,
    comptage: Comptage,
    now: datetime,
    *,
    masque: Masque | None = None,
    ouverture: Ouverture | None = None,
) -> UpdateOne | DeleteOne:
    """Write a result, or remove it where there is nothing to say.

    Without `masque`, what is hidden of it stays as it is: of a new one, all.
    """
    if not comptage:
        return DeleteOne({"_id": id})
    fields = {
        "session": session_of(id),
        "portee": portee,
        "academie": academie,
        "series": {serie.value: asdict(effectifs) for serie, effectifs in comptage.tableau.series.items()},
        "candidatures_en_attente": comptage.candidatures_en_attente,
        "voeux_en_attente": comptage.voeux_en_attente,
        "calcule_le": now,
    }
    if ouverture is not None:
        fields["ouverture"] = {
            "masque": _masque_document(ouverture.masque),
            "passages": {
                echange: [list(map(_nom, group)) for group in groups] for echange, groups in ouverture.passages.items()
            },
            "demandes": [
                {"echange": d.echange, "aller": d.aller, "sortie": _nom(d.sortie), "entree": _nom(d.entree)}
                for d in ouverture.demandes
            ],
        }
    if masque is not None:
        fields["masque"] = _masque_document(masque)
    return UpdateOne({"_id": id}, {"$set": fields}, upsert=True)


def write_masques(rows: Mapping[str, Document], masques: Mapping[str, Masque]) -> list[UpdateOne]:
    """Write what is hidden of these results where the rows that are held say otherwise."""
    return [
        UpdateOne({"_id": id}, {"$set": {"masque": _masque_document(masque)}})
        for id, masque in masques.items()
        if "masque" not in rows[id] or read_masque(rows[id]) != masque
    ]


def read_comptage(row: Document | None) -> Comptage:
    """The figures of a row; none where there is no row."""
    if row is None:
        return Comptage()
    return Comptage(
        tableau=Tableau({Serie(serie): Effectifs(**figures) for serie, figures in row["series"].items()}),
        candidatures_en_attente=row["candidatures_en_attente"],
        voeux_en_attente=row["voeux_en_attente"],
    )


def read_masque(row: Document) -> Masque:
    """What is hidden of a row: all, until it has been worked out."""
    return _read_masque(row["masque"]) if "masque" in row else ALL_HIDDEN


def read_ouverture(row: Document) -> Ouverture:
    """What an académie is to the nation; closed, until it has been worked out."""
    held = row.get("ouverture")
    if held is None:
        return Ouverture(masque=ALL_HIDDEN, passages={}, demandes=())
    return Ouverture(
        masque=_read_masque(held["masque"]),
        passages={
            echange: [list(map(_ligne, group)) for group in groups] for echange, groups in held["passages"].items()
        },
        demandes=[
            Demande(echange=d["echange"], aller=d["aller"], sortie=_ligne(d["sortie"]), entree=_ligne(d["entree"]))
            for d in held["demandes"]
        ],
    )


def session_of(id: str) -> int:
    """The session of a result."""
    return int(id.partition("/")[0])


def academie_of(school: str) -> str | None:
    """The académie of a school (`session/uai`), by its UAI."""
    found = academie_of_uai(school.partition("/")[2])
    return None if found is None else found.slug


def _masque_document(masque: Masque) -> Document:
    lignes = (*Serie, None)
    return {name: [_nom(ligne) for ligne in lignes if ligne in hidden] for name, hidden in masque.items() if hidden}


def _read_masque(held: Document) -> Masque:
    return {name: frozenset(map(_ligne, held.get(name, ()))) for name in CHIFFRES}


def _nom(ligne: Ligne) -> str:
    return _ENSEMBLE if ligne is None else ligne.value


def _ligne(nom: str) -> Ligne:
    return None if nom == _ENSEMBLE else Serie(nom)
