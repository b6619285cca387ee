"""The GraphQL endpoint of a subgraph: JSON over POST, bounded, with errors that say nothing they should not."""

import hashlib
from collections.abc import Awaitable, Callable
from json import JSONDecodeError
from typing import Any, override

import orjson
import strawberry
from graphql import GraphQLError
from opentelemetry import trace
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.extensions import SchemaExtension
from strawberry.http import GraphQLHTTPResponse
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext, ExecutionResult

from kit.errors import PUBLIC_ERRORS, Forbidden, Unauthenticated, Unavailable
from kit.graphql.limits import MAX_CHARACTERS
from kit.graphql.operations import Operations, TakeOperations
from kit.logs import get_logger
from kit.mongo.connection import is_away

_log = get_logger(__name__)


class Schema(strawberry.federation.Schema):
    """A subgraph's schema, with the memory and limits every service has."""

    def __init__(self, **parts: Any) -> None:
        self.operations = Operations()
        extensions: list[Callable[[], SchemaExtension]] = [lambda: TakeOperations(self.operations)]
        super().__init__(
            extensions=extensions,
            federation_version="2.9",
            config=StrawberryConfig(auto_camel_case=True),
            **parts,
        )

    @override
    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Log what is a bug, by type and place; the text of an error may quote what a person typed."""
        for error in errors:
            cause = error.original_error
            known = cause is None or isinstance(cause, (GraphQLError, *PUBLIC_ERRORS)) or is_away(cause)
            if not known:
                _log.error("graphql_failed", exc_info=cause)


class _TooLong(Exception):
    """The document has more characters than are read."""


class Endpoint[C](GraphQL[C, None]):
    """Serves `schema`; `context` makes what resolvers see of a request, and may refuse the request.

    Errors carry the code `NON_AUTHENTIFIE` (with status 401), `NON_AUTORISE`, `INDISPONIBLE`, the code of a refusal
    that a resolver let through, or `ERREUR_INTERNE` without any detail.
    """

    def __init__(self, schema: Schema, context: Callable[[Request], Awaitable[C]]) -> None:
        super().__init__(
            schema,
            graphql_ide=None,
            allow_queries_via_get=False,
            multipart_uploads_enabled=False,
            subscription_protocols=(),
        )
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except (Unauthenticated, Unavailable) as error:
            await _refuse(error)(scope, receive, send)
        except _TooLong:
            message = f"L'opération dépasse la limite de caractères : {MAX_CHARACTERS} au plus."
            await _answer(message, "LIMITE_DEPASSEE", status=413)(scope, receive, send)

    @override
    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> C:
        assert isinstance(request, Request), "websockets are not routed here"  # noqa: S101
        return await self._context(request)

    async def execute_operation(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        query = getattr(kwargs.get("request_data"), "query", None)
        if isinstance(query, str):
            if len(query) > MAX_CHARACTERS:
                raise _TooLong
            if (span := trace.get_current_span()).is_recording():
                span.set_attribute("graphql.document.hash", document_hash(query))
        return await super().execute_operation(request, *args, **kwargs)

    @override
    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:
        answer: GraphQLHTTPResponse = {"data": result.data}
        if result.errors:
            answer["errors"] = [public_error(error) for error in result.errors]
        return answer

    @override
    def encode_json(self, data: object) -> bytes:
        return orjson.dumps(data)

    @override
    def decode_json(self, data: str | bytes) -> object:
        try:
            decoded = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise JSONDecodeError("not JSON", "", 0) from error
        if not isinstance(decoded, dict | list):
            # Strawberry would look for a query in it, whatever it is.
            raise JSONDecodeError("not an object", "", 0)
        return decoded


def _refuse(error: Unauthenticated | Unavailable) -> Response:
    if isinstance(error, Unauthenticated):
        response = _answer(error.message, error.code, status=401)
        response.headers["www-authenticate"] = 'Bearer error="invalid_token"'
        return response
    return _answer(error.message, error.code, status=503)


def _answer(message: str, code: str, *, status: int) -> Response:
    content = orjson.dumps({"errors": [{"message": message, "extensions": {"code": code}}]})
    return Response(content, status_code=status, media_type="application/json")


def document_hash(query: str) -> str:
    """What names an operation in traces: its text and its name are the client's, so they stay out."""
    return hashlib.sha256(query.encode()).hexdigest()[:16]


def public_error(error: GraphQLError) -> Any:
    """What may leave the service of an error: our public ones, and graphql's own about the operation."""
    cause = error.original_error
    if cause is None or isinstance(cause, GraphQLError):
        return error.formatted
    if is_away(cause):
        cause = Unavailable()
    shown: dict[str, Any] = {"message": "Erreur interne.", "extensions": {"code": "ERREUR_INTERNE"}}
    if isinstance(cause, PUBLIC_ERRORS):
        more = cause.extensions if isinstance(cause, Forbidden) else {}
        shown = {"message": cause.message, "extensions": {"code": cause.code, **more}}
    if error.locations:
        shown["locations"] = [location.formatted for location in error.locations]
    if error.path:
        shown["path"] = error.path
    return shown
