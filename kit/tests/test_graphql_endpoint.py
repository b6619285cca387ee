"""The GraphQL endpoint: what it refuses, and how little it says."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import strawberry
from pymongo.errors import ServerSelectionTimeoutError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.routing import Route

from kit.app.limits import BodyLimit
from kit.errors import Forbidden, NotFound, Refusal, Unauthenticated
from kit.graphql.endpoint import Endpoint, Schema
from kit.graphql.refusals import Refus, refusals

CANARY = "Zéphyrine-Canari"


@strawberry.type
class Noeud:
    nom: str

    @strawberry.field
    def suivant(self) -> "Noeud":
        return Noeud(nom=self.nom)


@strawberry.type
class Query:
    @strawberry.field
    def noeud(self) -> Noeud:
        return Noeud(nom="un")

    @strawberry.field
    def echo(self, texte: str) -> str:
        return texte

    @strawberry.field
    def panne(self) -> str | None:
        raise ValueError(CANARY)

    @strawberry.field
    def interdit(self) -> str | None:
        raise Forbidden

    @strawberry.field
    def absent(self) -> str | None:
        raise NotFound("Rien de ce nom.")

    @strawberry.field
    def loin(self) -> str | None:
        raise ServerSelectionTimeoutError(CANARY)

    @strawberry.field
    def refuse(self) -> list[Refus]:
        with refusals() as refus:
            raise Refusal("La date est passée.", champ="date")
        return refus


async def context(request: Request) -> dict[str, Any]:
    if request.headers.get("authorization") == "Bearer faux":
        raise Unauthenticated
    return {}


SCHEMA = Schema(query=Query)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(
        routes=[Route("/graphql", Endpoint(SCHEMA, context), methods=["POST"])],
        middleware=[Middleware(BodyLimit, limit=100_000)],
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://essai") as opened:
        yield opened


async def ask(client: httpx.AsyncClient, query: str, **variables: Any) -> dict[str, Any]:
    answer = await client.post("/graphql", json={"query": query, "variables": variables})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def code(answer: dict[str, Any]) -> str | None:
    found: str | None = answer["errors"][0].get("extensions", {}).get("code")
    return found


async def test_a_query_is_answered(client: httpx.AsyncClient) -> None:
    assert await ask(client, "query($t: String!) { echo(texte: $t) }", t="oui") == {"data": {"echo": "oui"}}


def doubling(levels: int, last: str) -> str:
    """Fragments that each spread the next one twice: a short text, that opened whole has no end."""
    spread = "".join(f" fragment f{i} on Query {{ ...f{i + 1} ...f{i + 1} }}" for i in range(levels))
    return f"{spread} fragment f{levels} on Query {{ {last} }}"


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("{ noeud { nom ", "Syntax Error"),
        ("{ inconnu }", "Cannot query field 'inconnu'"),
        ("{ noeud " + "{ suivant " * 20 + "{ nom }" + "}" * 20 + "}", "limite de profondeur"),
        ("{" + " ".join(f"a{i}: noeud {{ nom }}" for i in range(40)) + "}", "limite d'alias"),
        ("{" + " noeud { nom }" * 2_000 + "}", "Syntax Error: Document contains more"),
        ("{ ...f0 }" + doubling(90, "__typename"), "limite de champs, fragments ouverts"),
        ("{ ...f0 }" + doubling(5, "a: noeud { nom }"), "limite d'alias"),
        ("{ ...f0 } fragment f0 on Query { ...f0 ...f0 }", "within itself"),
        ("query($t: String!) { echo(texte: $t) }", "'$t'"),
    ],
)
async def test_a_wrong_or_excessive_operation_is_refused_with_its_reason(
    client: httpx.AsyncClient, query: str, text: str
) -> None:
    answer = (await client.post("/graphql", json={"query": query})).json()
    assert answer.get("data") is None
    assert any(text in error["message"] for error in answer["errors"]), answer


async def test_a_document_is_short_whatever_it_holds(client: httpx.AsyncClient) -> None:
    """Comments are no tokens, and what is remembered of a document holds them."""
    answer = await client.post("/graphql", json={"query": "{ __typename }" + "#" * 50_000})
    assert answer.status_code == 413
    assert code(answer.json()) == "LIMITE_DEPASSEE"


async def test_a_bug_is_masked_and_says_nothing_of_what_was_typed(
    client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = await ask(client, "{ panne }")
    assert answer["errors"][0]["message"] == "Erreur interne."
    assert code(answer) == "ERREUR_INTERNE"
    assert CANARY not in str(answer)
    output = capsys.readouterr()
    assert "graphql_failed" in output.out
    assert "ValueError" in output.out
    assert CANARY not in output.out + output.err


@pytest.mark.parametrize(
    ("field", "expected"), [("interdit", "NON_AUTORISE"), ("absent", "INTROUVABLE"), ("loin", "INDISPONIBLE")]
)
async def test_public_errors_keep_their_code_and_message(client: httpx.AsyncClient, field: str, expected: str) -> None:
    answer = await ask(client, f"{{ {field} }}")
    assert code(answer) == expected
    assert answer["errors"][0]["path"] == [field]
    assert CANARY not in str(answer)


async def test_a_refusal_is_data_with_its_code_message_and_field(client: httpx.AsyncClient) -> None:
    answer = await ask(client, "{ refuse { code message champ } }")
    assert answer["data"]["refuse"] == [{"code": "REFUSE", "message": "La date est passée.", "champ": "date"}]


async def test_a_caller_that_is_not_believed_gets_401(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/graphql", json={"query": "{ noeud { nom } }"}, headers={"authorization": "Bearer faux"}
    )
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert code(answer.json()) == "NON_AUTHENTIFIE"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain", b'{"query": "{ noeud { nom } }"}'),
        ("application/x-www-form-urlencoded", b"query=%7Bnoeud%7Bnom%7D%7D"),
        ("multipart/form-data; boundary=x", b"--x--"),
        ("application/json", b"{"),
        ("application/json", b'[{"query": "{ noeud { nom } }"}]'),
        ("application/json", b'{"query": 7}'),
    ],
)
async def test_anything_but_one_operation_in_json_is_refused(
    client: httpx.AsyncClient, content_type: str, body: bytes
) -> None:
    answer = await client.post("/graphql", content=body, headers={"content-type": content_type})
    assert 400 <= answer.status_code < 500, answer.text


async def test_get_is_refused_since_it_would_put_arguments_in_urls(client: httpx.AsyncClient) -> None:
    assert (await client.get("/graphql", params={"query": "{ noeud { nom } }"})).status_code == 405


async def test_a_body_over_the_limit_is_refused_announced_or_not(client: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield b"x" * 1_000

    headers = {"content-type": "application/json"}
    assert (await client.post("/graphql", content=b"x" * 200_000, headers=headers)).status_code == 413
    assert (await client.post("/graphql", content=chunks(), headers=headers)).status_code == 413


async def test_a_repeated_operation_is_neither_parsed_nor_validated_again(
    client: httpx.AsyncClient,
) -> None:
    query = "query Deux { noeud { nom suivant { nom } } }"
    await ask(client, query)
    taken = SCHEMA.operations.kept.get(query)
    assert taken is not None
    await ask(client, query)
    assert SCHEMA.operations.kept.get(query) is taken
