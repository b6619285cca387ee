"""Requests that are refused before anything is asked of a subgraph, and what the client is told."""

from collections.abc import Iterable
from typing import Any

from graphql import GraphQLError

type Error = dict[str, Any]


class RequestRefused(Exception):
    """The request cannot be answered.

    Args:
        errors: GraphQL errors, for the client.
        status: of the HTTP answer, where the media type lets it say more than 200.
    """

    def __init__(self, errors: list[Error], *, status: int = 400) -> None:
        super().__init__(status)
        self.errors = errors
        self.status = status


class OperationRefused(RequestRefused):
    """The document is not GraphQL, or not of this schema."""

    def __init__(self, errors: Iterable[GraphQLError]) -> None:
        super().__init__(described(errors, "OPERATION_INVALIDE"))


class VariablesRefused(RequestRefused):
    """The variables are not those that the operation declares."""

    def __init__(self, errors: Iterable[GraphQLError]) -> None:
        super().__init__(described(errors, "VARIABLES_INVALIDES"))


class LimitExceeded(RequestRefused):
    """The operation asks more than is allowed."""

    def __init__(self, what: str, found: int, allowed: int) -> None:
        message = f"L'opération dépasse la limite {what} : {found} pour {allowed} au plus. Demandez-en moins à la fois."
        super().__init__([error(message, "LIMITE_DEPASSEE")])


class RepeatsExceeded(RequestRefused):
    """The operation asks the same fields of the same object so often that to compare them would take too long."""

    def __init__(self) -> None:
        message = "L'opération répète trop souvent les mêmes champs : demandez chacun une fois."
        super().__init__([error(message, "LIMITE_DEPASSEE")])


def error(message: str, code: str) -> Error:
    """A GraphQL error of the gateway's own."""
    return {"message": message, "extensions": {"code": code}}


def described(errors: Iterable[GraphQLError], code: str) -> list[Error]:
    """Errors of graphql-core's, with the code they have here."""
    return [{**one.formatted, "extensions": {"code": code}} for one in errors]
