"""The version of an aggregate: what lets a projection tell a newer state from an older or repeated one."""

from dataclasses import dataclass
from typing import Self

_N_BITS = 40


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """`generation` belongs to the service (it grows when its store is restored from a backup), `n` to the aggregate
    (it grows by one at each save). Compared in that order (architecture §3).
    """

    generation: int
    n: int

    @property
    def rank(self) -> int:
        """One 64-bit number that compares as the pair does: what stores and indexes hold."""
        return (self.generation << _N_BITS) | self.n

    @classmethod
    def from_rank(cls, rank: int) -> Self:
        return cls(rank >> _N_BITS, rank & ((1 << _N_BITS) - 1))

    def next(self, generation: int) -> Self:
        """The version of the next save, by a service whose generation is now `generation`."""
        return type(self)(generation, self.n + 1 if generation == self.generation else 1)


NEW = Version(0, 0)
"""An aggregate that was never saved."""
