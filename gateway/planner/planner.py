"""From an operation to a plan.

Each field is taken where the object already is, if a subgraph there resolves it; otherwise the object is reached in
another subgraph by one of its keys. Fields asked only to identify or to satisfy `@requires` are added where they can be
had, and leave the answer when it is shaped.
"""

from collections import Counter
from dataclasses import dataclass, field, replace

from graphql import OperationType, SelectionSetNode, print_ast

from gateway.planner.drafts import DraftFetch, Place, Position, SelectedField, Selection
from gateway.planner.inputs import InputReader
from gateway.planner.operation import Operation, Selected
from gateway.planner.plan import EACH, Fetch, OfType, Path, Plan
from gateway.planner.reach import obtainable
from gateway.planner.rest import as_selections, on
from gateway.supergraph import CompositeType, Field, Kind, Supergraph

INTROSPECTION = ("__schema", "__type")


class PlanRefused(Exception):
    """No way was found to resolve a field over the subgraphs."""


def plan(supergraph: Supergraph, operation: Operation) -> Plan:
    """Plan `operation`, which is valid against the API schema.

    Raises:
        PlanRefused: a field cannot be had, which composition should have told.
    """
    kind = operation.definition.operation
    root = supergraph.roots[kind.value]
    fields = operation.collect(supergraph, root, (operation.definition.selection_set,))
    asked = {key: s for key, s in fields.items() if s.name not in INTROSPECTION and s.name != "__typename"}
    if kind is OperationType.MUTATION:
        # One after the other, as the specification wants of a mutation's fields.
        groups = [{key: selected} for key, selected in asked.items()]
    else:
        groups = [asked] if asked else []
    return Plan(tuple(_Planner(supergraph, operation).stage(root, group) for group in groups))


