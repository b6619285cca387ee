"""Remembering what was made of a text, as much as weighs no more than it may."""

from collections import OrderedDict
from dataclasses import dataclass, field


@dataclass(slots=True)
class Memory[K, V]:
    """Keeps what was used last; what was used longest ago goes first.

    Args:
        most: the weight of all that is kept, in the unit of `put`.
    """

    most: int
    weight: int = 0
    _kept: OrderedDict[K, tuple[V, int]] = field(default_factory=OrderedDict)

    def get(self, key: K) -> V | None:
        """What is kept of `key`, None when nothing is."""
        held = self._kept.get(key)
        if held is None:
            return None
        self._kept.move_to_end(key)
        return held[0]

    def put(self, key: K, value: V, weight: int) -> None:
        """Keep `value`, and forget others until all weighs no more than it may; alone too heavy, it is not kept."""
        _, before = self._kept.pop(key, (None, 0))
        self.weight -= before
        if weight > self.most:
            return
        self._kept[key] = value, weight
        self.weight += weight
        while self.weight > self.most:
            _, (_, freed) = self._kept.popitem(last=False)
            self.weight -= freed
