"""What identifies the entities of a fetch, as the executor reads it from the answer so far."""

from collections.abc import Mapping
from dataclasses import dataclass

from graphql import FieldNode, InlineFragmentNode, SelectionSetNode, print_ast

from gateway.planner.drafts import DraftFetch
from gateway.planner.plan import EACH, Input, OfType, Path
from gateway.supergraph import Supergraph

type Keys = Mapping[Path, Mapping[str, tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class InputReader:
    """Turns keys and requirements into inputs, knowing under which response key each value was put."""

    supergraph: Supergraph
    keys: Keys

    def read(self, fetch: DraftFetch) -> tuple[Input, ...]:
        inputs: dict[tuple[str | None, str], Input] = {}
        for fields in fetch.inputs:
            for one in self._selections(fetch.type_name, fetch.path, fields, None):
                inputs[one.on, one.name] = _merged(inputs.get((one.on, one.name)), one)
        return tuple(inputs.values())

    def _selections(self, type_name: str, path: Path, fields: SelectionSetNode, on: str | None) -> list[Input]:
        found: list[Input] = []
        for node in fields.selections:
            if isinstance(node, InlineFragmentNode):
                inner = node.type_condition.name.value if node.type_condition else type_name
                found += self._selections(inner, (*path, OfType(inner)), node.selection_set, inner)
            elif isinstance(node, FieldNode):
                found.append(self._field(type_name, path, node, on))
        return found

    def _field(self, type_name: str, path: Path, node: FieldNode, on: str | None) -> Input:
        name = node.name.value
        key = self._key(path, node)
        if node.selection_set is None:
            return Input(key, name, (), on)
        definition = self.supergraph.types[type_name].fields[name]
        below = (*path, key, *(EACH,) * definition.lists)
        return Input(key, name, tuple(self._selections(definition.type_name, below, node.selection_set, None)), on)

    def _key(self, path: Path, node: FieldNode) -> str:
        arguments = ",".join(sorted(print_ast(argument) for argument in node.arguments or ()))
        for key, signature in self.keys.get(path, {}).items():
            if signature == (node.name.value, arguments) and (key == node.name.value or key.startswith("_g")):
                return key
        return node.name.value


def _merged(held: Input | None, new: Input) -> Input:
    """One input with the values below both."""
    if held is None:
        return new
    below = {one.name: one for one in held.below}
    for one in new.below:
        below[one.name] = _merged(below.get(one.name), one)
    return Input(new.key, new.name, tuple(below.values()), new.on)
