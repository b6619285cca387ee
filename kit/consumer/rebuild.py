"""Rebuilding a projection from its topic, while the service goes on reading and being read."""

from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from kit import kafka
from kit.consumer.messages import Unreadable
from kit.consumer.subscriptions import LARGEST_BATCH, Subscription
from kit.errors import Refusal, Unavailable
from kit.logs import get_logger

_POLL_MS = 500
_log = get_logger(__name__)


class NotAProjection(Refusal):
    """What was asked to be rebuilt is not a projection of this service."""

    code = "PROJECTION_INCONNUE"

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"« {name} » n'est pas une projection de ce service : {', '.join(known)}.")


def find(subscriptions: list[Subscription[Any]], projection: str) -> list[Subscription[Any]]:
    """The subscriptions that keep `projection`.

    Raises:
        NotAProjection: none does.
    """
    found = [s for s in subscriptions if s.projection == projection]
    if not found:
        raise NotAProjection(projection, sorted({s.projection for s in subscriptions if s.projection}))
    return found


async def replay(subscription: Subscription[Any], *, bootstrap_servers: str, prefix: str) -> int:
    """Hand every event that the topic holds now to the subscription's handler; return how many.

    The handler's guard makes this safe beside the running consumer, whichever of the two writes first.

    Raises:
        Unavailable: the broker is away.
    """
    # Without a group, every partition of the topic is this reader's and nothing is committed.
    consumer = AIOKafkaConsumer(
        prefix + subscription.topic,
        bootstrap_servers=bootstrap_servers,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    try:
        await kafka.start(consumer)
        ends = await consumer.end_offsets(consumer.assignment())
        count = await _read_until(consumer, subscription, ends)
    except KafkaError as error:
        _log.warning("rebuild_interrupted", error=type(error).__name__)
        raise Unavailable("Kafka ne répond pas : vérifiez qu'il tourne, puis relancez la commande.") from error
    finally:
        await kafka.stop(consumer)
    if subscription.rebuilt is not None:
        await subscription.rebuilt()
    return count


async def _read_until(
    consumer: AIOKafkaConsumer, subscription: Subscription[Any], ends: dict[TopicPartition, int]
) -> int:
    count = 0
    remaining = dict(ends)
    while remaining:
        for records in (await consumer.getmany(timeout_ms=_POLL_MS, max_records=LARGEST_BATCH)).values():
            events = []
            for record in records:
                try:
                    events.append(subscription.read(record))
                except Unreadable:
                    # The consumer already buried it; the projection never held it.
                    _log.info("unreadable_passed_over", topic=subscription.topic, offset=record.offset)
            if events:
                await subscription.handle(events)
                count += len(events)
        for partition in list(remaining):
            # The position also moves past transaction markers, which are never handed out.
            if await consumer.position(partition) >= remaining[partition]:
                del remaining[partition]
    return count
