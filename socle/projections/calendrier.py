"""The copy of the campaign's calendar that every service keeps, and by which it decides what is open."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from kit.consumer.projections import keep, projection
from kit.consumer.subscriptions import Subscription
from kit.errors import Unavailable
from kit.mongo import Collection, Database, Document
from proto.pilotage.v1 import calendrier_pb2
from socle.fenetres import Calendrier, CodeFenetre, Fenetre

TOPIC = "pilotage.calendriers.v1"
CALENDRIERS = projection(
    "calendriers_projetes",
    fields={"fenetres": "array", "derogations": "array"},
    purpose="décider de ce qui est ouvert",
    readers="le service",
    kept="aussi longtemps que la session",
)
COLLECTIONS: Sequence[Collection] = (CALENDRIERS,)


def subscriptions(database: Database) -> list[Subscription[Any]]:
    """What a service reads of the calendar."""
    return [
        Subscription(
            topic=TOPIC,
            kind=calendrier_pb2.Calendrier,
            handle=keep(database, CALENDRIERS.name, _document),
            projection=CALENDRIERS.name,
        )
    ]


def to_message(calendrier: Calendrier) -> calendrier_pb2.Calendrier:
    """The calendar as it is published."""
    return calendrier_pb2.Calendrier(
        session=calendrier.session,
        fenetres=[_fenetre_message(fenetre) for fenetre in calendrier.fenetres.values()],
        derogations=[
            calendrier_pb2.Derogation(academie=academie, fenetre=_fenetre_message(fenetre))
            for academie, own in sorted(calendrier.derogations.items())
            for fenetre in own.values()
        ],
    )


def fenetre_document(fenetre: Fenetre) -> Document:
    """A window as a store keeps it."""
    return {
        "code": fenetre.code,
        "ouverture": fenetre.ouverture.isoformat(),
        "echeance": fenetre.echeance and fenetre.echeance.isoformat(),
        "fermeture": fenetre.fermeture and fenetre.fermeture.isoformat(),
        "fuseau": fenetre.fuseau,
    }


def read_fenetre(document: Document) -> Fenetre:
    """The window of a document made by `fenetre_document`."""
    return Fenetre(
        code=CodeFenetre(document["code"]),
        ouverture=date.fromisoformat(document["ouverture"]),
        echeance=_day(document["echeance"]),
        fermeture=_day(document["fermeture"]),
        fuseau=document["fuseau"],
    )


def derogations_document(calendrier: Calendrier) -> list[Document]:
    """The windows of académies as a store keeps them."""
    return [
        {"academie": academie, **fenetre_document(fenetre)}
        for academie, own in sorted(calendrier.derogations.items())
        for fenetre in own.values()
    ]


def read_calendrier(session: int, document: Document) -> Calendrier:
    """The calendar of a document with `fenetres` and `derogations`."""
    fenetres = (read_fenetre(held) for held in document["fenetres"])
    derogations: dict[str, dict[CodeFenetre, Fenetre]] = {}
    for held in document["derogations"]:
        own = read_fenetre(held)
        derogations.setdefault(held["academie"], {})[own.code] = own
    return Calendrier(session=session, fenetres={f.code: f for f in fenetres}, derogations=derogations)


@dataclass(frozen=True, slots=True)
class Calendriers:
    """The calendars as last known here."""

    database: Database

    async def get(self, session: int) -> Calendrier:
        """The calendar of a session.

        Raises:
            Unavailable: it has not arrived here yet, so nothing can be said of what is open.
        """
        document = await self.database[CALENDRIERS.name].find_one({"_id": str(session)})
        if document is None:
            raise Unavailable(
                f"Le calendrier de la session {session} n'est pas encore connu : réessayez dans un instant."
            )
        return read_calendrier(session, document)

    async def windows(self, code: CodeFenetre) -> list[Fenetre]:
        """That window of the nation, of each session that is known here."""
        documents = await self.database[CALENDRIERS.name].find({}, projection=["fenetres"]).to_list(None)
        return [read_fenetre(held) for one in documents for held in one["fenetres"] if held["code"] == code]


def _document(message: calendrier_pb2.Calendrier) -> Document:
    return {
        "fenetres": [_message_document(fenetre) for fenetre in message.fenetres],
        "derogations": [
            {"academie": derogation.academie, **_message_document(derogation.fenetre)}
            for derogation in message.derogations
        ],
    }


def _message_document(message: calendrier_pb2.Fenetre) -> Document:
    return {
        "code": message.code,
        "ouverture": message.ouverture,
        "echeance": message.echeance or None,
        "fermeture": message.fermeture or None,
        "fuseau": message.fuseau,
    }


def _fenetre_message(fenetre: Fenetre) -> calendrier_pb2.Fenetre:
    document = fenetre_document(fenetre)
    return calendrier_pb2.Fenetre(**{name: value or "" for name, value in document.items()})


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
