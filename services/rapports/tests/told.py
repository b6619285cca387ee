"""What the other services tell `rapports`, as they would."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Self

from aiokafka import AIOKafkaProducer

from kit.consumer.messages import Received
from kit.http import open_client
from kit.outbox.events import Event
from kit.testing.serving import Serving
from kit.versions import Version
from proto.eleves.v1.candidatures_pb2 import CandidatureAccueil, VoeuAccueil
from proto.offre.v1 import offre_pb2

ACADEMIES = ("creteil", "versailles")
UAI = "0779000P"
FORMATION = offre_pb2.Formation(
    id="2025/1", session=2025, code="1", uai=UAI, academie="creteil", libelle="BTS", type="BTS", capacite=30
)
APPRENTISSAGE = offre_pb2.Formation(
    id="2025/2",
    session=2025,
    code="2",
    uai=UAI,
    academie="creteil",
    libelle="BTS",
    type="BTS",
    capacite=12,
    apprentissage=True,
)

_CHIFFRES = "chiffres { places voeuxConfirmes propositions acceptes enAttente refusFormation demissions calculeLe }"
QUERY = (
    "query($r: [_Any!]!) { _entities(representations: $r) { ... on Formation { id rapport { etat du "
    + _CHIFFRES
    + " } } } }"
)
LISTE = (
    "query($uai: ID!, $session: Int, $first: Int!, $after: String) {"
    " rapports(uai: $uai, session: $session, first: $first, after: $after) {"
    " totalCount pageInfo { hasNextPage endCursor } edges { node { libelle etat du formation { id } "
    + _CHIFFRES
    + " } } } }"
)


def voeu(formation: str, etat: str = "CONFIRME", *, propose: bool = False) -> VoeuAccueil:
    """A confirmed wish, with the day of its proposal if there was one."""
    day = "2025-06-02" if propose else ""
    return VoeuAccueil(formation=formation, etat=etat, confirme_le="2025-03-20", proposition_le=day)


def candidature(candidat: str, n: int, *voeux: VoeuAccueil, academie: str = "creteil") -> Received[CandidatureAccueil]:
    """The state of a candidate at version `n`, as a handler is given it."""
    key = f"2025/{candidat}"
    return Received(key, Version(1, n), CandidatureAccueil(id=key, session=2025, academie=academie, voeux=voeux))


def gone(candidat: str, n: int) -> Received[CandidatureAccueil]:
    """What is told when a candidate is erased."""
    return Received(f"2025/{candidat}", Version(1, n), None)


@dataclass(frozen=True, slots=True)
class Teller:
    """Writes to the topics of the others."""

    producer: AIOKafkaProducer
    prefix: str

    @classmethod
    @contextlib.asynccontextmanager
    async def to(cls, servers: str, prefix: str) -> AsyncIterator[Self]:
        producer = AIOKafkaProducer(bootstrap_servers=servers)
        await producer.start()
        yield cls(producer, prefix)
        await producer.stop()

    async def formations(self, *messages: offre_pb2.Formation) -> None:
        """Say formations as `offre` does."""
        for message in messages:
            await self._send(
                "offre", Event(topic="offre.formations.v1", key=message.id, version=Version(1, 1), message=message)
            )

    async def candidatures(self, *states: Received[CandidatureAccueil], academie: str = "creteil") -> None:
        """Say candidates' states as `eleves` does, in the topic of the académie."""
        topic = f"{academie}.eleves.accueil.v1"
        for state in states:
            await self._send("eleves", Event(topic=topic, key=state.key, version=state.version, message=state.message))

    async def _send(self, source: str, event: Event) -> None:
        await self.producer.send_and_wait(
            self.prefix + event.topic,
            None if event.message is None else event.message.SerializeToString(),
            key=event.key.encode(),
            headers=event.headers(source=source, time="2025-01-06T09:00:00Z"),
        )


async def ask(serving: Serving, headers: dict[str, str], *ids: str) -> dict[str, Any]:
    """What the gateway would be told of these formations."""
    return await _ask(serving, headers, QUERY, r=[{"__typename": "Formation", "id": id} for id in ids])


async def ask_list(
    serving: Serving,
    headers: dict[str, str],
    uai: str = UAI,
    *,
    session: int | None = None,
    first: int = 20,
    after: str | None = None,
) -> dict[str, Any]:
    """What it would be told of the reports of an establishment."""
    return await _ask(serving, headers, LISTE, uai=uai, session=session, first=first, after=after)


async def _ask(serving: Serving, headers: dict[str, str], query: str, **variables: Any) -> dict[str, Any]:
    async with open_client(base_url=serving.url, headers=headers) as client:
        answer = await client.post("/graphql", json={"query": query, "variables": variables})
    found: dict[str, Any] = answer.json()
    return found


def chiffres(places: int, **others: Any) -> dict[str, Any]:
    """The figures of a draft: zero where nothing is given."""
    names = ("voeuxConfirmes", "propositions", "acceptes", "enAttente", "refusFormation", "demissions")
    return {"places": places, **dict.fromkeys(names, 0), "calculeLe": None, **others}
