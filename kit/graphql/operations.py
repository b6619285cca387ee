"""Operations as a subgraph takes them: parsed, bounded and validated once, then remembered by their text."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from graphql import DocumentNode, FragmentDefinitionNode, GraphQLError, GraphQLSchema, OperationDefinitionNode, parse
from graphql.validation import ASTValidationRule
from graphql.validation.validate import ValidationAbortedError
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import validate_document

from kit.graphql.limits import MAX_TOKENS, MAX_VALUES, LimitExceeded, check, require
from kit.graphql.memory import Memory
from kit.graphql.values import Values, read_values

_REMEMBERED = 500_000
"""Characters of operations that are kept; each takes some 100 bytes."""
_MAX_PROBLEMS = 100
"""After which graphql-core stops by itself, and says so."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A document within the limits, what is wrong with it, and the values of each of its operations by name."""

    document: DocumentNode
    problems: list[GraphQLError]
    values: Mapping[str | None, Values]


@dataclass(slots=True)
class Operations:
    """The operations of one schema."""

    kept: Memory[str, Taken] = field(default_factory=lambda: Memory(_REMEMBERED))

    def take(self, schema: GraphQLSchema, rules: tuple[type[ASTValidationRule], ...], text: str) -> Taken:
        """Parse, bound and validate, or remember that this was done.

        Raises:
            GraphQLSyntaxError: it is not GraphQL.
            LimitExceeded: it asks more than it may.
        """
        taken = self.kept.get(text)
        if taken is None:
            taken = _take(schema, rules, text)
            self.kept.put(text, taken, len(text))
        return taken


def _take(schema: GraphQLSchema, rules: tuple[type[ASTValidationRule], ...], text: str) -> Taken:
    document = parse(text, max_tokens=MAX_TOKENS)
    check(document)
    problems = validate_document(schema, document, rules)
    if problems and isinstance(problems[-1], ValidationAbortedError) and len(problems) <= _MAX_PROBLEMS:
        raise LimitExceeded("L'opération répète trop souvent les mêmes champs : demandez chacun une fois.")
    operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)] if not problems else []
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    values = {d.name.value if d.name else None: read_values(schema, d, fragments) for d in operations}
    return Taken(document, problems, values)


class TakeOperations(SchemaExtension):
    """Gives Strawberry what was taken of an operation, and refuses one whose variables ask for too much."""

    def __init__(self, operations: Operations) -> None:
        super().__init__()
        self._operations = operations
        self._taken: Taken | None = None

    def on_parse(self) -> Iterator[None]:
        context = self.execution_context
        if context.query:
            rules = tuple(context.validation_rules)
            self._taken = self._operations.take(context.schema._schema, rules, context.query)  # noqa: SLF001
            context.graphql_document = self._taken.document
        yield

    def on_validate(self) -> Iterator[None]:
        context, taken = self.execution_context, self._taken
        if taken is not None:
            context.pre_execution_errors = taken.problems
            values = taken.values.get(context.operation_name)
            if values is not None:
                found = values.count(context.variables or {})
                require("de valeurs, chaque liste comptée pour son `first`", found, MAX_VALUES)
        yield
