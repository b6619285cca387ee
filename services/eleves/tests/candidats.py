"""The candidates' site, the offer and the lycées, for the tests of the candidates' files; and what others are told."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

from kit.consumer.messages import Received
from kit.mongo import Database, Transaction, Transactor
from kit.outbox import rows
from kit.versions import NEW, Version
from proto.candidats.v1 import dossiers_pb2
from proto.eleves.v1 import candidatures_pb2
from proto.offre.v1 import offre_pb2
from services.eleves.consumers import subscriptions
from services.eleves.domain import Courriel, DonneesSiecle, Eleve, TypeTache, new_eleve
from services.eleves.store.candidatures import ACCUEIL, CANDIDATURES
from services.eleves.store.dossiers import DOSSIERS
from services.eleves.store.work import Work, transactor
from services.eleves.usecases.dossiers import attach
from socle.series import Serie
from socle.topics import topic_of

OUVERTES = frozenset({"creteil", "rennes"})
ARRIVE = datetime(2024, 12, 2, tzinfo=UTC)
INE = "123456789AB"
SANS_ADRESSE = Courriel(tache=TypeTache.COURRIEL_ABSENT)


def eleve(
    numero: str, *, ine: str | None = INE, bea: str | None = None, academie: str = "creteil", uai: str = "0779000P"
) -> Eleve:
    """A student that a lycée has just sent."""
    siecle = DonneesSiecle(
        nom="Martin",
        nom_usage=None,
        prenoms=("Camille",),
        naissance=date(2007, 5, 4),
        sexe=None,
        ine_rnie=ine,
        ine_bea=bea,
        eleve_id=numero,
        mef="20110019110",
        serie=Serie.GENERALE,
        classe="T1",
        specialites=(),
        options=(),
        statut="ST",
        regime="0",
        doublement=False,
        entree=None,
        boursier=False,
    )
    return new_eleve(
        f"2025/{numero}",
        session=2025,
        uai=uai,
        academie=academie,
        arrive_le=ARRIVE,
        siecle=siecle,
        courriel=SANS_ADRESSE,
        dans_vivier_initial=True,
    )


def voeu(code: str, etat: str = "CONFIRME", **fields: Any) -> dossiers_pb2.Voeu:
    """A wish, confirmed unless it is only formulated."""
    confirme_le = "" if etat == "FORMULE" else "2025-03-20"
    return dossiers_pb2.Voeu(
        formation=f"2025/{code}", etat=etat, formule_le="2025-01-21", confirme_le=confirme_le, **fields
    )


def etat(
    candidat: str, n: int, *voeux: dossiers_pb2.Voeu, ine: str = INE, **fields: Any
) -> Received[dossiers_pb2.Dossier]:
    """A candidate's file at version `n` of the site."""
    message = dossiers_pb2.Dossier(
        candidat=candidat, session=2025, ine=ine, inscrit_le="2025-01-21", voeux=voeux, **fields
    )
    return Received(f"2025/{candidat}", Version(1, n), message)


def efface(candidat: str, n: int) -> Received[dossiers_pb2.Dossier]:
    """What the site says of a candidate who is no more."""
    return Received(f"2025/{candidat}", Version(1, n), None)


def formation(code: str, academie: str, n: int = 1) -> Received[offre_pb2.Formation]:
    """A formation as `offre` tells of it."""
    message = offre_pb2.Formation(id=f"2025/{code}", session=2025, code=code, uai="0350000A", academie=academie)
    return Received(message.id, Version(1, n), message)


@dataclass(frozen=True, slots=True)
class Monde:
    """Everybody who writes to `eleves`, over its real store."""

    store: Database
    ouvertes: frozenset[str] = OUVERTES

    @property
    def transact(self) -> Transactor[Work]:
        return transactor(self.store, generation=1)

    async def tell(self, *etats: Received[dossiers_pb2.Dossier]) -> int:
        """The site says these states, in one batch; how many were newer."""
        return await self._hand("candidats.dossiers.v1", etats)

    async def offer(self, *formations: Received[offre_pb2.Formation]) -> int:
        """The offer tells of formations, in one batch; how many were newer."""
        return await self._hand("offre.formations.v1", formations)

    async def _hand(self, topic: str, batch: Sequence[Received[Any]]) -> int:
        handlers = {s.topic: s.handle for s in subscriptions(self.store, self.ouvertes)}
        return (await handlers[topic](batch)).applied

    async def send(self, *eleves: Eleve) -> int:
        """Lycées send students, new or changed; how many files followed them."""
        return await attach(self.transact, await self.save(*eleves), ouvertes=self.ouvertes)

    async def save(self, *eleves: Eleve) -> Sequence[Eleve]:
        """What an import does before it looks for files."""
        return await self.transact(partial(_save, eleves))

    async def file(self, candidat: str) -> dict[str, Any]:
        """What is kept of a file."""
        return await self.store[DOSSIERS.name].find_one({"_id": f"2025/{candidat}"}) or {}

    async def whole(self, academie: str) -> dict[str, candidatures_pb2.Candidature | None]:
        """What the topic of an académie's lycées holds, by candidate; None where the key is erased."""
        told = await self._told(topic_of(academie, CANDIDATURES))
        return {
            key: None if value is None else candidatures_pb2.Candidature.FromString(value)
            for key, (_, value) in told.items()
        }

    async def hosted(self, academie: str) -> dict[str, list[str] | None]:
        """The formations that the topic of an académie's hosts holds, by candidate; None where the key is erased."""
        told = await self._told(topic_of(academie, ACCUEIL))
        return {
            key: None
            if value is None
            else [v.formation for v in candidatures_pb2.CandidatureAccueil.FromString(value).voeux]
            for key, (_, value) in told.items()
        }

    async def version(self, academie: str, name: str, candidat: str) -> Version:
        """The version of what a topic holds of a candidate."""
        return (await self._told(topic_of(academie, name)))[candidat][0]

    async def count_events(self) -> int:
        """How many events wait in the outbox, those of students apart."""
        return await self.store[rows.OUTBOX.name].count_documents({"topic": {"$not": {"$regex": "eleves.eleves"}}})

    async def _told(self, topic: str) -> dict[str, tuple[Version, bytes | None]]:
        waiting = await self.store[rows.OUTBOX.name].find({"topic": topic}).sort("_id", 1).to_list(None)
        return {
            row["key"].removeprefix("2025/"): (Version.from_rank(int(dict(row["headers"])["version"])), row["value"])
            for row in waiting
        }


async def _save(eleves: Sequence[Eleve], work: Work) -> Sequence[Eleve]:
    known = [e.id for e in eleves if e.version != NEW]
    held = await work.eleves.find(known)
    return await work.eleves.save_all([replace(e, version=held[e.id].version) if e.id in held else e for e in eleves])


@dataclass(slots=True)
class Meanwhile:
    """Has something happen once, whole, while a transaction is about to commit what it has seen and written."""

    store: Database
    act: Callable[[], Awaitable[object]]
    done: bool = False

    @property
    def transact(self) -> Transactor[Work]:
        """Transactions during the first of which it happens."""
        return replace(transactor(self.store, generation=1), write_outbox=self._write)

    async def _write(self, transaction: Transaction) -> None:
        if not self.done:
            self.done = True
            await self.act()
        await rows.write(transaction, source="eleves")
