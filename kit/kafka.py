"""Starting and stopping Kafka's clients so that being told to stop is neither lost nor leaves anything open."""

import asyncio
import contextlib

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from kit.logs import get_logger

_STOP_SECONDS = 3.0

_log = get_logger(__name__)


async def start(client: AIOKafkaConsumer | AIOKafkaProducer) -> None:
    """Start it; when told to stop meanwhile, only once it is started or has failed.

    aiokafka leaves a connection open for ever where its start is cut short.

    Raises:
        KafkaError: the broker is away, or refuses.
    """
    starting = asyncio.ensure_future(client.start())
    try:
        await asyncio.shield(starting)
    except asyncio.CancelledError:
        with contextlib.suppress(KafkaError, TimeoutError):
            await asyncio.wait_for(starting, _STOP_SECONDS)
        raise


async def stop(client: AIOKafkaConsumer | AIOKafkaProducer) -> None:
    """Close it. What goes wrong is said and no more, lest it take the place of being told to stop.

    While the broker is away a producer would wait for it for ever; one that was fenced says so once more.
    """
    try:
        await asyncio.wait_for(client.stop(), _STOP_SECONDS)
    except (KafkaError, TimeoutError) as error:
        _log.info("kafka_client_closed", error=type(error).__name__)
