"""The candidates' own site, played: it publishes the states that the generator draws, by the site's contract.

The only module of the generator that speaks to the platform. The version of a state is its phase, so a phase that is
played twice says nothing new, and one of before that is played late is older than what is known.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, date, datetime
from itertools import batched

import click
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError

from generateur.dossiers import Dossier, Voeu
from kit.outbox.events import Event
from kit.versions import Version
from proto.candidats.v1 import dossiers_pb2

TOPIC = "candidats.dossiers.v1"
_SOURCE = "site-candidats"
_BATCH = 500
_WAIT_SECONDS = 1.0

type Say = Callable[[str], None]


def state_event(dossier: Dossier) -> Event:
    """The state of a candidate's file as the site publishes it."""
    return Event(
        topic=TOPIC,
        key=f"{dossier.session}/{dossier.candidat}",
        version=Version(1, dossier.version),
        message=dossiers_pb2.Dossier(
            candidat=dossier.candidat,
            session=dossier.session,
            ine=dossier.ine,
            inscrit_le=_day(dossier.inscrit_le),
            demission_le=_day(dossier.demission_le),
            voeux=[_voeu(voeu) for voeu in dossier.voeux],
            cordees_consenties=dossier.cordees,
        ),
    )


def _voeu(voeu: Voeu) -> dossiers_pb2.Voeu:
    return dossiers_pb2.Voeu(
        formation=voeu.formation,
        etat=voeu.etat,
        formule_le=_day(voeu.formule_le),
        confirme_le=_day(voeu.confirme_le),
        rang=voeu.rang or 0,
        proposition_le=_day(voeu.proposition_le),
        reponse_le=_day(voeu.reponse_le),
    )


def _day(day: date | None) -> str:
    return "" if day is None else day.isoformat()


async def play(dossiers: Iterable[Dossier], *, kafka: str, prefix: str, say: Say) -> int:
    """Publish every state and return how many, once all are on disk at the broker.

    While Kafka is away at the start, `say` that it is waited for.

    Raises:
        click.ClickException: Kafka did not take them all; playing them again is harmless.
    """
    # Said below, in one sentence.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    producer = await _connect(kafka, say)
    count = 0
    try:
        for some in batched(dossiers, _BATCH, strict=False):
            await asyncio.gather(*[await _send(producer, prefix, state_event(dossier)) for dossier in some])
            count += len(some)
    except KafkaError as error:
        raise click.ClickException(
            f"Kafka took {count} states, then failed ({type(error).__name__}: {error}): play the phase again"
        ) from error
    finally:
        # What was not acknowledged was just said.
        with suppress(KafkaError):
            await producer.stop()
    return count


async def _connect(kafka: str, say: Say) -> AIOKafkaProducer:
    said = False
    while True:
        producer = AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True, acks="all", linger_ms=5)
        try:
            await producer.start()
        except KafkaConnectionError:
            await producer.stop()
            if not said:
                say(f"Kafka does not answer at {kafka} yet: waiting for it")
                said = True
            await asyncio.sleep(_WAIT_SECONDS)
        else:
            return producer


async def _send(producer: AIOKafkaProducer, prefix: str, event: Event) -> asyncio.Future[object]:
    assert event.message is not None, "a state is never a tombstone"  # noqa: S101
    acknowledged: asyncio.Future[object] = await producer.send(
        prefix + event.topic,
        event.message.SerializeToString(deterministic=True),
        key=event.key.encode(),
        headers=event.headers(source=_SOURCE, time=datetime.now(UTC).isoformat()),
    )
    return acknowledged
