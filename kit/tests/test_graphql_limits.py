"""What an operation may ask of a subgraph at most, and that no operation, however odd, is taken for a bug of ours."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import strawberry
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from kit.graphql.connections import Connection, connection
from kit.graphql.endpoint import Endpoint, Schema
from kit.graphql.memory import Memory


@strawberry.federation.type(keys=["nom"])
class Ville:
    nom: str

    @strawberry.field
    def voisines(self, first: int = 20) -> "list[Ville]":
        return [Ville(nom=f"{self.nom}{rank}") for rank in range(first)]

    @strawberry.field
    def rues(self, first: int = 20) -> "Connection[Rue]":
        rows = [f"{self.nom} {rank}" for rank in range(first + 1)]
        return connection(rows, first=first, total=500, node=lambda nom: Rue(nom=nom), cursor=str)

    @classmethod
    def resolve_reference(cls, nom: str) -> "Ville":
        return cls(nom=nom)


@strawberry.type
class Rue:
    nom: str

    @strawberry.field
    def ville(self) -> Ville:
        return Ville(nom=self.nom)


@strawberry.type
class Query:
    @strawberry.field
    def ville(self, nom: strawberry.ID) -> Ville:
        return Ville(nom=nom)


async def _nobody(_request: Request) -> dict[str, Any]:
    return {}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=[Route("/graphql", Endpoint(Schema(query=Query), _nobody), methods=["POST"])])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://essai") as opened:
        yield opened


async def ask(client: httpx.AsyncClient, query: str, **variables: Any) -> dict[str, Any]:
    answer = await client.post("/graphql", json={"query": query, "variables": variables})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def nested(first: object, levels: int) -> str:
    """Lists in lists, by turns with and without a connection."""
    inner = "nom"
    for level in range(levels):
        list_ = f"voisines(first: {first}) {{ {inner} }}" if level % 2 else None
        inner = list_ or f"rues(first: {first}) {{ edges {{ node {{ ville {{ {inner} }} }} }} }}"
    return inner


def chain(links: int) -> str:
    """Fragments that each spread the next."""
    spread = " ".join(f"fragment f{i} on Query {{ ...f{i + 1} }}" for i in range(links))
    return f'{spread} fragment f{links} on Query {{ ville(nom: "a") {{ nom }} }}'


ENTITIES = "query($r: [_Any!]!) { _entities(representations: $r) { ... on Ville { %s } } }"
VILLES = [{"__typename": "Ville", "nom": str(rank)} for rank in range(200)]


@pytest.mark.parametrize(
    ("query", "variables", "reason"),
    [
        ('{ ville(nom: "a") { ' + nested(100, 3) + " } }", {}, "limite de valeurs"),
        ('{ ville(nom: "a") { ' + nested(20, 4).replace("(first: 20)", "") + " } }", {}, "limite de valeurs"),
        ('query($n: Int!) { ville(nom: "a") { ' + nested("$n", 3) + " } }", {"n": 100}, "limite de valeurs"),
        ('query($n: Int!) { ville(nom: "a") { ' + nested("$n", 3) + " } }", {"n": 100.0}, "limite de valeurs"),
        ('query($n: Int = 100) { ville(nom: "a") { ' + nested("$n", 3) + " } }", {}, "limite de valeurs"),
        ('{ ville(nom: "a") { ...F } } fragment F on Ville { ' + nested(100, 3) + " }", {}, "limite de valeurs"),
        (ENTITIES % "voisines(first: 100) { nom rues { totalCount } }", {"r": VILLES}, "limite de valeurs"),
        ("{ ...f0 } " + chain(600), {}, "limite d'imbrication"),
        ('{ ville(nom: "a") { nom } } ' + chain(600), {}, "limite d'imbrication"),
        ('{ ville(nom: "a") { ' + "rues { totalCount } " * 300 + "} }", {}, "répète trop souvent"),
        ('{ ville(nom: "a") { ' + "nom " * 990 + "} }", {}, "répète trop souvent"),
        ('{ ville(nom: "a") { ' + "nom " * 1_000 + "} }", {}, "limite de champs"),
    ],
)
async def test_too_much_is_refused_with_its_reason(
    client: httpx.AsyncClient, query: str, variables: dict[str, Any], reason: str
) -> None:
    answer = await ask(client, query, **variables)
    assert answer["data"] is None
    (error,) = answer["errors"]
    assert error["extensions"] == {"code": "LIMITE_DEPASSEE"}
    assert reason in error["message"]


async def test_a_page_of_each_of_many_entities_is_answered(client: httpx.AsyncClient) -> None:
    answer = await ask(client, ENTITIES % "voisines(first: 20) { nom }", r=VILLES[:100])
    assert [len(ville["voisines"]) for ville in answer["data"]["_entities"]] == [20] * 100


async def test_of_several_operations_the_one_that_is_asked_counts(client: httpx.AsyncClient) -> None:
    query = 'query Peu { ville(nom: "a") { nom } } query Trop { ville(nom: "a") { ' + nested(100, 3) + " } }"
    for name, answered in (("Peu", True), ("Trop", False)):
        answer = (await client.post("/graphql", json={"query": query, "operationName": name})).json()
        assert (answer["data"] is not None) is answered


def test_what_is_remembered_weighs_no_more_than_it_may_and_what_was_used_last_stays() -> None:
    memory = Memory[str, str](10)
    memory.put("a", "A", 4)
    memory.put("b", "B", 4)
    assert memory.get("a") == "A"
    memory.put("c", "C", 4)
    assert (memory.get("a"), memory.get("b"), memory.get("c")) == ("A", None, "C")
    memory.put("a", "AA", 6)
    assert (memory.get("a"), memory.get("c"), memory.weight) == ("AA", "C", 10)
    memory.put("immense", "I", 11)
    assert (memory.get("immense"), memory.get("a"), memory.get("c")) == (None, "AA", "C")
    memory.put("a", "grown", 11)
    assert (memory.get("a"), memory.get("c"), memory.weight) == (None, "C", 4)


VALUES = st.sampled_from(
    ['"a"', "7", "9" * 23, "-1", "2", "100", "2147483648", "1.5", "null", "$n", "$x", "[1]", "{a: 1}"]
)
DIRECTIVES = st.sampled_from(["", "", "@skip(if: true)", "@include(if: $b)", "@skip"])
SELECTIONS = st.recursive(
    st.sampled_from(["{ nom }", "{ __typename nom }", "{}", "{ ...F }", "{ ...G }", "{ inconnu }"]),
    lambda inner: st.one_of(
        st.builds("{{ a: voisines(first: {}) {} {} }}".format, VALUES, DIRECTIVES, inner),
        st.builds("{{ rues(first: {}) {{ edges {} {{ node {{ ville {} }} }} }} }}".format, VALUES, DIRECTIVES, inner),
        st.builds("{{ ... {} {} ...G }}".format, DIRECTIVES, inner),
    ),
    max_leaves=6,
)
DOCUMENTS = st.builds(
    "query({}) {{ ville(nom: {}) {} }} fragment F on Ville {} fragment G on {} {}".format,
    st.sampled_from(["$n: Int!", "$n: Int! = 3, $b: Boolean!", "$n: Int, $b: Boolean = true", f"$n: ID = {'9' * 23}"]),
    VALUES,
    SELECTIONS,
    SELECTIONS,
    st.sampled_from(["Ville", "Rue", "_Entity", "Inconnu"]),
    SELECTIONS,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(DOCUMENTS, st.dictionaries(st.sampled_from(["n", "b"]), st.sampled_from([2, 5.0, 1e30, True, "é", None, [1]])))
async def test_any_operation_is_answered_or_refused(
    client: httpx.AsyncClient, query: str, variables: dict[str, Any]
) -> None:
    answer = await ask(client, query, **variables)
    assert answer["data"] is not None or answer["errors"]
    codes = [error.get("extensions", {}).get("code") for error in answer.get("errors", ())]
    assert "ERREUR_INTERNE" not in codes, answer
