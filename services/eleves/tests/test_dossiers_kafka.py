"""The candidates' files from their site's topic to those of the académies, through the service as it runs."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, ConsumerRecord

from generateur.siecle import write_eleves, zipped
from kit.consumer import rebuild
from kit.consumer.messages import Received
from kit.mongo import Document
from kit.outbox.events import Event
from kit.testing.topics import once_committed
from kit.testing.waiting import eventually
from proto.candidats.v1 import dossiers_pb2
from proto.eleves.v1 import candidatures_pb2
from services.eleves.consumers import subscriptions
from services.eleves.store.candidatures import ACCUEIL, CANDIDATURES
from services.eleves.store.dossiers import DOSSIERS
from services.eleves.store.formations import FORMATIONS
from services.eleves.tests.candidats import INE, etat, formation, voeu
from services.eleves.tests.conftest import Eleves
from services.eleves.tests.envois import ecole, with_student
from socle.topics import topic_of

pytestmark = pytest.mark.stack

SITE = "candidats.dossiers.v1"


@pytest.fixture
async def producer(kafka_bootstrap_servers: str) -> AsyncIterator[AIOKafkaProducer]:
    sending = AIOKafkaProducer(bootstrap_servers=kafka_bootstrap_servers)
    await sending.start()
    yield sending
    await sending.stop()


async def send(producer: AIOKafkaProducer, eleves: Eleves, topic: str, *states: Received[Any]) -> None:
    for state in states:
        event = Event(topic=topic, key=state.key, version=state.version, message=state.message)
        await producer.send_and_wait(
            eleves.settings.prefixe_topics + topic,
            None if event.message is None else event.message.SerializeToString(),
            key=event.key.encode(),
            headers=event.headers(source="essai", time="2025-01-21T09:00:00Z"),
            partition=0,
        )


async def told(eleves: Eleves, topic: str, count: int = 1) -> list[ConsumerRecord]:
    """What a topic holds once it has so many records."""
    settings = eleves.settings
    return await once_committed(settings.kafka_bootstrap_servers, settings.prefixe_topics + topic, count)


async def test_a_file_finds_its_student_and_one_that_breaks_its_contract_is_buried_alone(
    eleves: Eleves, producer: AIOKafkaProducer, capsys: pytest.CaptureFixture[str]
) -> None:
    await send(producer, eleves, "offre.formations.v1", formation("1", "rennes"))
    broken = etat("c2", 1, voeu("1", "RECALE"), ine=INE)
    await send(producer, eleves, SITE, etat("c1", 1, voeu("1")), broken, etat("c3", 1, voeu("1"), ine=""))
    hosted = await told(eleves, topic_of("rennes", ACCUEIL), 2)
    assert {record.key for record in hosted} == {b"2025/c1", b"2025/c3"}
    (letter,) = await told(eleves, f"{SITE}.dlq")
    assert (letter.key, dossiers_pb2.Dossier.FromString(letter.value)) == (b"2025/c2", broken.message)
    assert dict(letter.headers)["dlq-reason"] == b"a wish in an unknown state"
    lycee = with_student(ecole(), 0, ine_rnie=INE)
    await (await eleves.admin()).import_files(zipped("ElevesSansAdresses", write_eleves(lycee)))
    (whole,) = await told(eleves, topic_of("creteil", CANDIDATURES))
    message = candidatures_pb2.Candidature.FromString(whole.value)
    student = await eleves.store.eleves.find_one({"siecle.ine_rnie": INE})
    assert student is not None
    assert (whole.key, message.eleve, message.uai) == (b"2025/c1", student["_id"], lycee.uai)
    assert INE not in capsys.readouterr().out


async def test_the_formations_can_be_rebuilt_while_the_service_runs_and_the_files_cannot(
    eleves: Eleves, producer: AIOKafkaProducer
) -> None:
    await send(producer, eleves, "offre.formations.v1", formation("1", "rennes"), formation("2", "creteil"))
    kept = eleves.store[FORMATIONS.name]

    async def read() -> list[Document]:
        found = await kept.find({}).sort("_id", 1).to_list(None)
        return found if len(found) == 2 else []

    before = await eventually(read)
    await kept.delete_many({})
    own = list(subscriptions(eleves.store, eleves.settings.academies_topics))
    (found,) = rebuild.find(own, FORMATIONS.name)
    servers, prefix = eleves.settings.kafka_bootstrap_servers, eleves.settings.prefixe_topics
    assert await rebuild.replay(found, bootstrap_servers=servers, prefix=prefix) == 2
    assert await read() == before
    with pytest.raises(rebuild.NotAProjection):
        rebuild.find(own, DOSSIERS.name)
