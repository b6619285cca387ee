"""Whether fields of an object can be had from where it is, by any way over the subgraphs."""

from graphql import FieldNode, InlineFragmentNode, SelectionSetNode

from gateway.supergraph import Supergraph

type Visited = frozenset[tuple[str, str]]


def obtainable(
    supergraph: Supergraph, type_name: str, graphs: frozenset[str], fields: SelectionSetNode, visited: Visited
) -> bool:
    """Whether all of `fields` can be had of an object of `type_name` that is known in `graphs`.

    `visited` are the (type, subgraph) pairs on the way, so that a key is never looked for by itself.
    """
    for node in fields.selections:
        if isinstance(node, InlineFragmentNode):
            inner = node.type_condition.name.value if node.type_condition else type_name
            if not obtainable(supergraph, inner, graphs, node.selection_set, visited):
                return False
        elif isinstance(node, FieldNode) and not _field(supergraph, type_name, graphs, node, visited):
            return False
    return True


def _field(supergraph: Supergraph, type_name: str, graphs: frozenset[str], node: FieldNode, visited: Visited) -> bool:
    if node.name.value == "__typename":
        return True
    definition = supergraph.types[type_name].fields.get(node.name.value)
    if definition is None:
        return False

    def below(graph: str) -> bool:
        if node.selection_set is None:
            return True
        return obtainable(supergraph, definition.type_name, frozenset({graph}), node.selection_set, frozenset())

    for graph, join in definition.joins.items():
        if graph in graphs and not join.external and join.requires is None and below(graph):
            return True
    return any(
        not join.external
        and (type_name, graph) not in visited
        and _enters(supergraph, type_name, graphs, graph, visited)
        and (
            join.requires is None
            or obtainable(supergraph, type_name, graphs, join.requires, visited | {(type_name, graph)})
        )
        and below(graph)
        for graph, join in definition.joins.items()
    )


def _enters(supergraph: Supergraph, type_name: str, graphs: frozenset[str], graph: str, visited: Visited) -> bool:
    """Whether the object can be reached in `graph` by one of its keys."""
    now = visited | {(type_name, graph)}
    return any(
        key.resolvable and obtainable(supergraph, type_name, graphs, key.fields, now)
        for key in supergraph.types[type_name].keys.get(graph, ())
    )
