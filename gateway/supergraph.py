"""The supergraph as composition left it: which subgraph resolves which field, and how one is reached from another.

Reads the join specification's directives (v0.3 to v0.5). What this gateway does not know how to honour is refused at
start, with its place, rather than answered wrongly later.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from graphql import (
    DocumentNode,
    EnumTypeDefinitionNode,
    EnumValueDefinitionNode,
    FieldDefinitionNode,
    GraphQLSchema,
    GraphQLSyntaxError,
    InterfaceTypeDefinitionNode,
    ListTypeNode,
    NamedTypeNode,
    NonNullTypeNode,
    ObjectTypeDefinitionNode,
    SchemaDefinitionNode,
    SelectionSetNode,
    TypeDefinitionNode,
    TypeNode,
    UnionTypeDefinitionNode,
    parse,
    parse_type,
    value_from_ast_untyped,
)

from gateway.api_schema import build_api_schema


class SupergraphRefused(Exception):
    """The supergraph cannot be served; the message says what is wrong and where."""


class Kind(Enum):
    """What a composite type is."""

    OBJECT = "object"
    INTERFACE = "interface"
    UNION = "union"


@dataclass(frozen=True, slots=True)
class Key:
    """Fields that identify an entity in a subgraph; `resolvable` tells whether it can be asked for by them."""

    fields: SelectionSetNode
    resolvable: bool


@dataclass(frozen=True, slots=True)
class Join:
    """A field in one subgraph.

    Args:
        external: it is only named there, and resolved elsewhere.
        requires: fields of the same entity that it must be given.
        provides: fields below it that this subgraph resolves here though it does not elsewhere.
        type_name: the type it gives there, where that is narrower than in the whole.
    """

    external: bool = False
    requires: SelectionSetNode | None = None
    provides: SelectionSetNode | None = None
    type_name: str | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a composite type: the type it gives, how many lists deep, and the subgraphs that have it."""

    name: str
    type_name: str
    lists: int
    joins: Mapping[str, Join]


@dataclass(slots=True)
class CompositeType:
    """An object, interface or union: its keys by subgraph, and for abstract ones their members by subgraph."""

    name: str
    kind: Kind
    keys: dict[str, list[Key]] = field(default_factory=dict)
    fields: dict[str, Field] = field(default_factory=dict)
    members: dict[str, list[str]] = field(default_factory=dict)

    def possible(self, graph: str) -> list[str]:
        """The object types that a value of this type can be in `graph`."""
        return [self.name] if self.kind is Kind.OBJECT else self.members.get(graph, [])


@dataclass(frozen=True, slots=True)
class Supergraph:
    """The whole: types by name, root types by operation, subgraph names by their identifier in joins, and the API."""

    types: Mapping[str, CompositeType]
    roots: Mapping[str, str]
    names: Mapping[str, str]
    api: GraphQLSchema

    def includes(self, abstract: str, concrete: str) -> bool:
        """Whether `concrete` is `abstract`, or one of its members anywhere."""
        if abstract == concrete:
            return True
        known = self.types.get(abstract)
        return known is not None and any(concrete in members for members in known.members.values())


def read_supergraph(sdl: str) -> Supergraph:
    """Read a composed supergraph.

    Raises:
        SupergraphRefused: it is not one, or uses what this gateway does not know.
    """
    try:
        document = parse(sdl, no_location=True)
    except GraphQLSyntaxError as error:
        raise SupergraphRefused(f"not GraphQL: {error.message}") from error
    names = _graph_names(document)
    types = _types(document, names)
    _add_members(document, types)
    return Supergraph(types=types, roots=_roots(document), names=names, api=build_api_schema(document))


def field_set(text: str) -> SelectionSetNode:
    """The selection that a `key`, `requires` or `provides` argument writes without braces."""
    definition = parse("{" + text + "}", no_location=True).definitions[0]
    selections: SelectionSetNode = definition.selection_set  # type: ignore[attr-defined]
    return selections


def _graph_names(document: DocumentNode) -> dict[str, str]:
    for definition in document.definitions:
        if isinstance(definition, EnumTypeDefinitionNode) and definition.name.value == "join__Graph":
            return {value.name.value: _graph_name(value) for value in definition.values or ()}
    raise SupergraphRefused("no enum join__Graph: this is not a composed supergraph")


