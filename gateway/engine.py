"""The engine: from the text of an operation to its answer, with everything that can be remembered remembered."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    get_variable_values,
    parse,
    validate,
)
from graphql.validation.validate import ValidationAbortedError

from gateway.executor.executor import Execution
from gateway.executor.failures import Data
from gateway.executor.shape import Shaper
from gateway.executor.subgraphs import Subgraphs
from gateway.introspection import answer_of_schema, asked_of_schema
from gateway.limits import Limits, check
from gateway.memory import Memory
from gateway.planner.operation import Operation, condition_variables
from gateway.planner.plan import Plan
from gateway.planner.planner import plan
from gateway.refusals import LimitExceeded, OperationRefused, RepeatsExceeded, VariablesRefused
from gateway.supergraph import Supergraph
from gateway.values import Values, read_values

_MAX_PLANS = 64
"""Of one operation: each condition that a variable decides doubles how many there may be (ADR 007)."""
_MAX_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Ready:
    """An operation with its conditions decided: its plan, the shape of its answer, and what it asks of the schema."""

    plan: Plan
    shaper: Shaper
    of_schema: DocumentNode | None


@dataclass(slots=True)
class Prepared:
    """An operation that was parsed, validated and found within the limits; plans by what its conditions decide."""

    text: str
    name: str | None
    definition: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    conditions: tuple[str, ...]
    values: Values
    plans: dict[tuple[bool, ...], Ready] = field(default_factory=dict)

    @property
    def kind(self) -> OperationType:
        return self.definition.operation

    @property
    def weight(self) -> int:
        """What is remembered of it, in characters of text: a plan takes about what the parsed operation takes."""
        return len(self.text) * (1 + len(self.plans))


@dataclass(slots=True)
class Engine:
    """Answers operations over one supergraph.

    Args:
        remembered: how many characters of operations and of their plans are kept; each takes some 100 bytes.
    """

    supergraph: Supergraph
    subgraphs: Subgraphs
    limits: Limits
    remembered: int = 1_000_000
    _prepared: Memory[tuple[str, str | None], Prepared] = field(init=False)

    def __post_init__(self) -> None:
        self._prepared = Memory(self.remembered)

    def prepare(self, text: str, name: str | None) -> Prepared:
        """Parse, validate and bound an operation, or remember that this was done.

        Raises:
            RequestRefused: it is not GraphQL, not of this schema, or beyond the limits.
        """
        if len(text) > self.limits.characters:
            # Comments are no tokens, and what is remembered is remembered with its text.
            raise LimitExceeded("de caractères", len(text), self.limits.characters)
        prepared = self._prepared.get((text, name))
        if prepared is None:
            prepared = self._prepare(text, name)
            self._keep(prepared)
        return prepared

    def _keep(self, prepared: Prepared) -> None:
        self._prepared.put((prepared.text, prepared.name), prepared, prepared.weight)

    def _prepare(self, text: str, name: str | None) -> Prepared:
        try:
            document = parse(text, max_tokens=self.limits.tokens)
        except GraphQLSyntaxError as error:
            raise OperationRefused([error]) from error
        check(self.limits, document)
        problems = validate(self.supergraph.api, document, max_errors=_MAX_PROBLEMS)
        if problems and isinstance(problems[-1], ValidationAbortedError) and len(problems) <= _MAX_PROBLEMS:
            raise RepeatsExceeded
        if problems:
            raise OperationRefused(problems[:_MAX_PROBLEMS])
        definition = _chosen(document, name)
        fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        return Prepared(
            text,
            name,
            definition,
            fragments,
            condition_variables([definition, *fragments.values()]),
            read_values(self.supergraph.api, definition, fragments),
        )

    async def run(self, prepared: Prepared, variables: Data, headers: Mapping[str, str]) -> Data:
        """The answer to an operation, partial where a subgraph failed.

        `headers` are passed on to every subgraph.

        Raises:
            RequestRefused: the variables are not those of the operation, or ask for too much with it.
        """
        coerced = self._coerce(prepared, variables)
        values = prepared.values.count(coerced)
        if values > self.limits.values:
            raise LimitExceeded("de valeurs, chaque liste comptée pour son `first`", values, self.limits.values)
        ready = self._decide(prepared, coerced)
        # As they came: defaults stand in the text that subgraphs are sent.
        execution = Execution(self.supergraph, self.subgraphs, variables, headers)
        if ready.of_schema is not None:
            answer_of_schema(self.supergraph, ready.of_schema, variables, execution)
        await execution.run(ready.plan)
        data = ready.shaper.shape(execution.data, execution.errors)
        return {"data": data, "errors": execution.errors} if execution.errors else {"data": data}

    def _coerce(self, prepared: Prepared, variables: Data) -> Data:
        """The variables with the types and defaults that the operation declares."""
        definitions = prepared.definition.variable_definitions
        if not definitions:
            return {}
        values = get_variable_values(self.supergraph.api, definitions, variables, max_errors=_MAX_PROBLEMS)
        if isinstance(values, list):
            raise VariablesRefused(values)
        return values.coerced

    def _decide(self, prepared: Prepared, coerced: Data) -> Ready:
        decided = tuple(bool(coerced.get(name)) for name in prepared.conditions)
        held = prepared.plans.get(decided)
        if held is None:
            conditions = dict(zip(prepared.conditions, decided, strict=True))
            operation = Operation(prepared.definition, prepared.fragments, conditions)
            if len(prepared.plans) >= _MAX_PLANS:
                prepared.plans.pop(next(iter(prepared.plans)))
            held = prepared.plans[decided] = Ready(
                plan(self.supergraph, operation),
                Shaper(self.supergraph, operation),
                asked_of_schema(self.supergraph, operation),
            )
            self._keep(prepared)
        return held


def _chosen(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    named = [d for d in operations if name is None or (d.name and d.name.value == name)]
    if len(named) != 1:
        several = "Le document a plusieurs opérations : dites laquelle par `operationName`."
        absent = "Le document n'a pas d'opération de ce nom."
        raise OperationRefused([GraphQLError(several if name is None else absent)])
    if named[0].operation is OperationType.SUBSCRIPTION:
        raise OperationRefused([GraphQLError("Les abonnements ne sont pas servis ici : interrogez à nouveau.")])
    return named[0]
