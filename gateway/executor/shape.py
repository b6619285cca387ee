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

from gateway.planner.operation import Operation
from gateway.supergraph import Supergraph

type Data = dict[str, Any]
type Where = tuple[str | int, ...]
type Complete = Callable[[Any, Where, list[Data]], Any]


class _Bubble:
    """A null where there may be none: the nearest nullable place above becomes null."""


_BUBBLE = _Bubble()


@dataclass(slots=True)
class Shaper:
    """Shapes the answers of one operation."""

    supergraph: Supergraph
    operation: Operation
    _objects: dict[tuple[str, tuple[int, ...]], list[tuple[str, str, Complete | None]]] = field(default_factory=dict)

    def shape(self, data: Data, errors: list[Data]) -> Data | None:
        """The `data` of the answer; problems found on the way are added to `errors`."""
        root = self._schema.type_map[self.supergraph.roots[self.operation.definition.operation.value]]
        assert isinstance(root, GraphQLObjectType)  # noqa: S101
        shaped = self._object(root, (self.operation.definition.selection_set,), data, (), errors)
        return None if shaped is _BUBBLE else shaped

    @property
    def _schema(self) -> GraphQLSchema:
        return self.supergraph.api

    def _fields(
        self, kind: GraphQLObjectType, selections: tuple[SelectionSetNode, ...]
    ) -> list[tuple[str, str, Complete | None]]:
        # Selection sets live as long as the operation's document, so their identity names them.
        cached = (kind.name, tuple(map(id, selections)))
        fields = self._objects.get(cached)
        if fields is None:
            asked = self.operation.collect(self.supergraph, kind.name, selections)
            fields = self._objects[cached] = [
                (key, one.name, self._completer(kind, one.name, one.below)) for key, one in asked.items()
            ]
        return fields

    def _completer(self, kind: GraphQLObjectType, name: str, below: tuple[SelectionSetNode, ...]) -> Complete | None:
        """How the values of a field are completed; None for what needs nothing (`__typename`, introspection)."""
        definition = kind.fields.get(name)
        return None if definition is None else self._complete(definition.type, below)

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

        def complete(value: Any, where: Where, errors: list[Data]) -> Any:
            if not isinstance(value, dict):
                return None
            concrete = self._schema.type_map.get(value.get("__typename", "")) if abstract else kind
            if not isinstance(concrete, GraphQLObjectType):
                return None
            shaped = self._object(concrete, below, value, where, errors)
            return None if shaped is _BUBBLE else shaped

        return complete

    def _object(
        self,
        kind: GraphQLObjectType,
        selections: tuple[SelectionSetNode, ...],
        data: Data,
        where: Where,
        errors: list[Data],
    ) -> Any:
        shaped: Data = {}
        for key, name, complete in self._fields(kind, selections):
            if complete is None:
                shaped[key] = kind.name if name == "__typename" else data.get(key)
                continue
            value = complete(data.get(key), (*where, key), errors)
            if value is _BUBBLE:
                return _BUBBLE
            shaped[key] = value
        return shaped


def _leaf(value: Any, _where: Where, _errors: list[Data]) -> Any:
    return value


def _enum(kind: GraphQLEnumType) -> Complete:
    def complete(value: Any, where: Where, errors: list[Data]) -> Any:
        if value is None or value in kind.values:
            return value
        errors.append(_problem("Un service a donné une valeur inconnue.", where))
        return None

    return complete


def _list(item: Complete) -> Complete:
    def complete(value: Any, where: Where, errors: list[Data]) -> Any:
        if not isinstance(value, list):
            return None
        shaped = [item(one, (*where, rank), errors) for rank, one in enumerate(value)]
        return None if any(one is _BUBBLE for one in shaped) else shaped

    return complete


def _non_null(inner: Complete) -> Complete:
    def complete(value: Any, where: Where, errors: list[Data]) -> Any:
        shaped = inner(value, where, errors)
        if shaped is not None:
            return shaped
        if not errors:
            errors.append(_problem("Un service n'a pas donné une valeur obligatoire.", where))
        return _BUBBLE

    return complete


def _problem(message: str, where: Where) -> Data:
    return {"message": message, "path": list(where), "extensions": {"code": "REPONSE_INVALIDE"}}
