"""Shaping: from what the subgraphs gave to what the client asked, as the API schema types it.

Compiled once for an operation: the keys, types and nulls of each level are known before any answer comes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLUnionType,
    SelectionSetNode,
    is_leaf_type,
)

from gateway.executor.failures import Data, Failure, Problems, Where
from gateway.planner.operation import Operation, Selected
from gateway.supergraph import Supergraph

type Complete = Callable[[Any, Where, Problems], Any]
type Shown = tuple[str, str, Complete | None, bool]
"""A field of an object: its response key, its name, how its value is completed, and whether it may not be null."""


class _Bubble:
    """A null where there may be none: the nearest nullable place above becomes null."""


_BUBBLE = _Bubble()


@dataclass(slots=True)
class Shaper:
    """Shapes the answers of one operation."""

    supergraph: Supergraph
    operation: Operation
    _objects: dict[tuple[str, tuple[int, ...]], list[Shown]] = field(default_factory=dict)

    def shape(self, data: Data, errors: list[Data]) -> Data | None:
        """The `data` of the answer; problems found on the way are added to `errors`."""
        root = self._schema.type_map[self.supergraph.roots[self.operation.definition.operation.value]]
        assert isinstance(root, GraphQLObjectType)  # noqa: S101
        problems = Problems(errors)
        shaped = self._object(root, (self.operation.definition.selection_set,), data, (), problems)
        problems.close()
        return None if shaped is _BUBBLE else shaped

    @property
    def _schema(self) -> GraphQLSchema:
        return self.supergraph.api

    def _fields(self, kind: GraphQLObjectType, selections: tuple[SelectionSetNode, ...]) -> list[Shown]:
        # Selection sets live as long as the operation's document, so their identity names them.
        cached = (kind.name, tuple(map(id, selections)))
        fields = self._objects.get(cached)
        if fields is None:
            asked = self.operation.collect(self.supergraph, kind.name, selections)
            fields = self._objects[cached] = [self._shown(kind, key, one) for key, one in asked.items()]
        return fields

    def _shown(self, kind: GraphQLObjectType, key: str, selected: Selected) -> Shown:
        definition = kind.fields.get(selected.name)
        if definition is None:
            # `__typename`, and what the schema itself has answered.
            return key, selected.name, None, False
        mandatory = isinstance(definition.type, GraphQLNonNull)
        return key, selected.name, self._complete(definition.type, selected.below), mandatory

    def _complete(self, kind: GraphQLOutputType, below: tuple[SelectionSetNode, ...]) -> Complete:
        if isinstance(kind, GraphQLNonNull):
            return _non_null(self._complete(kind.of_type, below))
        if isinstance(kind, GraphQLList):
            return _list(self._complete(kind.of_type, below))
        if isinstance(kind, GraphQLEnumType):
            return _enum(kind)
        if is_leaf_type(kind):
            return _leaf
        return self._composite(kind, below)

    def _composite(self, kind: Any, below: tuple[SelectionSetNode, ...]) -> Complete:
        abstract = isinstance(kind, GraphQLInterfaceType | GraphQLUnionType)

        def complete(value: Any, where: Where, problems: Problems) -> Any:
            if not isinstance(value, dict):
                return None
            concrete = self._schema.type_map.get(value.get("__typename", "")) if abstract else kind
            if not isinstance(concrete, GraphQLObjectType):
                return None
            shaped = self._object(concrete, below, value, where, problems)
            return None if shaped is _BUBBLE else shaped

        return complete

    def _object(
        self,
        kind: GraphQLObjectType,
        selections: tuple[SelectionSetNode, ...],
        data: Data,
        where: Where,
        problems: Problems,
    ) -> Any:
        shaped: Data = {}
        missing: list[tuple[str, Failure]] = []
        for key, name, complete, mandatory in self._fields(kind, selections):
            value = data.get(key)
            if isinstance(value, Failure):
                if mandatory:
                    problems.add_missing(value, (*where, key))
                    return _BUBBLE
                missing.append((key, value))
                shaped[key] = None
            elif complete is None:
                shaped[key] = kind.name if name == "__typename" else value
            else:
                shaped[key] = complete(value, (*where, key), problems)
                if shaped[key] is _BUBBLE:
                    return _BUBBLE
        # Not before: of an object that is not shown, it is enough to tell why it is not.
        for key, failure in missing:
            problems.add_missing(failure, (*where, key))
        return shaped


def _leaf(value: Any, _where: Where, _problems: Problems) -> Any:
    return value


def _enum(kind: GraphQLEnumType) -> Complete:
    def complete(value: Any, where: Where, problems: Problems) -> Any:
        if value is None or (isinstance(value, str) and value in kind.values):
            return value
        problems.add("Un service a donné une valeur inconnue.", "REPONSE_INVALIDE", where)
        return None

    return complete


def _list(item: Complete) -> Complete:
    def complete(value: Any, where: Where, problems: Problems) -> Any:
        if not isinstance(value, list):
            return None
        shaped = [item(one, (*where, rank), problems) for rank, one in enumerate(value)]
        return None if any(one is _BUBBLE for one in shaped) else shaped

    return complete


def _non_null(inner: Complete) -> Complete:
    def complete(value: Any, where: Where, problems: Problems) -> Any:
        shaped = inner(value, where, problems)
        if shaped is not None:
            return shaped
        problems.add("Un service n'a pas donné une valeur obligatoire.", "REPONSE_INVALIDE", where)
        return _BUBBLE

    return complete
