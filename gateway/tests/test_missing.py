"""What a client is told of what is missing: an error at the path of each field that a failed fetch would have given."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.engine import Engine
from gateway.executor.failures import Failure, Problems
from gateway.executor.subgraphs import Subgraphs
from gateway.limits import Limits
from gateway.supergraph import Supergraph
from gateway.tests.boutique import free_port, open_boutique, serve

type Answer = Callable[[dict[str, Any]], dict[str, Any]]


@asynccontextmanager
async def over(supergraph: Supergraph, *away: str, **instead: Answer) -> AsyncIterator[Engine]:
    """The gateway over the shop without those that are away, and with other answers for some."""

    def door(answer: Answer) -> Starlette:
        async def graphql(request: Request) -> Response:
            return Response(orjson.dumps(answer(orjson.loads(await request.body()))))

        return Starlette(routes=[Route("/graphql", graphql, methods=["POST"])])

    async with open_boutique(without=frozenset({*away, *instead})) as shop:
        if not instead:
            async with Subgraphs(shop.urls, timeout=2, max_bytes=1_000_000) as subgraphs:
                yield Engine(supergraph, subgraphs, Limits())
            return
        ((name, answer),) = instead.items()
        port = free_port()
        urls = {**shop.urls, name: f"http://127.0.0.1:{port}/graphql"}
        async with serve(door(answer), port), Subgraphs(urls, timeout=2, max_bytes=1_000_000) as subgraphs:
            yield Engine(supergraph, subgraphs, Limits())


async def ask(engine: Engine, text: str) -> dict[str, Any]:
    return await engine.run(engine.prepare(text, None), {}, {})


def told(answer: dict[str, Any]) -> list[tuple[list[Any], str | None, str | None]]:
    """Of each error: its path, its code and the service it names."""
    errors = answer.get("errors", [])
    return [(e.get("path"), e["extensions"].get("code"), e["extensions"].get("service")) for e in errors]


AWAY = "SERVICE_INDISPONIBLE"


async def test_each_root_field_of_a_service_that_is_away_has_its_error(supergraph: Supergraph) -> None:
    async with over(supergraph, "catalogue") as engine:
        answer = await ask(
            engine, '{ table: produit(id: "p1") { nom } autre: produit(id: "p2") { nom } avis(id: "a1") { note } }'
        )
    assert answer["data"] == {"table": None, "autre": None, "avis": {"note": 5}}
    assert told(answer) == [(["table"], AWAY, "catalogue"), (["autre"], AWAY, "catalogue")]
    assert "catalogue" in answer["errors"][0]["message"]


async def test_each_field_of_each_entity_that_is_missing_has_its_error(supergraph: Supergraph) -> None:
    async with over(supergraph, "avis") as engine:
        answer = await ask(engine, "{ produits { nom avis { note } encore: avis(first: 1) { id } } }")
    assert answer["data"]["produits"][2] == {"nom": "Chaise", "avis": None, "encore": None}
    assert told(answer) == [
        (["produits", rank, key], AWAY, "avis") for rank in range(3) for key in ("avis", "encore")
    ]  # fmt: skip


async def test_an_entity_that_stands_in_several_places_is_missing_in_each(supergraph: Supergraph) -> None:
    async with over(supergraph, "avis") as engine:
        text = (
            '{ cherche(texte: "table") { ... on Rayon { produits { avis { id } } } ... on Produit { avis { id } } } }'
        )
        answer = await ask(engine, text)
    assert [path for path, _, _ in told(answer)] == [["cherche", 0, "produits", 0, "avis"], ["cherche", 1, "avis"]]


async def test_what_could_not_be_asked_for_want_of_another_service_is_missing_because_of_that_one(
    supergraph: Supergraph,
) -> None:
    async with over(supergraph, "catalogue") as engine:
        answer = await ask(engine, '{ avis(id: "a1") { note produit { port } } depots }')
    assert answer["data"] == {"avis": None, "depots": ["nord", "sud"]}
    assert told(answer) == [(["avis", "produit", "port"], AWAY, "catalogue")]


async def test_of_what_is_not_shown_it_is_enough_to_know_why(supergraph: Supergraph) -> None:
    async with over(supergraph, "avis") as engine:
        answer = await ask(engine, '{ produit(id: "p1") { nom avis { note } moyenne } }')
    assert answer["data"] == {"produit": None}
    assert told(answer) == [(["produit", "moyenne"], AWAY, "avis")]


async def test_a_refusal_of_the_whole_request_is_told_of_each_field_it_would_have_given(supergraph: Supergraph) -> None:
    refusal = {"errors": [{"message": "Reconnectez-vous.", "extensions": {"code": "NON_AUTHENTIFIE", "trace": "x"}}]}
    async with over(supergraph, avis=lambda _asked: refusal) as engine:
        answer = await ask(engine, '{ produit(id: "p1") { nom avis { note } } avis(id: "a1") { note } }')
    assert answer["data"] == {"produit": {"nom": "Table", "avis": None}, "avis": None}
    assert told(answer) == [(path, "NON_AUTHENTIFIE", "avis") for path in (["produit", "avis"], ["avis"])]
    assert {error["message"] for error in answer["errors"]} == {"Reconnectez-vous."}


async def test_one_entity_that_could_not_be_had_is_told_at_its_fields(supergraph: Supergraph) -> None:
    def second_fails(asked: dict[str, Any]) -> dict[str, Any]:
        given: list[dict[str, Any]] = [{"avis": []} for _ in asked["variables"]["representations"]]
        errors = [
            {"message": "panne", "path": ["_entities", 1], "extensions": {"code": "ERREUR_INTERNE"}},
            {"message": "attention", "path": ["_entities", 2, "avis"]},
            {"message": "partout"},
        ]
        return {"data": {"_entities": [given[0], None, given[2]]}, "errors": errors}

    async with over(supergraph, avis=second_fails) as engine:
        answer = await ask(engine, "{ produits { nom avis { note } } }")
    assert [one["avis"] for one in answer["data"]["produits"]] == [[], None, []]
    assert told(answer) == [
        (["produits", 2, "avis"], None, "avis"),
        (None, None, "avis"),
        (["produits", 1, "avis"], "ERREUR_INTERNE", "avis"),
    ]


@pytest.mark.parametrize(
    "given",
    [
        {"data": None},
        {"data": {"_entities": None}, "errors": [{"message": "panne"}]},
        {"data": {"_entities": []}, "errors": [{"message": "panne", "path": [{"_entities": 0}], "extensions": []}, 7]},
        {"data": 7, "errors": "panne"},
    ],
)
async def test_an_answer_without_data_is_told_of_like_none(supergraph: Supergraph, given: dict[str, Any]) -> None:
    async with over(supergraph, avis=lambda _asked: given) as engine:
        answer = await ask(engine, '{ produit(id: "p1") { nom avis { note } } }')
    assert answer["data"] == {"produit": {"nom": "Table", "avis": None}}
    assert [path for path, _, _ in told(answer)] == [["produit", "avis"]]


async def test_an_entity_that_another_service_does_not_know_is_null_without_error(supergraph: Supergraph) -> None:
    async with over(supergraph, avis=lambda _asked: {"data": {"_entities": [None]}}) as engine:
        answer = await ask(engine, '{ produit(id: "p1") { nom avis { note } } }')
    assert answer == {"data": {"produit": {"nom": "Table", "avis": None}}}


async def test_a_mandatory_value_that_nobody_gave_is_told_whatever_else_went_wrong(supergraph: Supergraph) -> None:
    wrong = {"data": {"a": {"id": "a1", "note": None}, "b": None}, "errors": [{"message": "panne", "path": ["b"]}]}
    async with over(supergraph, avis=lambda _asked: wrong) as engine:
        answer = await ask(engine, '{ a: avis(id: "a1") { id note } b: avis(id: "a2") { id } }')
    assert answer["data"] == {"a": None, "b": None}
    assert told(answer) == [(["b"], None, "avis"), (["a", "note"], "REPONSE_INVALIDE", None)]


def test_of_one_failure_a_hundred_fields_are_told_and_the_others_counted() -> None:
    errors: list[dict[str, Any]] = []
    problems, failure = Problems(errors), Failure({"message": "Absent.", "extensions": {"code": AWAY, "service": "x"}})
    for rank in range(250):
        problems.add_missing(failure, ("liste", rank, "champ"))
    problems.close()
    assert [error["path"] for error in errors[:100]] == [["liste", rank, "champ"] for rank in range(100)]
    (last,) = errors[100:]
    assert last["extensions"] == {"code": AWAY, "service": "x", "autres": 150}
    assert "150" in last["message"]
    assert problems.tells_of(("liste", 249, "champ"))
