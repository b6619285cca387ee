"""What an operation may ask at most; each limit is a setting.

Measured before the operation is validated or planned: fragments are counted as often as they are spread, for that is
how often both open them, and each is looked into once, so that measuring costs no more than reading. How many values
an answer may hold is counted later, with the variables (`gateway.values`).
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
from graphql.validation.rules import overlapping_fields_can_be_merged

from gateway.refusals import LimitExceeded

_NESTING = 100
"""Selections within selections, fragments opened: what reads them, here and in graphql-core, recurses."""
_MANY = 1_000_000
"""Where counting stops: fragments that double each other would be counted in hundreds of digits."""

# Whether fields of one response key agree is found by comparing them two by two, and graphql-core stops after half a
# million steps: more than a second. Sixty fragments that ask the same fields of one object take less than this.
overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = 30_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Characters and tokens of the document; depth, aliases and fields of an operation, the fields of its root, and
    the values of its answer.
    """

    characters: int = 50_000
    tokens: int = 5_000
    depth: int = 15
    aliases: int = 30
    fields: int = 1_000
    root_fields: int = 20
    values: int = 20_000


@dataclass(frozen=True, slots=True)
class _Size:
    """Of a selection with its fragments opened; `breadth` counts the fields of its own level."""

    depth: int = 0
    aliases: int = 0
    fields: int = 0
    breadth: int = 0
    nesting: int = 0


@dataclass(slots=True)
class _Measure:
    fragments: Mapping[str, FragmentDefinitionNode]
    _known: dict[str, _Size] = field(default_factory=dict)

    def size(self, selections: SelectionSetNode | None, level: int = 1) -> _Size:
        if selections is None:
            return _Size()
        # On the way down too: a chain of fragments would exhaust the stack before its end is known.
        _require("d'imbrication", level, _NESTING)
        depth = aliases = fields = breadth = nesting = 0
        for selection in selections.selections:
            if isinstance(selection, FragmentSpreadNode):
                below = self.fragment(selection.name.value, level + 1)
            else:
                below = self.size(selection.selection_set, level + 1)  # type: ignore[attr-defined] # the other two kinds have one
            is_field = isinstance(selection, FieldNode)
            depth = max(depth, below.depth + is_field)
            aliases += below.aliases + (is_field and selection.alias is not None)  # type: ignore[attr-defined]
            # A fragment that holds no field is opened all the same.
            fields += below.fields + 1
            breadth += 1 if is_field else below.breadth
            nesting = max(nesting, below.nesting)
        _require("d'imbrication", nesting + 1, _NESTING)
        return _Size(depth, min(aliases, _MANY), min(fields, _MANY), min(breadth, _MANY), nesting + 1)

    def fragment(self, name: str, level: int = 1) -> _Size:
        known = self._known.get(name)
        if known is None:
            # Nothing, while it is looked into: validation refuses whoever spreads itself, or what is not there.
            self._known[name] = _Size()
            definition = self.fragments.get(name)
            known = self._known[name] = self.size(definition.selection_set if definition else None, level)
        return known


def check(limits: Limits, document: DocumentNode) -> None:
    """Check each operation of a document.

    Raises:
        LimitExceeded: one asks more than is allowed; it says what and how much.
    """
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    measure = _Measure(fragments)
    for name in fragments:
        measure.fragment(name)
    for definition in document.definitions:
        if not isinstance(definition, OperationDefinitionNode):
            continue
        size = measure.size(definition.selection_set)
        _require("de profondeur", size.depth, limits.depth)
        _require("d'alias", size.aliases, limits.aliases)
        _require("de champs, fragments ouverts", size.fields, limits.fields)
        _require("de champs à la racine", size.breadth, limits.root_fields)


def _require(what: str, found: int, allowed: int) -> None:
    if found > allowed:
        raise LimitExceeded(what, found, allowed)
