"""What `eleves` reads of the others: rights, the calendar, the formations, and the candidates' files."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from kit.consumer.messages import Batch, Received, Unreadable
from kit.consumer.projections import keep
from kit.consumer.subscriptions import Outcome, Subscription
from kit.mongo import Database
from kit.mongo.migrations import Generation
from proto.candidats.v1 import dossiers_pb2
from proto.offre.v1 import offre_pb2
from services.eleves.dossiers import Contenu, EtatRecu, EtatVoeu, Voeu
from services.eleves.store.dossiers import DOSSIERS, count_waiting
from services.eleves.store.formations import FORMATIONS, Formations, formation_document
from services.eleves.store.work import transactor
from services.eleves.usecases.dossiers import Transact, receive_all, resolve
from socle.identifiants import ine_type, normalize_ine
from socle.projections import calendrier, habilitations

_ID = re.compile(r"\d{4}/[0-9A-Za-z_-]{1,64}")
_MOST_WISHES = 200
"""Far above what a candidate may make, apprenticeship included: more is a mistake of the site."""


def subscriptions(
    database: Database, academies: Iterable[str], *, committed: Callable[[], None] = lambda: None
) -> Sequence[Subscription[Any]]:
    """What is done with which topic.

    Args:
        database: of the service; a projection can be rebuilt beside the service, by the same subscriptions.
        academies: slugs of those that are open, which are told of their students' files and of the wishes there.
        committed: called when something is published, to wake the relay; without it the next sweep sends.
    """
    generation, ouvertes, formations = Generation(database), frozenset(academies), Formations(database)

    async def transact() -> Transact:
        return transactor(database, generation=await generation(), committed=committed)

    return [
        *habilitations.subscriptions(database),
        *calendrier.subscriptions(database),
        _formations(transact, formations, ouvertes),
        _dossiers(transact, formations, ouvertes),
    ]


def _formations(
    transact: Callable[[], Awaitable[Transact]], formations: Formations, ouvertes: frozenset[str]
) -> Subscription[offre_pb2.Formation]:
    project = keep(formations.database, FORMATIONS.name, formation_document)

    async def handle(batch: Batch[offre_pb2.Formation]) -> Outcome:
        outcome = await project(batch)
        # Of those that are not newer too: it may be that a process kept them, and died before it looked for wishes.
        await resolve(await transact(), formations, (event.key for event in batch), ouvertes=ouvertes)
        return outcome

    return Subscription(
        topic="offre.formations.v1", kind=offre_pb2.Formation, handle=handle, projection=FORMATIONS.name
    )


def _dossiers(
    transact: Callable[[], Awaitable[Transact]], formations: Formations, ouvertes: frozenset[str]
) -> Subscription[dossiers_pb2.Dossier]:
    async def handle(batch: Batch[dossiers_pb2.Dossier]) -> Outcome:
        etats = [read_etat(event) for event in batch]
        return Outcome(await receive_all(await transact(), formations, etats, ouvertes=ouvertes))

    return Subscription(topic="candidats.dossiers.v1", kind=dossiers_pb2.Dossier, handle=handle, check=read_etat)


def read_etat(event: Received[dossiers_pb2.Dossier]) -> EtatRecu:
    """A candidate's file as its site says it.

    Raises:
        Unreadable: it breaks the site's contract; the reason names nothing of the candidate.
    """
    if not _ID.fullmatch(event.key):
        raise Unreadable("a key that is not session/candidat")
    session = int(event.key[:4])
    message = event.message
    if message is None:
        return EtatRecu(event.key, session, event.version, None)
    if event.key != f"{message.session}/{message.candidat}":
        raise Unreadable("a key that is another file's")
    if len(message.voeux) > _MOST_WISHES:
        raise Unreadable("too many wishes")
    voeux = tuple(_voeu(voeu, session) for voeu in message.voeux)
    if len({voeu.formation for voeu in voeux}) != len(voeux):
        raise Unreadable("two wishes for one formation")
    contenu = Contenu(
        ine=_ine(message.ine),
        inscrit_le=_day(message.inscrit_le),
        demission_le=_day(message.demission_le),
        cordees_consenties=message.cordees_consenties,
        voeux=voeux,
    )
    return EtatRecu(event.key, session, event.version, contenu)


def _voeu(message: dossiers_pb2.Voeu, session: int) -> Voeu:
    if not (_ID.fullmatch(message.formation) and message.formation.startswith(f"{session}/")):
        raise Unreadable("a wish for what is no formation of the session")
    if message.etat not in EtatVoeu:
        raise Unreadable("a wish in an unknown state")
    if message.rang < 0:
        raise Unreadable("a negative rank")
    return Voeu(
        formation=message.formation,
        etat=EtatVoeu(message.etat),
        formule_le=_day(message.formule_le),
        confirme_le=_day(message.confirme_le),
        rang=message.rang,
        proposition_le=_day(message.proposition_le),
        reponse_le=_day(message.reponse_le),
    )


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Unreadable("a day that is none") from None
    if day.isoformat() != text:
        # ISO 8601 has other ways to write a day, of which the contract has none.
        raise Unreadable("a day that is none")
    return day


def _ine(text: str) -> str | None:
    """What the candidate gave, if a student can have it: a mistake of the candidate's is none of the site's."""
    ine = normalize_ine(text)
    return ine if ine_type(ine) is not None else None


async def count_pending(database: Database) -> Mapping[str, int]:
    """How many files have no student yet, and how many wishes have no known formation."""
    files, wishes = await count_waiting(database)
    return {DOSSIERS.name: files, f"{DOSSIERS.name}.voeux": wishes}
