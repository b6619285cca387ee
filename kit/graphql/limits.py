"""What an operation may ask of a subgraph at most.

Measured before the operation is validated: fragments are counted as often as they are spread, for that is how often
the executor opens them, and each is looked into once: measuring costs no more than reading. How many values an answer
may hold is counted later, with the variables (`kit.graphql.values`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    OperationDefinitionNode,
    SelectionSetNode,
)
from graphql.validation.rules import overlapping_fields_can_be_merged

MAX_CHARACTERS = 50_000
"""Of a document: tokens do not count comments, and what was parsed is remembered with its text."""
MAX_TOKENS = 5_000
MAX_DEPTH = 15
MAX_ALIASES = 30
MAX_FIELDS = 1_000
MAX_VALUES = 40_000
"""Twice what the gateway lets through, for it adds keys and type names to what clients ask."""
_NESTING = 100
"""Selections within selections, fragments opened: what reads them, here and in graphql-core, recurses."""
_MANY = 1_000_000
"""Where counting stops: fragments that double each other would be counted in hundreds of digits."""

# Whether fields of one response key agree is found by comparing them two by two, and graphql-core stops after half a
# million steps: more than a second. Sixty fragments that ask the same fields of one object take less than this.
overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = 30_000


class LimitExceeded(GraphQLError):
    """The operation asks more than is allowed."""

    def __init__(self, message: str) -> None:
        super().__init__(message, extensions={"code": "LIMITE_DEPASSEE"})


@dataclass(frozen=True, slots=True)
class _Size:
    """Of a selection with its fragments opened."""

    depth: int = 0
    aliases: int = 0
    fields: int = 0
    nesting: int = 0


@dataclass(slots=True)
class _Measure:
    fragments: Mapping[str, FragmentDefinitionNode]
    _known: dict[str, _Size] = field(default_factory=dict)

    def size(self, selections: SelectionSetNode | None, level: int = 1) -> _Size:
        if selections is None:
            return _Size()
        # On the way down too: a chain of fragments would exhaust the stack before its end is known.
        require("d'imbrication", level, _NESTING)
        depth = aliases = fields = nesting = 0
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
            nesting = max(nesting, below.nesting)
        require("d'imbrication", nesting + 1, _NESTING)
        return _Size(depth, min(aliases, _MANY), min(fields, _MANY), nesting + 1)

    def fragment(self, name: str, level: int = 1) -> _Size:
        known = self._known.get(name)
        if known is None:
            # Nothing, while it is looked into: validation refuses whoever spreads itself, or what is not there.
            self._known[name] = _Size()
            definition = self.fragments.get(name)
            known = self._known[name] = self.size(definition.selection_set if definition else None, level)
        return known


def check(document: DocumentNode) -> None:
    """Check each operation of a document.

    Raises:
        LimitExceeded: one asks more than is allowed; it says what and how much.
    """
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    measure = _Measure(fragments)
    for name in fragments:
        measure.fragment(name)
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            size = measure.size(definition.selection_set)
            require("de profondeur", size.depth, MAX_DEPTH)
            require("d'alias", size.aliases, MAX_ALIASES)
            require("de champs, fragments ouverts", size.fields, MAX_FIELDS)


def require(what: str, found: int, allowed: int) -> None:
    """Check one measure.

    Raises:
        LimitExceeded: it is more than is allowed.
    """
    if found > allowed:
        raise LimitExceeded(f"L'opération dépasse la limite {what} : {found} pour {allowed} au plus.")
