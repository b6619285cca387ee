"""The schema that clients see: the supergraph without what composition added and what it declares inaccessible."""

from typing import Any

from graphql import (
    REMOVE,
    DirectiveDefinitionNode,
    DirectiveNode,
    DocumentNode,
    GraphQLSchema,
    Node,
    Visitor,
    build_ast_schema,
    visit,
)

_KEPT = frozenset({"deprecated", "specifiedBy", "oneOf"})
_MACHINERY = ("join__", "link__", "core__", "federation__")


class _Strip(Visitor):
    """Removes machinery and inaccessible elements, and every directive that is not for clients."""

    def enter(self, node: Node, *_args: Any) -> Any:
        if isinstance(node, DirectiveDefinitionNode):
            return REMOVE
        if isinstance(node, DirectiveNode):
            return None if node.name.value in _KEPT else REMOVE
        name = getattr(getattr(node, "name", None), "value", "")
        if node.kind.endswith("_definition") and name.startswith(_MACHINERY):
            return REMOVE
        directives = getattr(node, "directives", None) or ()
        if any(directive.name.value == "inaccessible" for directive in directives):
            return REMOVE
        return None


def build_api_schema(supergraph: DocumentNode) -> GraphQLSchema:
    """The API schema of a supergraph document."""
    stripped: DocumentNode = visit(supergraph, _Strip())
    return build_ast_schema(stripped, assume_valid_sdl=True)