def _graph_name(value: EnumValueDefinitionNode) -> str:
    for arguments in _directives(value, "join__graph"):
        return str(arguments["name"])
    raise SupergraphRefused(f"join__Graph.{value.name.value} has no @join__graph")


def _roots(document: DocumentNode) -> dict[str, str]:
    roots = {"query": "Query", "mutation": "Mutation"}
    for definition in document.definitions:
        if isinstance(definition, SchemaDefinitionNode):
            roots |= {o.operation.value: o.type.name.value for o in definition.operation_types}
    return roots


def _types(document: DocumentNode, graphs: Mapping[str, str]) -> dict[str, CompositeType]:
    kinds = {
        ObjectTypeDefinitionNode: Kind.OBJECT,
        InterfaceTypeDefinitionNode: Kind.INTERFACE,
        UnionTypeDefinitionNode: Kind.UNION,
    }
    types: dict[str, CompositeType] = {}
    for definition in document.definitions:
        kind = kinds.get(type(definition))
        if kind is None or not isinstance(definition, TypeDefinitionNode):
            continue
        read = CompositeType(definition.name.value, kind)
        for arguments in _directives(definition, "join__type"):
            _add_key(read, arguments, graphs)
        for node in getattr(definition, "fields", None) or ():
            read.fields[node.name.value] = _field(read, node)
        types[read.name] = read
    return types


def _add_key(read: CompositeType, arguments: Mapping[str, Any], graphs: Mapping[str, str]) -> None:
    graph = arguments["graph"]
    if graph not in graphs:
        raise SupergraphRefused(f"{read.name}: @join__type names the unknown subgraph {graph}")
    if arguments.get("isInterfaceObject"):
        raise SupergraphRefused(f"{read.name}: @interfaceObject is not supported yet")
    keys = read.keys.setdefault(graph, [])
    if "key" in arguments:
        keys.append(Key(field_set(arguments["key"]), arguments.get("resolvable", True)))


def _field(owner: CompositeType, node: FieldDefinitionNode) -> Field:
    named, lists = _unwrap(node.type)
    declared = list(_directives(node, "join__field"))
    joins: dict[str, Join] = {}
    for arguments in declared:
        place = f"{owner.name}.{node.name.value}"
        if arguments.get("overrideLabel"):
            raise SupergraphRefused(f"{place}: progressive @override is not supported yet")
        if arguments.get("contextArguments"):
            raise SupergraphRefused(f"{place}: @fromContext is not supported yet")
        # Without a graph, the field belongs to the interface it implements; overridden, to another subgraph.
        if "graph" in arguments and not arguments.get("usedOverridden"):
            joins[arguments["graph"]] = _join(arguments)
    if not declared:
        joins = dict.fromkeys(owner.keys, Join())
    return Field(node.name.value, named, lists, joins)


def _join(arguments: Mapping[str, Any]) -> Join:
    requires, provides, own = (arguments.get(name) for name in ("requires", "provides", "type"))
    return Join(
        external=bool(arguments.get("external")),
        requires=field_set(requires) if requires else None,
        provides=field_set(provides) if provides else None,
        type_name=_unwrap(parse_type(own, no_location=True))[0] if own else None,
    )


def _add_members(document: DocumentNode, types: Mapping[str, CompositeType]) -> None:
    for definition in document.definitions:
        if isinstance(definition, ObjectTypeDefinitionNode):
            for arguments in _directives(definition, "join__implements"):
                members = types[arguments["interface"]].members.setdefault(arguments["graph"], [])
                members.append(definition.name.value)
        if isinstance(definition, UnionTypeDefinitionNode):
            for arguments in _directives(definition, "join__unionMember"):
                types[definition.name.value].members.setdefault(arguments["graph"], []).append(arguments["member"])


def _unwrap(node: TypeNode) -> tuple[str, int]:
    lists = 0
    while not isinstance(node, NamedTypeNode):
        lists += isinstance(node, ListTypeNode)
        assert isinstance(node, ListTypeNode | NonNullTypeNode)  # noqa: S101
        node = node.type
    return node.name.value, lists


def _directives(node: Any, name: str) -> list[dict[str, Any]]:
    return [
        {argument.name.value: value_from_ast_untyped(argument.value) for argument in directive.arguments or ()}
        for directive in node.directives or ()
        if directive.name.value == name
    ]
