"""What a plan is made of while it is being made: fetches whose selections still grow."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from graphql import ArgumentNode, SelectionSetNode, VariableNode, print_ast

from gateway.planner.plan import Path


@dataclass(slots=True)
class Selection:
    """A selection set under construction: fields by response key, and fragments by type."""

    fields: dict[str, "SelectedField"] = field(default_factory=dict)
    fragments: dict[str, "Selection"] = field(default_factory=dict)

    def is_empty(self) -> bool:
        return not self.fields and all(fragment.is_empty() for fragment in self.fragments.values())

    def text(self) -> str:
        """As GraphQL writes it, always the same for the same content."""
        parts = [field.text(key) for key, field in self.fields.items()]
        parts += [f"... on {name} {s.text()}" for name, s in self.fragments.items() if not s.is_empty()]
        return "{ " + " ".join(parts or ["__typename"]) + " }"

    def variables(self) -> Iterator[str]:
        """The variables used anywhere in it."""
        for selected in self.fields.values():
            for argument in selected.arguments:
                yield from _variables(argument.value)
            if selected.below is not None:
                yield from selected.below.variables()
        for fragment in self.fragments.values():
            yield from fragment.variables()


@dataclass(slots=True)
class SelectedField:
    """A field of a selection; `below` is None for a leaf."""

    name: str
    arguments: tuple[ArgumentNode, ...]
    below: Selection | None

    def text(self, key: str) -> str:
        arguments = ", ".join(print_ast(argument) for argument in self.arguments)
        alias = "" if key == self.name else f"{key}: "
        below = "" if self.below is None else f" {self.below.text()}"
        return f"{alias}{self.name}{f'({arguments})' if arguments else ''}{below}"


@dataclass(slots=True, eq=False)
class DraftFetch:
    """A fetch under construction; `inputs` are what its entities are identified by, with the type they are read of."""

    graph: str
    path: Path
    type_name: str
    entity: bool
    selection: Selection = field(default_factory=Selection)
    inputs: list[SelectionSetNode] = field(default_factory=list)
    after: set["DraftFetch"] = field(default_factory=set)

    def follows(self, other: "DraftFetch") -> bool:
        """Whether it waits, directly or not, for `other`."""
        return other in self.after or any(before.follows(other) for before in self.after)


@dataclass(slots=True)
class Position:
    """A place where fields of an object can be selected: in which fetch, and what is provided there beyond the rule."""

    fetch: DraftFetch
    selection: Selection
    provided: tuple[SelectionSetNode, ...] = ()

    @property
    def graph(self) -> str:
        return self.fetch.graph


@dataclass(slots=True)
class Place:
    """An object in the answer: its type, where it lies, and from which fetches its fields can come."""

    type_name: str
    path: Path
    positions: list[Position]


def _variables(value: object) -> Iterator[str]:
    if isinstance(value, VariableNode):
        yield value.name.value
    for inner in getattr(value, "values", None) or ():
        yield from _variables(inner)
    for inner in getattr(value, "fields", None) or ():
        yield from _variables(inner.value)
