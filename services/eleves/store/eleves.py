"""Students, as they are kept, told and listed."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

from kit.mongo import Collection, Document, Index, Transaction
from kit.mongo.aggregates import Aggregates, Kind
from kit.versions import Version
from proto.eleves.v1 import eleves_pb2
from services.eleves.domain import Boursier, Courriel, DonneesSiecle, Eleve, Option, Sexe, TypeTache
from socle.identifiants import TypeIne, ine_type
from socle.series import Serie
from socle.topics import topic_of

TOPIC = "eleves.eleves.v1"
ELEVES = Collection(
    name="eleves",
    required={
        "version": "long",
        "session": "int",
        "uai": "string",
        "academie": "string",
        "tri": "string",
        "arrive_le": "string",
        "siecle": "object",
        "courriel": ["string", "null"],
        "tache": ["string", "null"],
        "boursier": "int",
        "parti_le": ["string", "null"],
        "vivier_initial": "bool",
    },
    indexes=(
        Index(keys={"session": 1, "uai": 1, "tri": 1, "_id": 1}),
        Index(keys={"session": 1, "siecle.ine_rnie": 1}),
        Index(keys={"session": 1, "siecle.ine_bea": 1}),
    ),
    purpose="les élèves de terminale que les lycées inscrivent dans la campagne",
    readers="le lycée, qui suit ses classes, son académie",
    kept="la session et son archive",
)
_INE = {TypeIne.RNIE: "ine_rnie", TypeIne.BEA: "ine_bea"}


def ines_by_field(ines: Iterable[str]) -> Mapping[str, list[str]]:
    """These INE by the field of `siecle` that holds their kind, and is indexed; one of another kind is nobody's."""
    found: dict[str, list[str]] = {}
    for ine in sorted(ines):
        if (kind := ine_type(ine)) in _INE:
            found.setdefault(_INE[kind], []).append(ine)
    return found


def sort_key(eleve: Eleve) -> str:
    """What lists are sorted by: the name, then the first forename, without accents or capitals."""
    letters = unicodedata.normalize("NFKD", eleve.etiquette).casefold()
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _document(eleve: Eleve) -> Document:
    siecle = eleve.siecle
    return {
        "session": eleve.session,
        "uai": eleve.uai,
        "academie": eleve.academie,
        "tri": sort_key(eleve),
        "arrive_le": eleve.arrive_le.isoformat(),
        "siecle": {
            "nom": siecle.nom,
            "nom_usage": siecle.nom_usage,
            "prenoms": list(siecle.prenoms),
            "naissance": siecle.naissance.isoformat(),
            "sexe": siecle.sexe,
            "ine_rnie": siecle.ine_rnie,
            "ine_bea": siecle.ine_bea,
            "eleve_id": siecle.eleve_id,
            "mef": siecle.mef,
            "serie": siecle.serie,
            "classe": siecle.classe,
            "specialites": list(siecle.specialites),
            "options": [list(option) for option in siecle.options],
            "statut": siecle.statut,
            "regime": siecle.regime,
            "doublement": siecle.doublement,
            "entree": siecle.entree and siecle.entree.isoformat(),
            "boursier": siecle.boursier,
        },
        "courriel": eleve.courriel.adresse,
        "tache": eleve.courriel.tache,
        "boursier": int(eleve.boursier),
        "parti_le": eleve.parti_le and eleve.parti_le.isoformat(),
        "vivier_initial": eleve.vivier_initial,
    }


def _eleve(id: str, version: Version, document: Document) -> Eleve:
    tache = document["tache"]
    return Eleve(
        id=id,
        version=version,
        session=document["session"],
        uai=document["uai"],
        academie=document["academie"],
        arrive_le=datetime.fromisoformat(document["arrive_le"]),
        siecle=_siecle(document["siecle"]),
        courriel=Courriel(document["courriel"], tache and TypeTache(tache)),
        boursier=Boursier(document["boursier"]),
        parti_le=_day(document["parti_le"]),
        vivier_initial=document["vivier_initial"],
    )


def _siecle(held: Document) -> DonneesSiecle:
    return DonneesSiecle(
        nom=held["nom"],
        nom_usage=held["nom_usage"],
        prenoms=tuple(held["prenoms"]),
        naissance=date.fromisoformat(held["naissance"]),
        sexe=held["sexe"] and Sexe(held["sexe"]),
        ine_rnie=held["ine_rnie"],
        ine_bea=held["ine_bea"],
        eleve_id=held["eleve_id"],
        mef=held["mef"],
        serie=Serie(held["serie"]),
        classe=held["classe"],
        specialites=tuple(held["specialites"]),
        options=tuple(map(Option._make, held["options"])),
        statut=held["statut"],
        regime=held["regime"],
        doublement=held["doublement"],
        entree=_day(held["entree"]),
        boursier=held["boursier"],
    )


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _publish(eleve: Eleve) -> tuple[str, eleves_pb2.Eleve]:
    return topic_of(eleve.academie, TOPIC), eleves_pb2.Eleve(
        id=eleve.id,
        session=eleve.session,
        uai=eleve.uai,
        academie=eleve.academie,
        serie=eleve.siecle.serie,
        present=eleve.present,
        vivier_initial=eleve.vivier_initial,
    )


ELEVE = Kind(collection=ELEVES.name, document=_document, aggregate=_eleve, publish=(_publish,))


class Eleves(Aggregates[Eleve]):
    """The students within a transaction."""

    def __init__(self, transaction: Transaction, generation: int) -> None:
        super().__init__(transaction, ELEVE, generation)

    async def move_all(self, moves: Sequence[tuple[Eleve, Eleve]]) -> list[Eleve]:
        """Save students who come from another académie, each with what it was there.

        The académie that they leave is told at one version, in its topic, and the one they come to at the next, in
        its own (architecture §4): whoever reads both keeps the later, in whatever order they come.

        Raises:
            Conflict: one was changed by somebody else since it was read.
        """
        departed = await self.save_all([left.depart() for left, _ in moves])
        arrived = [replace(come, version=gone.version) for (_, come), gone in zip(moves, departed, strict=True)]
        return await self.save_all(arrived)
