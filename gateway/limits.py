"""What an operation may ask at most; each limit is a setting.

Measured before the operation is validated or planned: fragments are counted as often as they are spread, for that is
how often both open them, and each is looked into once, so that measuring costs no more than reading.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from gateway.refusals import LimitExceeded

_MANY = 1_000_000
"""Where counting stops: fragments that double each other would be counted in hundreds of digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Characters and tokens of the document; depth, aliases and fields of an operation, and the fields of its root."""

    characters: int = 50_000
    tokens: int = 5_000
    depth: int = 15
    aliases: int = 30
    fields: int = 1_000
    root_fields: int = 20


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
            # Nothing, while it is looked into: validation refuses whoever spreads itself, or what is not there.
            self._known[name] = _Size()
            definition = self.fragments.get(name)
            known = self._known[name] = self.size(definition.selection_set if definition else None)
        return known


def check(limits: Limits, document: DocumentNode) -> None:
    """Check each operation of a document.

    Raises:
        LimitExceeded: one asks more than is allowed; it says what and how much.
    """
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    measure = _Measure(fragments)
    for definition in document.definitions:
        if not isinstance(definition, OperationDefinitionNode):
            continue
        size = measure.size(definition.selection_set)
        for what, found, allowed in (
            ("de profondeur", size.depth, limits.depth),
            ("d'alias", size.aliases, limits.aliases),
            ("de champs à la racine", len(definition.selection_set.selections), limits.root_fields),
            ("de champs, fragments ouverts", size.fields, limits.fields),
        ):
            if found > allowed:
                raise LimitExceeded(what, found, allowed)
