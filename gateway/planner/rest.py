"""What could not be selected in one place, as selections again, to be asked in another."""

from graphql import FieldNode, InlineFragmentNode, NamedTypeNode, NameNode, SelectionSetNode

from gateway.planner.operation import Selected


def as_selections(rest: dict[str, Selected]) -> tuple[SelectionSetNode, ...]:
    """What is left to be selected, as selections again."""
    if not rest:
        return ()
    nodes = tuple(_field_node(key, selected) for key, selected in rest.items())
    return (SelectionSetNode(selections=nodes),)


def _field_node(key: str, selected: Selected) -> FieldNode:
    merged = tuple(node for selections in selected.below for node in selections.selections)
    return FieldNode(
        alias=NameNode(value=key) if key != selected.name else None,
        name=NameNode(value=selected.name),
        arguments=selected.arguments,
        directives=(),
        selection_set=SelectionSetNode(selections=merged) if merged else None,
    )


def on(type_name: str, selection: SelectionSetNode) -> SelectionSetNode:
    """A selection that holds for the objects of one type."""
    condition = NamedTypeNode(name=NameNode(value=type_name))
    fragment = InlineFragmentNode(type_condition=condition, directives=(), selection_set=selection)
    return SelectionSetNode(selections=(fragment,))
