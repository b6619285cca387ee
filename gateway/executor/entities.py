"""Entities in the answer so far: where they are, what identifies them, and what is put back on them."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from gateway.executor.failures import Data, Failure, Where
from gateway.planner.plan import Each, Fetch, Input, OfType, Path
from gateway.supergraph import Supergraph


class Entities:
    """The entities that a fetch asks for: each distinct one once, however often it stands in the answer.

    Where what would identify one failed before, the fetch's own fields of it are missing for the same reason.
    """

    def __init__(self, supergraph: Supergraph, fetch: Fetch, data: Data) -> None:
        self._supergraph = supergraph
        self._keys = fetch.keys
        self.representations: list[Data] = []
        self._targets: list[list[tuple[Data, Where]]] = []
        ranks: dict[bytes, int] = {}
        for found, where in self._find(data, fetch.path, ()):
            representation = self._represent(found, fetch)
            if isinstance(representation, Failure):
                representation.leave(found, self._keys)
                continue
            if representation is None:
                continue
            text = orjson.dumps(representation, option=orjson.OPT_SORT_KEYS)
            rank = ranks.setdefault(text, len(self.representations))
            if rank == len(self.representations):
                self.representations.append(representation)
                self._targets.append([])
            self._targets[rank].append((found, where))

    def places(self, rank: int) -> list[Where]:
        """Where the entity of that rank stands in the answer."""
        return [where for _, where in self._targets[rank]] if 0 <= rank < len(self._targets) else []

    def put(self, values: Any, reasons: Mapping[int, Failure], general: Failure | None) -> set[Failure]:
        """Add what the subgraph gave of each entity wherever it stands; where it gave nothing, leave the reason.

        Args:
            values: of each entity, in order.
            reasons: why nothing was given of one, by its rank.
            general: why nothing was given of the others.

        Returns:
            The reasons that were left.
        """
        given = values if isinstance(values, list) else []
        left: set[Failure] = set()
        for rank, targets in enumerate(self._targets):
            value = given[rank] if rank < len(given) else None
            reason = reasons.get(rank, general)
            for place, (found, _) in enumerate(targets):
                if isinstance(value, dict):
                    # Each place gets its own copy: what is fetched below one must not show below another.
                    merge(found, value if place == 0 else copy.deepcopy(value))
                elif reason is not None:
                    reason.leave(found, self._keys)
                    left.add(reason)
        return left

    def _find(self, data: Any, path: Path, where: Where) -> Iterator[tuple[Data, Where]]:
        if not path:
            if isinstance(data, dict):
                yield data, where
            return
        step, rest = path[0], path[1:]
        if isinstance(step, Each):
            for rank, one in enumerate(data if isinstance(data, list) else ()):
                yield from self._find(one, rest, (*where, rank))
        elif isinstance(step, OfType):
            if isinstance(data, dict) and data.get("__typename") == step.name:
                yield from self._find(data, rest, where)
        elif isinstance(data, dict):
            yield from self._find(data.get(step), rest, (*where, step))

    def _represent(self, found: Data, fetch: Fetch) -> Data | Failure | None:
        """What identifies an entity; when a part of it is missing, why that failed, or None when nobody said."""
        values = self._values(found, fetch.inputs)
        return {"__typename": fetch.entity, **values} if isinstance(values, dict) else values

    def _values(self, found: Data, inputs: tuple[Input, ...]) -> Data | Failure | None:
        values: Data = {}
        for one in inputs:
            if one.on is not None and not self._supergraph.includes(one.on, found.get("__typename", "")):
                continue
            if one.key not in found:
                return None
            value = self._below(found[one.key], one)
            if isinstance(value, Failure):
                return value
            if one.name in values and isinstance(value, dict):
                merge(values[one.name], value)
            else:
                values[one.name] = value
        return values

    def _below(self, value: Any, one: Input) -> Any:
        if not one.below or isinstance(value, Failure):
            return value
        if isinstance(value, list):
            items = [self._below(item, one) for item in value]
            return next((item for item in items if isinstance(item, Failure)), items)
        return self._values(value, one.below) if isinstance(value, dict) else None


def merge(into: Data, more: Data) -> None:
    """Add `more` to `into`, in depth; lists of the same length are merged item by item."""
    for key, value in more.items():
        held = into.get(key)
        if isinstance(held, dict) and isinstance(value, dict):
            merge(held, value)
        elif isinstance(held, list) and isinstance(value, list) and len(held) == len(value):
            _merge_lists(held, value)
        elif value is not None or key not in into:
            into[key] = value


def _merge_lists(into: list[Any], more: list[Any]) -> None:
    for rank, (held, value) in enumerate(zip(into, more, strict=True)):
        if isinstance(held, dict) and isinstance(value, dict):
            merge(held, value)
        elif isinstance(held, list) and isinstance(value, list) and len(held) == len(value):
            _merge_lists(held, value)
        elif held is None:
            into[rank] = value
