"""How many values the answer to an operation may hold: what is below a list counts once for each of its elements.

A list has as many elements as the argument `first` says, on the list itself or on the connection right above it, and
entities are as many as their representations; a list of which nothing is said is taken to be short. Counted with the
variables of each request, in what was read once of a valid operation.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_list_type,
    is_non_null_type,
)

_SAYS = ("first", "representations")
_UNSAID = 10
"""Elements of a list of which the operation says nothing."""


@dataclass(frozen=True, slots=True)
class Length:
    """The elements asked of a list: a number, or the variable that says it."""

    number: int
    variable: str | None = None

    def of(self, variables: Mapping[str, Any]) -> int:
        said = variables.get(self.variable) if self.variable else None
        if isinstance(said, list):
            return len(said)
        return max(0, int(said)) if isinstance(said, int | float) else self.number


@dataclass(frozen=True, slots=True)
class Values:
    """The values of a selection: its own, and for each list in it those of one element."""

    own: int = 0
    lists: tuple[tuple[Length, "Values"], ...] = ()

    def count(self, variables: Mapping[str, Any]) -> int:
        """How many there may be, with the `variables` of a request as they came."""
        return self.own + sum(length.of(variables) * element.count(variables) for length, element in self.lists)


def read_values(
    schema: GraphQLSchema, definition: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> Values:
    """The values of an operation that is valid against `schema` and within the limits."""
    root = schema.get_root_type(definition.operation)
    defaults = {v.variable.name.value: v.default_value for v in definition.variable_definitions or ()}
    return _Reader(schema, fragments, defaults).selection(definition.selection_set, root, None)


@dataclass(slots=True)
class _Reader:
    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    defaults: Mapping[str, ValueNode | None]
    _known: dict[tuple[str, Length | None], Values] = field(default_factory=dict)

    def selection(self, selections: SelectionSetNode, parent: GraphQLNamedType | None, page: Length | None) -> Values:
        """The values of a selection; `page` is what the field right above says of the lists in it."""
        own, lists = 0, list[tuple[Length, Values]]()
        for node in selections.selections:
            if isinstance(node, FieldNode):
                found = self._field(node, parent, page)
            elif isinstance(node, FragmentSpreadNode):
                found = self._fragment(node.name.value, page)
            else:
                condition = node.type_condition  # type: ignore[attr-defined] # there are three kinds
                inner = self.schema.get_type(condition.name.value) if condition else parent
                found = self.selection(node.selection_set, inner, page)  # type: ignore[attr-defined]
            own += found.own
            lists += found.lists
        return Values(own, tuple(lists))

    def _fragment(self, name: str, page: Length | None) -> Values:
        known = self._known.get((name, page))
        if known is None:
            definition = self.fragments[name]
            inner = self.schema.get_type(definition.type_condition.name.value)
            known = self._known[name, page] = self.selection(definition.selection_set, inner, page)
        return known

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None, page: Length | None) -> Values:
        known = parent.fields if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType) else {}
        definition = known.get(node.name.value)
        if definition is None or node.selection_set is None:
            return Values(1)
        said, lists = self._said(node, definition), _lists(definition.type)
        inner = self.selection(node.selection_set, get_named_type(definition.type), None if lists else said)
        found = Values(inner.own + 1, inner.lists)
        for _ in range(lists):
            found = Values(0, ((said or page or Length(_UNSAID), found),))
        return found

    def _said(self, node: FieldNode, definition: GraphQLField) -> Length | None:
        """What a field says of the length of its list, None when it takes no such argument."""
        name = next((name for name in _SAYS if name in definition.args), None)
        if name is None:
            return None
        default = definition.args[name].default_value
        otherwise = default if isinstance(default, int) else _UNSAID
        given = next((a.value for a in node.arguments or () if a.name.value == name), None)
        if isinstance(given, VariableNode):
            return Length(_number(self.defaults.get(given.name.value), otherwise), given.name.value)
        return Length(_number(given, otherwise))


def _number(value: ValueNode | None, otherwise: int) -> int:
    """What a literal says of a length: a number, or by itself being a list."""
    if isinstance(value, ListValueNode):
        return len(value.values)
    return max(0, int(value.value)) if isinstance(value, IntValueNode) else otherwise


def _lists(kind: GraphQLOutputType) -> int:
    """How many lists deep a type is."""
    lists = 0
    while is_list_type(kind) or is_non_null_type(kind):
        lists += is_list_type(kind)
        kind = kind.of_type
    return lists
