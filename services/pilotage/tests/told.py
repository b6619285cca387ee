"""What the other services tell `pilotage`, as they would, and what it then shows."""

import contextlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from google.protobuf.message import Message

from kit.consumer.messages import Received
from kit.http import open_client
from kit.outbox.events import Event
from kit.testing.serving import Serving
from kit.versions import Version
from proto.eleves.v1.candidatures_pb2 import Candidature, Voeu
from proto.eleves.v1.eleves_pb2 import Eleve
from proto.offre.v1.offre_pb2 import Formation

ACADEMIES = ("creteil", "versailles")
LYCEE, AUTRE_LYCEE, VERSAILLES = "0770001A", "0940002B", "0780003C"
OFFRE = {"2025/l": "L", "2025/las": "LAS", "2025/pass": "PASS", "2025/bts": "BTS", "2025/but": "BUT"}

QUERY = """
query($r: [_Any!]!, $session: Int) {
  _entities(representations: $r) {
    ... on Etablissement {
      indicateurs(session: $session) {
        session
        nomAcademie
        etablissement { ...I }
        academie { ...I }
        nation { ...I }
      }
    }
  }
}
fragment I on Indicateurs { ensemble { ...C } series { ...C } candidaturesEnAttente voeuxEnAttente calculeLe }
fragment C on ChiffresIndicateurs {
  serie vivier vivierInitial inscrits sansVoeu auMoinsUnL1OuPass seulementL1OuPass
  tauxParticipation tauxSansVoeu tauxAuMoinsUnL1OuPass tauxSeulementL1OuPass secret
}
"""


def eleve(
    id: str,
    n: int = 1,
    *,
    uai: str = LYCEE,
    academie: str = "creteil",
    serie: str = "GENERALE",
    present: bool = True,
    initial: bool = True,
) -> Received[Eleve]:
    """The state of a student at version `n`, as a handler is given it."""
    message = Eleve(
        id=f"2025/{id}",
        session=2025,
        uai=uai,
        academie=academie,
        serie=serie,
        present=present,
        vivier_initial=initial,
    )
    return Received(message.id, Version(1, n), message)


def candidature(
    id: str, *formations: str, n: int = 1, uai: str = LYCEE, inscrit: bool = True, candidat: str | None = None
) -> Received[Candidature]:
    """The state of the candidature of the student `id`; its candidate has the same number unless told otherwise."""
    message = Candidature(
        id=f"2025/{candidat or id}",
        session=2025,
        eleve=f"2025/{id}",
        uai=uai,
        inscrit_le="2025-01-20" if inscrit else "",
        voeux=[Voeu(formation=f"2025/{f}", etat="FORMULE", formule_le="2025-01-21") for f in formations],
    )
    return Received(message.id, Version(1, n), message)


def formation(id: str, type: str, n: int = 1) -> Received[Formation]:
    """The state of a formation."""
    return Received(f"2025/{id}", Version(1, n), Formation(id=f"2025/{id}", session=2025, type=type))


def offre() -> list[Received[Formation]]:
    """A formation of each type that the tests need."""
    return [formation(id.removeprefix("2025/"), type) for id, type in OFFRE.items()]


def gone(id: str, n: int) -> Received[Any]:
    """What is told when a student, candidate or formation is erased."""
    return Received(f"2025/{id}", Version(1, n), None)


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

    async def formations(self, states: Iterable[Received[Formation]]) -> None:
        await self._send("offre", "offre.formations.v1", states)

    async def eleves(self, *states: Received[Eleve], academie: str = "creteil") -> None:
        await self._send("eleves", f"{academie}.eleves.eleves.v1", states)

    async def candidatures(self, *states: Received[Candidature], academie: str = "creteil") -> None:
        await self._send("eleves", f"{academie}.eleves.candidatures.v1", states)

    async def _send[M: Message](self, source: str, topic: str, states: Iterable[Received[M]]) -> None:
        for state in states:
            event = Event(topic=topic, key=state.key, version=state.version, message=state.message)
            await self.producer.send_and_wait(
                self.prefix + topic,
                None if state.message is None else state.message.SerializeToString(),
                key=state.key.encode(),
                headers=event.headers(source=source, time="2025-01-06T09:00:00Z"),
            )


async def ask(
    serving: Serving, headers: dict[str, str], uai: str = LYCEE, session: int | None = None
) -> dict[str, Any]:
    """What the gateway would be told of the indicators of a school."""
    variables = {"r": [{"__typename": "Etablissement", "uai": uai}], "session": session}
    async with open_client(base_url=serving.url, headers=headers) as client:
        answer = await client.post("/graphql", json={"query": QUERY, "variables": variables})
    found: dict[str, Any] = answer.json()
    return found


async def shown(serving: Serving, headers: dict[str, str], uai: str = LYCEE) -> dict[str, Any]:
    """The indicators of a school, which the caller may see."""
    answer = await ask(serving, headers, uai)
    assert "errors" not in answer, answer
    found: dict[str, Any] = answer["data"]["_entities"][0]["indicateurs"]
    return found


def figures(indicateurs: dict[str, Any], serie: str | None = None) -> tuple[int | None, ...]:
    """Vivier, initial, inscrits, without wish, at least one L1 or PASS, only those: of all, or of a série."""
    (row,) = [indicateurs["ensemble"]] if serie is None else [r for r in indicateurs["series"] if r["serie"] == serie]
    names = ("vivier", "vivierInitial", "inscrits", "sansVoeu", "auMoinsUnL1OuPass", "seulementL1OuPass")
    return tuple(row[name] for name in names)
