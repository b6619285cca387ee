"""What an operation may ask of a subgraph at most.

Fragments are counted as often as they are spread, for that is how often the executor opens them, and each is looked
into once: measuring costs no more than reading.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    OperationDefinitionNode,
    SelectionSetNode,
)
from graphql.validation import ASTValidationRule

MAX_DEPTH = 15
MAX_ALIASES = 30
MAX_FIELDS = 1_000
_MANY = 1_000_000
"""Where counting stops: fragments that double each other would be counted in hundreds of digits."""


@dataclass(frozen=True, slots=True)
class _Size:
    """Of a selection with its fragments opened."""

    depth: int = 0
    aliases: int = 0
    fields: int = 0


@dataclass(slots=True)
class _Measure:
    fragments: Mapping[str, FragmentDefinitionNode]
    _known: dict[str, _Size] = field(default_factory=dict)

    def size(self, selections: SelectionSetNode | None) -> _Size:
        depth = aliases = fields = 0
        for selection in selections.selections if selections else ():
            if isinstance(selection, FragmentSpreadNode):
                below = self._fragment(selection.name.value)
            else:
                below = self.size(selection.selection_set)  # type: ignore[attr-defined] # the other two kinds have one
            is_field = isinstance(selection, FieldNode)
            depth = max(depth, below.depth + is_field)
            aliases += below.aliases + (is_field and selection.alias is not None)  # type: ignore[attr-defined]
            # A fragment that holds no field is opened all the same.
            fields += below.fields + 1
        return _Size(depth, min(aliases, _MANY), min(fields, _MANY))

    def _fragment(self, name: str) -> _Size:
        known = self._known.get(name)
        if known is None:
            # Nothing, while it is looked into: another rule refuses whoever spreads itself, or what is not there.
            self._known[name] = _Size()
            definition = self.fragments.get(name)
            known = self._known[name] = self.size(definition.selection_set if definition else None)
        return known


class WithinLimits(ASTValidationRule):
    """A validation rule: no operation of the document asks more than it may."""

    def enter_document(self, node: DocumentNode, *_args: Any) -> None:
        measure = _Measure({d.name.value: d for d in node.definitions if isinstance(d, FragmentDefinitionNode)})
        for definition in node.definitions:
            if isinstance(definition, OperationDefinitionNode):
                self._check(definition, measure.size(definition.selection_set))

    def _check(self, definition: OperationDefinitionNode, size: _Size) -> None:
        for what, found, allowed in (
            ("de profondeur", size.depth, MAX_DEPTH),
            ("d'alias", size.aliases, MAX_ALIASES),
            ("de champs, fragments ouverts", size.fields, MAX_FIELDS),
        ):
            if found > allowed:
                message = f"L'opération dépasse la limite {what} : {found} pour {allowed} au plus."
                extensions = {"code": "LIMITE_DEPASSEE"}
                self.report_error(GraphQLError(message, definition, extensions=extensions))