@dataclass(slots=True)
class _Planner:
    supergraph: Supergraph
    operation: Operation
    fetches: list[DraftFetch] = field(default_factory=list)
    _keys: dict[Path, dict[str, tuple[str, str]]] = field(default_factory=dict)
    _used: list[set[DraftFetch]] = field(default_factory=list)
    _reaching: set[tuple[Path, str, str]] = field(default_factory=set)

    def stage(self, root: str, fields: dict[str, Selected]) -> tuple[Fetch, ...]:
        place = Place(root, (), [])
        rest = self._object(place, fields)
        if rest:
            names = ", ".join(f"{root}.{selected.name}" for selected in rest.values())
            raise PlanRefused(f"no subgraph resolves all of {names}")
        return self._finished()

    # Fields

    def _object(self, place: Place, fields: dict[str, Selected]) -> dict[str, Selected]:
        """Select `fields` of an object; return what could not be."""
        names = self._keys.setdefault(place.path, {})
        for key, selected in fields.items():
            names.setdefault(key, selected.signature)
        coverage = self._coverage(place.type_name, fields)
        rest = {key: self._field(place, key, selected, coverage) for key, selected in fields.items()}
        return {key: selected for key, selected in rest.items() if selected is not None}

    def _coverage(self, type_name: str, fields: dict[str, Selected]) -> Counter[str]:
        """How many of these fields each subgraph resolves: those that resolve more are asked first."""
        known = self._type(type_name).fields
        return Counter(
            graph
            for selected in fields.values()
            if selected.name in known
            for graph, join in known[selected.name].joins.items()
            if not join.external
        )

    def _field(self, place: Place, key: str, selected: Selected, coverage: Counter[str]) -> Selected | None:
        """Select one field; return what of it could not be, None when all was."""
        if selected.name == "__typename":
            self._take_typename(place.positions[0])
            return None
        definition = self._type(place.type_name).fields[selected.name]
        rest: Selected | None = selected
        tried: set[str] = set()
        for position in list(place.positions):
            if rest is not None and self._resolves(place, definition, position):
                tried.add(position.graph)
                rest = self._take(place, position, key, rest, definition)
        candidates = [g for g, join in definition.joins.items() if not join.external and g not in tried]
        for graph in sorted(candidates, key=lambda g: self._preference(place, g, coverage)):
            if rest is None:
                return None
            reached = self._reach(place, graph, definition)
            if reached is not None:
                rest = self._take(place, reached, key, rest, definition)
        return rest

    def _preference(self, place: Place, graph: str, coverage: Counter[str]) -> tuple[bool, int, str]:
        return all(position.graph != graph for position in place.positions), -coverage[graph], graph

    def _resolves(self, place: Place, definition: Field, position: Position) -> bool:
        """Whether the field can simply be added at `position`."""
        join = definition.joins.get(position.graph)
        if join is None or join.requires is not None:
            return False
        return not join.external or self._provided(place, definition, position) is not None

    def _provided(self, place: Place, definition: Field, position: Position) -> Selected | None:
        if not position.provided:
            return None
        return self.operation.collect(self.supergraph, place.type_name, position.provided).get(definition.name)

    def _take(
        self, place: Place, position: Position, key: str, selected: Selected, definition: Field
    ) -> Selected | None:
        """Add a field at `position`; return what of it is not resolved there."""
        composite = definition.type_name in self.supergraph.types
        held = position.selection.fields.get(key)
        taken = held or SelectedField(selected.name, selected.arguments, Selection() if composite else None)
        position.selection.fields[key] = taken
        if self._used:
            self._used[-1].add(position.fetch)
        if taken.below is None:
            return None
        provided = self._provided(place, definition, position)
        join = definition.joins[position.graph]
        provides = join.provides
        below = Place(
            join.type_name or definition.type_name,
            (*place.path, key, *(EACH,) * definition.lists),
            [
                Position(
                    position.fetch,
                    taken.below,
                    ((provides,) if provides else ()) + (provided.below if provided else ()),
                )
            ],
        )
        rest = self._below(below, selected.below)
        if taken.below.is_empty():
            # Nothing of it is known there: asking for it would give nothing.
            del position.selection.fields[key]
            return selected
        return replace(selected, below=rest) if rest else None

    def _below(self, place: Place, selections: tuple[SelectionSetNode, ...]) -> tuple[SelectionSetNode, ...]:
        composite = self._type(place.type_name)
        if composite.kind is Kind.OBJECT:
            fields = self.operation.collect(self.supergraph, place.type_name, selections)
            if not fields:
                # Conditions may leave nothing of it to be asked, but that it is there.
                self._take_typename(place.positions[0])
            return as_selections(self._object(place, fields))
        return self._members(place, composite, selections)

    def _members(
        self, place: Place, composite: CompositeType, selections: tuple[SelectionSetNode, ...]
    ) -> tuple[SelectionSetNode, ...]:
        """Select of each object type that the value may be what is asked of that type."""
        (position,) = place.positions
        self._take_typename(position)
        rest: list[SelectionSetNode] = []
        for name in sorted(composite.possible(position.graph)):
            fields = self.operation.collect(self.supergraph, name, selections)
            if not fields:
                continue
            inner = position.selection.fragments.setdefault(name, Selection())
            member = Place(name, (*place.path, OfType(name)), [replace(position, selection=inner)])
            left = as_selections(self._object(member, fields))
            rest.extend(on(name, selection) for selection in left)
        return tuple(rest)

    def _take_typename(self, position: Position) -> None:
        position.selection.fields.setdefault("__typename", SelectedField("__typename", (), None))

    # Reaching an object in another subgraph

    def _reach(self, place: Place, graph: str, definition: Field) -> Position | None:
        """A position of the object in `graph` where `definition` can be resolved, None when there is no way."""
        requires = definition.joins[graph].requires
        if place.type_name in self.supergraph.roots.values() and not place.path:
            return self._root_position(place, graph)
        # A subgraph may be left and entered again for a field that another of its fields requires; not for itself.
        way = (place.path, graph, definition.name if requires is not None else "")
        if way in self._reaching:
            return None
        self._reaching.add(way)
        try:
            return self._entity_position(place, graph, requires)
        finally:
            self._reaching.discard(way)

    def _root_position(self, place: Place, graph: str) -> Position:
        for position in place.positions:
            if position.graph == graph:
                return position
        return self._new_position(place, DraftFetch(graph, (), place.type_name, entity=False))

    def _entity_position(self, place: Place, graph: str, requires: SelectionSetNode | None) -> Position | None:
        needed = self._select_inputs(place, requires) if requires is not None else set()
        if needed is None:
            return None
        for position in place.positions:
            if position.graph == graph and self._may_serve(position, place, needed, requires):
                return position
        for key in self._type(place.type_name).keys.get(graph, ()):
            if not key.resolvable or not self._obtainable(place, key.fields, graph):
                continue
            used = self._select_inputs(place, key.fields)
            if used is None:
                continue
            self._take_typename(place.positions[0])
            fetch = DraftFetch(graph, place.path, place.type_name, entity=True)
            fetch.inputs = [key.fields] if requires is None else [key.fields, requires]
            fetch.after = used | needed | {place.positions[0].fetch}
            return self._new_position(place, fetch)
        return None

    def _may_serve(
        self, position: Position, place: Place, needed: set[DraftFetch], requires: SelectionSetNode | None
    ) -> bool:
        """Whether a fetch that is already there may also resolve a field with these requirements."""
        if requires is None:
            return True
        fetch = position.fetch
        own = fetch.entity and fetch.path == place.path
        if not own or any(before is fetch or before.follows(fetch) for before in needed):
            return False
        fetch.inputs.append(requires)
        fetch.after |= needed
        return True

    def _new_position(self, place: Place, fetch: DraftFetch) -> Position:
        self.fetches.append(fetch)
        position = Position(fetch, fetch.selection)
        place.positions.append(position)
        return position

    def _obtainable(self, place: Place, fields: SelectionSetNode, without: str) -> bool:
        graphs = frozenset(position.graph for position in place.positions)
        visited = frozenset({(place.type_name, without)})
        return obtainable(self.supergraph, place.type_name, graphs, fields, visited)

    def _select_inputs(self, place: Place, fields: SelectionSetNode) -> set[DraftFetch] | None:
        """Select what identifies an object, and return the fetches that give it; None when it cannot be had."""
        self._used.append(set())
        asked = self.operation.collect(self.supergraph, place.type_name, (fields,))
        names = self._keys.setdefault(place.path, {})
        coverage: Counter[str] = Counter()
        rest = [self._field(place, _internal_key(names, selected), selected, coverage) for selected in asked.values()]
        used = self._used.pop()
        return None if any(rest) else used

    # The finished plan

    def _finished(self) -> tuple[Fetch, ...]:
        kept = [fetch for fetch in self.fetches if not fetch.selection.is_empty()]
        numbers = {fetch: number for number, fetch in enumerate(kept)}
        reader = InputReader(self.supergraph, self._keys)
        return tuple(self._finish(fetch, numbers, reader) for fetch in kept)

    def _finish(self, fetch: DraftFetch, numbers: dict[DraftFetch, int], reader: InputReader) -> Fetch:
        used = sorted(set(fetch.selection.variables()))
        declared = {v.variable.name.value: print_ast(v) for v in self.operation.definition.variable_definitions or ()}
        variables = [declared[name] for name in used]
        if fetch.entity:
            heading = f"query({', '.join(['$representations: [_Any!]!', *variables])})"
            entity = f"... on {fetch.type_name} {fetch.selection.text()}"
            body = f"{{ _entities(representations: $representations) {{ {entity} }} }}"
        else:
            heading = self.operation.definition.operation.value + (f"({', '.join(variables)})" if variables else "")
            body = fetch.selection.text()
        return Fetch(
            number=numbers[fetch],
            subgraph=self.supergraph.names[fetch.graph],
            operation=f"{heading} {body}",
            keys=tuple(fetch.selection.fields),
            variables=tuple(used),
            path=fetch.path,
            entity=fetch.type_name if fetch.entity else None,
            inputs=reader.read(fetch),
            after=tuple(sorted(numbers[before] for before in fetch.after if before in numbers)),
        )

    def _type(self, name: str) -> CompositeType:
        return self.supergraph.types[name]


def _internal_key(names: dict[str, tuple[str, str]], selected: Selected) -> str:
    """A response key for a field that the client did not ask for under it: its name, unless that is taken."""
    key, number = selected.name, 0
    while names.setdefault(key, selected.signature) != selected.signature:
        key, number = f"_g{number}_{selected.name}", number + 1
    return key
