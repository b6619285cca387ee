"""What an operation asks of the schema itself, answered here: no subgraph knows the whole."""

from graphql import DocumentNode, OperationDefinitionNode, OperationType, execute_sync

from gateway.executor.executor import Execution
from gateway.executor.failures import Data
from gateway.planner.operation import Operation
from gateway.planner.planner import INTROSPECTION
from gateway.planner.rest import as_selections
from gateway.refusals import described
from gateway.supergraph import Supergraph


def asked_of_schema(supergraph: Supergraph, operation: Operation) -> DocumentNode | None:
    """The part of an operation that the schema answers, in whatever fragment it stands; None when there is none."""
    definition = operation.definition
    root = supergraph.roots[definition.operation.value]
    fields = operation.collect(supergraph, root, (definition.selection_set,))
    asked = as_selections({key: selected for key, selected in fields.items() if selected.name in INTROSPECTION})
    if not asked:
        return None
    (selections,) = asked
    only = OperationDefinitionNode(
        operation=OperationType.QUERY,
        name=None,
        variable_definitions=definition.variable_definitions,
        directives=(),
        selection_set=selections,
    )
    return DocumentNode(definitions=(only, *operation.fragments.values()))


def answer_of_schema(supergraph: Supergraph, asked: DocumentNode, variables: Data, execution: Execution) -> None:
    """Add the schema's answer, and what went wrong with it, to what is executed."""
    result = execute_sync(supergraph.api, asked, variable_values=variables)
    execution.data |= result.data or {}
    execution.errors += described(result.errors or [], "OPERATION_INVALIDE")
