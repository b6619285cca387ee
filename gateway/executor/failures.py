"""What failed on the way to an answer, told where the client will look for it: at the path of each missing field.

A fetch that fails leaves its failure in the data, under each response key that it would have supplied; a fetch that
needed one of those for an entity leaves it on. The shaper, which knows what the client asked, then tells of each at its
path, as the GraphQL specification wants: who finds a null finds an error at that very place or below it.
A long list makes a long answer: of one failure, 100 fields are told each by itself (the longest page that our services
give), and the others together, by their number.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

type Data = dict[str, Any]
type Where = tuple[str | int, ...]

_TOLD = 100


@dataclass(frozen=True, slots=True, eq=False)
class Failure:
    """Stands for a value that could not be had, with the error that says why, but for its path."""

    error: Data

    def leave(self, found: Data, keys: Iterable[str]) -> None:
        """Stand in `found` for what nobody else gave of `keys`."""
        for key in keys:
            found.setdefault(key, self)


@dataclass(slots=True)
class Problems:
    """The errors of an answer that is being shaped, and their places."""

    errors: list[Data]
    _places: set[Where] = field(default_factory=set)
    _missing: dict[Failure, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for error in self.errors:
            self._note(tuple(error.get("path") or ()))

    def tells_of(self, where: Where) -> bool:
        """Whether there is an error at `where` or below it."""
        return where in self._places

    def add(self, message: str, code: str, where: Where) -> None:
        """Tell what is wrong at `where`, unless that was told."""
        if not self.tells_of(where):
            self._tell({"message": message, "path": list(where), "extensions": {"code": code}}, where)

    def add_missing(self, failure: Failure, where: Where) -> None:
        """Tell that the value at `where` is missing because of `failure`, unless that was told."""
        if self.tells_of(where):
            return
        count = self._missing[failure] = self._missing.get(failure, 0) + 1
        if count > _TOLD:
            self._note(where)
        else:
            self._tell({**failure.error, "path": list(where)}, where)

    def close(self) -> None:
        """Tell how many of each failure were not told by themselves."""
        for failure, count in self._missing.items():
            if count > _TOLD:
                others = count - _TOLD
                extensions = {**failure.error["extensions"], "autres": others}
                message = f"{failure.error['message']} ({others} autres valeurs manquent pour cette raison.)"
                self.errors.append({"message": message, "extensions": extensions})

    def _tell(self, error: Data, where: Where) -> None:
        self.errors.append(error)
        self._note(where)

    def _note(self, where: Where) -> None:
        while where and where not in self._places:
            self._places.add(where)
            where = where[:-1]
