"""How many values the answer to an operation may hold: what is below a list counts once for each of its elements.

A list has as many elements as the argument `first` says, on the list itself or on the connection right above it; a
list of which nothing is said is taken to be short. Counted with the variables of each request, in what was read once
of a valid operation. What is asked of the schema itself is not counted: graphql-core bounds it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_list_type,
    is_non_null_type,
)

_FIRST = "first"
_UNSAID = 10
"""Elements of a list of which the operation says nothing."""


@dataclass(frozen=True, slots=True)
class Length:
    """The elements asked of a list: a number, or the variable that says it."""

    number: int
    variable: str | None = None

    def of(self, variables: Mapping[str, Any]) -> int:
        said = variables.get(self.variable) if self.variable else self.number
        return max(0, said) if isinstance(said, int) else self.number


@dataclass(frozen=True, slots=True)
class Values:
    """The values of a selection: its own, and for each list in it those of one element."""

    own: int = 0
    lists: tuple[tuple[Length, "Values"], ...] = ()

    def count(self, variables: Mapping[str, Any]) -> int:
        """How many there may be, with the coerced `variables` of a request."""
        return self.own + sum(length.of(variables) * element.count(variables) for length, element in self.lists)


def read_values(
    schema: GraphQLSchema, definition: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> Values:
    """The values of an operation that is valid against `schema` and within the limits."""
    root = schema.get_root_type(definition.operation)
    return _Reader(schema, fragments).selection(definition.selection_set, root, None)


@dataclass(slots=True)
class _Reader:
    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
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
        said, lists = _said(node, definition), _lists(definition.type)
        inner = self.selection(node.selection_set, get_named_type(definition.type), None if lists else said)
        found = Values(inner.own + 1, inner.lists)
        for _ in range(lists):
            found = Values(0, ((said or page or Length(_UNSAID), found),))
        return found


def _said(node: FieldNode, definition: GraphQLField) -> Length | None:
    """What a field says of the length of its list, None when it takes no such argument."""
    argument = definition.args.get(_FIRST)
    if argument is None:
        return None
    given = next((a.value for a in node.arguments or () if a.name.value == _FIRST), None)
    if isinstance(given, VariableNode):
        return Length(_default(argument), given.name.value)
    return Length(_number(given, _default(argument)))


def _default(argument: GraphQLArgument) -> int:
    return _number(argument.default.literal if argument.default else None, _UNSAID)


def _number(value: ValueNode | None, otherwise: int) -> int:
    return max(0, int(value.value)) if isinstance(value, IntValueNode) else otherwise


def _lists(kind: GraphQLOutputType) -> int:
    """How many lists deep a type is."""
    lists = 0
    while is_list_type(kind) or is_non_null_type(kind):
        lists += is_list_type(kind)
        kind = kind.of_type
    return lists
