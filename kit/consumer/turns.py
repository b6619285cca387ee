"""Records that wait until all that the rest of their lane held when they came is handled."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition


@dataclass(frozen=True, slots=True)
class _Turn:
    records: Sequence[ConsumerRecord]
    ends: dict[TopicPartition, int]


@dataclass(slots=True)
class Turns:
    """The partitions that wait; none of them is read further meanwhile, so each turn comes, whatever is still sent."""

    _waiting: dict[TopicPartition, _Turn] = field(default_factory=dict)

    def __contains__(self, partition: TopicPartition) -> bool:
        return partition in self._waiting

    def clear(self) -> None:
        """Forget them all: they are read again."""
        self._waiting.clear()

    async def wait(
        self,
        consumer: AIOKafkaConsumer,
        partition: TopicPartition,
        records: Sequence[ConsumerRecord],
        others: Sequence[TopicPartition],
    ) -> None:
        """Let these records, which were just read, wait for all that `others` hold now."""
        self._waiting[partition] = _Turn(records, await consumer.end_offsets(others) if others else {})
        consumer.pause(partition)

    async def come(self, consumer: AIOKafkaConsumer) -> list[tuple[TopicPartition, Sequence[ConsumerRecord]]]:
        """Those whose turn it is, once; what was read was handled, or is held at the place where that failed."""
        found = [partition for partition, turn in self._waiting.items() if await _are_reached(consumer, turn.ends)]
        if found:
            consumer.resume(*found)
        return [(partition, self._waiting.pop(partition).records) for partition in found]


async def _are_reached(consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> bool:
    # The position also moves past transaction markers, which are never handed out.
    for partition, end in ends.items():
        if await consumer.position(partition) < end:
            return False
    return True
