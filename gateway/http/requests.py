"""Reading a GraphQL request and writing its answer, as GraphQL over HTTP has them."""

from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway.refusals import RequestRefused, error

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """One operation, as asked."""

    query: str
    operation_name: str | None
    variables: dict[str, Any]


class Unreadable(RequestRefused):
    """The request is not one GraphQL operation in JSON, of an allowed size."""

    def __init__(self, message: str, code: str, *, status: int) -> None:
        super().__init__([error(message, code)], status=status)


class NotAcceptable(Unreadable):
    """The client takes none of the media types that we answer with."""

    def __init__(self) -> None:
        super().__init__(f"Demandez {GRAPHQL} ou {JSON}.", "TYPE_NON_ACCEPTE", status=406)


async def read(request: Request, *, max_bytes: int) -> GraphQLRequest:
    """The operation a request asks for.

    Raises:
        Unreadable: of another media type, too large, or not of the right form.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != JSON:
        files = " Les fichiers se déposent à l'adresse que donne le service." if "multipart" in media_type else ""
        raise Unreadable(f"Envoyez l'opération en {JSON}.{files}", "TYPE_NON_ACCEPTE", status=415)
    return _parse(await _body(request, max_bytes))


async def _body(request: Request, max_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise Unreadable(
                f"La requête dépasse {max_bytes} octets : envoyez-en moins à la fois.", "TROP_GRAND", status=413
            )
    return bytes(body)


def _parse(body: bytes) -> GraphQLRequest:
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError as wrong:
        raise Unreadable("Le corps de la requête n'est pas du JSON.", "REQUETE_ILLISIBLE", status=400) from wrong
    if not isinstance(asked, dict):
        raise Unreadable("Envoyez une seule opération, dans un objet JSON.", "REQUETE_ILLISIBLE", status=400)
    query, name, variables = asked.get("query"), asked.get("operationName"), asked.get("variables")
    for champ, value, kinds in (
        ("query", query, str),
        ("operationName", name, str | None),
        ("variables", variables, dict | None),
        ("extensions", asked.get("extensions"), dict | None),
    ):
        if not isinstance(value, kinds):
            raise Unreadable(f"`{champ}` n'a pas la forme attendue.", "REQUETE_ILLISIBLE", status=400)
    try:
        orjson.dumps({"variables": variables})
    except TypeError as wrong:
        # It reads deeper than it writes, and what cannot be written cannot be passed on.
        raise Unreadable("`variables` est trop imbriqué.", "REQUETE_ILLISIBLE", status=400) from wrong
    return GraphQLRequest(query, name, variables or {})  # type: ignore[arg-type]


def accepted(request: Request) -> str | None:
    """The media type to answer with, by the client's `Accept`; None when it takes neither of ours."""
    accept = request.headers.get("accept", "*/*")
    wanted = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    if GRAPHQL in wanted:
        return GRAPHQL
    return JSON if {JSON, "application/*", "*/*", ""} & set(wanted) else None


def answer(content: dict[str, Any], media_type: str, *, status: int = 200) -> Response:
    """A GraphQL answer; with the older media type, what was understood is always 200."""
    return Response(orjson.dumps(content), status_code=status, headers={"content-type": f"{media_type}; charset=utf-8"})


def refusal(refused: RequestRefused, media_type: str) -> Response:
    """The answer to a request that is refused.

    An operation that is wrong in itself is 200 under `application/json`, since older clients take any other status for
    a failure of the way; a request that is not one at all, or not allowed, has its status under both.
    """
    operation_is_wrong = refused.status == 400 and not isinstance(refused, Unreadable)
    status = 200 if media_type == JSON and operation_is_wrong else refused.status
    response = answer({"errors": refused.errors}, media_type, status=status)
    if refused.status == 401:
        response.headers["www-authenticate"] = 'Bearer error="invalid_token", DPoP algs="ES256"'
    return response
