"""An operation as the planner takes it: conditions decided, fragments opened, fields of one response key merged."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    ArgumentNode,
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    print_ast,
    value_from_ast_untyped,
)

from gateway.supergraph import Supergraph


@dataclass(frozen=True, slots=True)
class Selected:
    """What is asked under one response key: a field, its arguments, and the selections below it."""

    name: str
    arguments: tuple[ArgumentNode, ...]
    below: tuple[SelectionSetNode, ...]

    @property
    def signature(self) -> tuple[str, str]:
        """Equal for two selections that give the same value."""
        return self.name, ",".join(sorted(print_ast(argument) for argument in self.arguments))


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a document, with its fragments and the values that decide its conditions."""

    definition: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    conditions: Mapping[str, bool]

    def collect(
        self, supergraph: Supergraph, type_name: str, selection_sets: Iterable[SelectionSetNode]
    ) -> dict[str, Selected]:
        """The fields asked of an object of `type_name`, by response key, in order."""
        fields: dict[str, Selected] = {}
        for node in self._fields(supergraph, type_name, selection_sets):
            key = node.alias.value if node.alias else node.name.value
            below = (node.selection_set,) if node.selection_set else ()
            held = fields.get(key)
            if held is None:
                fields[key] = Selected(node.name.value, tuple(node.arguments or ()), below)
            else:
                fields[key] = Selected(held.name, held.arguments, held.below + below)
        return fields

    def _fields(
        self, supergraph: Supergraph, type_name: str, selection_sets: Iterable[SelectionSetNode]
    ) -> Iterator[FieldNode]:
        for selections in selection_sets:
            for selection in selections.selections:
                if not self._included(selection):
                    continue
                if isinstance(selection, FieldNode):
                    yield selection
                else:
                    condition, inner = self._opened(selection)
                    if condition is None or supergraph.includes(condition, type_name):
                        yield from self._fields(supergraph, type_name, (inner,))

    def _opened(self, selection: SelectionNode) -> tuple[str | None, SelectionSetNode]:
        if isinstance(selection, InlineFragmentNode):
            condition = selection.type_condition
            return (condition.name.value if condition else None), selection.selection_set
        assert isinstance(selection, FragmentSpreadNode), "there are three kinds of selection"  # noqa: S101
        fragment = self.fragments[selection.name.value]
        return fragment.type_condition.name.value, fragment.selection_set

    def _included(self, selection: SelectionNode) -> bool:
        """Whether @skip and @include leave it in."""
        for directive in selection.directives or ():
            name = directive.name.value
            if name in {"skip", "include"} and self._decides(directive) == (name == "skip"):
                return False
        return True

    def _decides(self, directive: DirectiveNode) -> bool:
        value = (directive.arguments or ())[0].value
        if isinstance(value, VariableNode):
            return self.conditions[value.name.value]
        return bool(value_from_ast_untyped(value))


def condition_variables(nodes: Iterable[Any]) -> tuple[str, ...]:
    """The variables that @skip and @include anywhere in `nodes` depend on, sorted."""
    found: set[str] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        for directive in node.directives or ():
            if directive.name.value in ("skip", "include"):
                value = directive.arguments[0].value
                if isinstance(value, VariableNode):
                    found.add(value.name.value)
        selections = getattr(node, "selection_set", None)
        waiting.extend(selections.selections if selections else ())
    return tuple(sorted(found))
