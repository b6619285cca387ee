"""What an operation may ask at most; each limit is a setting."""

from collections.abc import Mapping
from dataclasses import dataclass

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from gateway.refusals import LimitExceeded


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Tokens of the document; and of the operation, its depth, its aliases, and the fields of its root."""

    tokens: int = 5_000
    depth: int = 15
    aliases: int = 30
    root_fields: int = 20


@dataclass(slots=True)
class _Measure:
    fragments: Mapping[str, FragmentDefinitionNode]
    aliases: int = 0

    def depth(self, selections: SelectionSetNode | None) -> int:
        """How deep fields are nested, fragments opened; a valid document has no cycle of them."""
        if selections is None:
            return 0
        deepest = 0
        for selection in selections.selections:
            if isinstance(selection, FieldNode):
                self.aliases += selection.alias is not None
                deepest = max(deepest, 1 + self.depth(selection.selection_set))
            elif isinstance(selection, InlineFragmentNode):
                deepest = max(deepest, self.depth(selection.selection_set))
            elif isinstance(selection, FragmentSpreadNode):
                deepest = max(deepest, self.depth(self.fragments[selection.name.value].selection_set))
        return deepest


def check(limits: Limits, definition: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
    """Check a valid operation.

    Raises:
        LimitExceeded: it asks more than is allowed; it says what and how much.
    """
    measure = _Measure(fragments)
    depth = measure.depth(definition.selection_set)
    for what, found, allowed in (
        ("profondeur", depth, limits.depth),
        ("alias", measure.aliases, limits.aliases),
        ("champs à la racine", len(definition.selection_set.selections), limits.root_fields),
    ):
        if found > allowed:
            raise LimitExceeded(what, found, allowed)
