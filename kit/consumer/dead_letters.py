"""Dead letters: records that break their contract, kept as they came, as protected as the topic they came from."""

from aiokafka import AIOKafkaProducer, ConsumerRecord

SUFFIX = ".dlq"


async def bury(producer: AIOKafkaProducer, record: ConsumerRecord, reason: str) -> None:
    """Write the record and why it is here to its topic's dead letters; on return it is on disk there."""
    origin = f"{record.partition}/{record.offset}"
    headers = [*record.headers, ("dlq-reason", reason.encode()), ("dlq-origin", origin.encode())]
    await producer.send_and_wait(record.topic + SUFFIX, record.value, key=record.key, headers=headers)
