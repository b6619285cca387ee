"""Answers over real subgraphs: joined, partial where one failed, and null where nothing can be said."""

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from gateway.engine import Engine
from gateway.executor.executor import _errors
from gateway.executor.subgraphs import Subgraphs
from gateway.limits import Limits
from gateway.planner.plan import Fetch
from gateway.refusals import RequestRefused
from gateway.supergraph import Supergraph
from gateway.tests.boutique import Boutique, free_port, never, open_boutique, serve


async def ask(engine: Engine, text: str, **variables: Any) -> dict[str, Any]:
    return await engine.run(engine.prepare(text, None), variables, {})


async def test_one_operation_is_answered_from_three_subgraphs(engine: Engine) -> None:
    answer = await ask(engine, "{ produits(premiers: 1) { nom reste port avis { note texte } moyenne } }")
    assert answer == {
        "data": {
            "produits": [
                {
                    "nom": "Table",
                    "reste": 2,
                    "port": 40,
                    "avis": [{"note": 5, "texte": "Solide"}, {"note": 3, "texte": "Lourde"}],
                    "moyenne": 4.0,
                }
            ]
        }
    }


async def test_keys_in_the_answer_come_in_the_order_they_were_asked(engine: Engine) -> None:
    answer = await ask(engine, "{ produits(premiers: 1) { reste nom moyen: moyenne id } }")
    assert list(answer["data"]["produits"][0]) == ["reste", "nom", "moyen", "id"]


async def test_an_entity_that_stands_in_several_places_is_asked_once(engine: Engine, boutique: Boutique) -> None:
    answer = await ask(
        engine, '{ cherche(texte: "a") { ... on Rayon { produits { reste } } ... on Produit { id reste } } }'
    )
    rayon, *produits = answer["data"]["cherche"]
    assert [p["reste"] for p in rayon["produits"]] == [2] * 3
    assert all(p["reste"] == 2 for p in produits)
    assert all(count <= 3 for count in boutique.seen["stock"].representations)


async def test_aliases_fragments_and_conditions_give_what_they_say(engine: Engine) -> None:
    text = """
      query($oui: Boolean!, $non: Boolean!) {
        un: produit(id: "p1") { ...Vue }
        deux: produit(id: "p2") { ...Vue nom @skip(if: $oui) }
      }
      fragment Vue on Produit { id: nom cle: id reste @include(if: $non) port @include(if: $oui) __typename }
    """
    answer = await ask(engine, text, oui=True, non=False)
    assert answer["data"] == {
        "un": {"id": "Table", "cle": "p1", "port": 40, "__typename": "Produit"},
        "deux": {"id": "Lampe", "cle": "p2", "port": 6, "__typename": "Produit"},
    }
    other = await ask(engine, text, oui=False, non=True)
    assert other["data"]["deux"] == {
        "id": "Lampe", "cle": "p2", "reste": 2, "__typename": "Produit", "nom": "Lampe"
    }  # fmt: skip


async def test_mutations_happen_one_after_the_other(engine: Engine, boutique: Boutique) -> None:
    text = (
        'mutation { vide(id: "p1") { reste } renomme(id: "p2", nom: "Lustre") { nom reste } b: vide(id: "p3") { id } }'
    )
    answer = await ask(engine, text)
    assert boutique.journal == ["vide p1", "renomme p2", "vide p3"]
    assert answer["data"]["renomme"] == {"nom": "Lustre", "reste": 2}


async def test_the_schema_answers_for_itself_and_beside_data(engine: Engine, boutique: Boutique) -> None:
    answer = await ask(engine, '{ t: __type(name: "Produit") { kind fields { name } } depots __typename }')
    assert answer["data"]["depots"] == ["nord", "sud"]
    assert answer["data"]["__typename"] == "Query"
    assert {"name": "port"} in answer["data"]["t"]["fields"]
    assert not boutique.seen["catalogue"].operations


async def test_the_schema_answers_in_whatever_fragment_it_is_asked(engine: Engine) -> None:
    text = """
      query($n: String! = "Produit", $oui: Boolean!) {
        ...F
        ... { t: __type(name: $n) { name } }
        __type(name: "Avis") @skip(if: $oui) { name }
      }
      fragment F on Query { __schema { queryType { name } } __schema { mutationType { name } } }
    """
    answer = await ask(engine, text, oui=True)
    assert answer == {
        "data": {
            "__schema": {"queryType": {"name": "Query"}, "mutationType": {"name": "Mutation"}},
            "t": {"name": "Produit"},
        }
    }


async def test_what_goes_wrong_with_the_schema_is_told_at_its_place(engine: Engine) -> None:
    fragment = "fragment F on Query { __schema { types @skip(if: $oui) { name } } }"
    answer = await ask(engine, f"query($oui: Boolean = true) {{ depots ...F }} {fragment}", oui=None)
    assert answer["data"] == {"depots": ["nord", "sud"], "__schema": None}
    (error,) = answer["errors"]
    assert error["path"] == ["__schema"]
    assert error["extensions"] == {"code": "OPERATION_INVALIDE"}


@pytest.mark.parametrize(
    "text",
    [
        "{ produits(premiers: 1) { nom @skip(if: true) } }",
        "{ produits(premiers: 1) { ... @include(if: false) { nom } } }",
        "{ produits(premiers: 1) { } }",
    ],
)
async def test_an_object_of_which_nothing_is_asked_is_there_all_the_same(engine: Engine, text: str) -> None:
    assert await ask(engine, text) == {"data": {"produits": [{}]}}


@pytest.mark.parametrize("literal", ["9" * 23, '"p1"', "-7"])
async def test_a_default_reaches_the_subgraph_as_it_was_written(
    engine: Engine, boutique: Boutique, literal: str
) -> None:
    answer = await ask(engine, f"query($id: ID! = {literal}) {{ produit(id: $id) {{ nom }} }}")
    assert answer == {"data": {"produit": {"nom": "Table"} if literal == '"p1"' else None}}
    assert literal in boutique.seen["catalogue"].operations[0]


async def test_a_subgraphs_error_comes_with_its_place_in_our_answer_and_its_service(engine: Engine) -> None:
    answer = await ask(engine, "{ produits { nom avis { note } moyenne } }")
    # p2 has no review, and its average may not be null: the list, which may not hold null either, goes with it.
    assert answer["data"] is None
    (error,) = answer["errors"]
    assert error["path"] == ["produits", 1, "moyenne"]
    assert error["extensions"]["service"] == "avis"


def test_of_a_subgraphs_error_clients_are_told_what_they_act_on_and_nothing_else() -> None:
    known = {"code": "PREUVE_INSUFFISANTE", "acrValues": "2", "maxAge": 600, "trace": "…"}
    fetch = Fetch(number=0, subgraph="avis", operation="", keys=(), variables=())
    ((error, path),) = list(_errors({"errors": [{"message": "Confirmez.", "extensions": known}]}, fetch))
    assert path == []
    assert error["extensions"] == {"code": "PREUVE_INSUFFISANTE", "acrValues": "2", "maxAge": 600, "service": "avis"}


async def test_a_null_stays_where_there_may_be_one(engine: Engine) -> None:
    answer = await ask(engine, '{ produit(id: "p2") { nom moyenne } absent: produit(id: "rien") { nom reste } }')
    assert answer["data"] == {"produit": None, "absent": None}
    assert [error["path"] for error in answer["errors"]] == [["produit", "moyenne"]]


async def test_the_rest_is_answered_while_a_subgraph_is_away_and_what_is_missing_is_said(
    supergraph: Supergraph,
) -> None:
    async with (
        open_boutique(without=frozenset({"avis"})) as shop,
        Subgraphs(shop.urls, timeout=2, max_bytes=1_000_000) as subgraphs,
    ):
        engine = Engine(supergraph, subgraphs, Limits())
        answer = await ask(engine, '{ produit(id: "p1") { nom reste avis { note } } depots }')
    assert answer["data"] == {"produit": {"nom": "Table", "reste": 2, "avis": None}, "depots": ["nord", "sud"]}
    (error,) = answer["errors"]
    assert error["extensions"] == {"code": "SERVICE_INDISPONIBLE", "service": "avis"}
    assert error["path"] == ["produit", "avis"]
    assert "avis" in error["message"]


async def _garbage(_request: Request) -> Response:
    return PlainTextResponse("<html>bonjour</html>")


async def _huge(_request: Request) -> Response:
    return PlainTextResponse('{"data": "' + "x" * 100_000 + '"}')


async def _list(_request: Request) -> Response:
    return PlainTextResponse("[1]")


@pytest.mark.parametrize("door", [_garbage, _huge, _list, never])
async def test_a_subgraph_that_answers_nonsense_too_much_or_too_late_is_as_if_away(
    supergraph: Supergraph, door: Any
) -> None:
    port = free_port()
    app = Starlette(routes=[Route("/graphql", door, methods=["POST"])])
    async with open_boutique(without=frozenset({"avis"})) as shop, serve(app, port):
        urls = {**shop.urls, "avis": f"http://127.0.0.1:{port}/graphql"}
        async with Subgraphs(urls, timeout=0.5, max_bytes=50_000) as subgraphs:
            answer = await ask(Engine(supergraph, subgraphs, Limits()), '{ produit(id: "p1") { nom avis { note } } }')
    assert answer["data"] == {"produit": {"nom": "Table", "avis": None}}
    assert answer["errors"][0]["extensions"]["code"] == "SERVICE_INDISPONIBLE"


async def test_the_text_sent_to_a_subgraph_is_the_same_each_time(engine: Engine, boutique: Boutique) -> None:
    for _ in range(2):
        await ask(engine, "query Un($n: Int!) { produits(premiers: $n) { reste } }", n=2)
    assert len(set(boutique.seen["stock"].operations)) == 1
    assert len(set(boutique.seen["catalogue"].operations)) == 1


def doubling(levels: int, last: str) -> str:
    """Fragments that each spread the next one twice: a short text, that opened whole has no end."""
    spread = "".join(f" fragment f{i} on Query {{ ...f{i + 1} ...f{i + 1} }}" for i in range(levels))
    return f"{spread} fragment f{levels} on Query {{ {last} }}"


@pytest.mark.parametrize(
    ("text", "variables", "reason"),
    [
        ("{ produits { nom ", {}, "Syntax Error"),
        ("{ inconnu }", {}, "Cannot query field 'inconnu'"),
        ("query($n: Int!) { produits(premiers: $n) { nom } }", {}, "$n"),
        ("query($n: Int!) { produits(premiers: $n) { nom } }", {"n": "deux"}, "$n"),
        ("query A { depots } query B { depots }", {}, "operationName"),
        ("{ avis(id: 1) " + "{ produit { avis " * 10 + "{ note }" + "} }" * 10 + " }", {}, "profondeur"),
        ("{" + " ".join(f"a{i}: depots" for i in range(31)) + "}", {}, "alias"),
        ("{" + " ".join("depots" for _ in range(21)) + "}", {}, "racine"),
        ("{" + " depots" * 6_000 + "}", {}, "tokens"),
        ("{ depots }" + "#" * 50_000, {}, "caractères"),
        ("{ ...f0 }" + doubling(90, "__typename"), {}, "fragments ouverts"),
        ("{ ...f0 }" + doubling(5, "a: depots"), {}, "alias"),
        ("{ depots ...f0 } fragment f0 on Query { ...f0 ...f0 }", {}, "within itself"),
        ("{ depots ...f0 }", {}, "Unknown fragment"),
    ],
)
async def test_a_wrong_or_excessive_operation_is_refused_and_asks_nothing(
    engine: Engine, boutique: Boutique, text: str, variables: dict[str, Any], reason: str
) -> None:
    with pytest.raises(RequestRefused) as refused:
        await ask(engine, text, **variables)
    assert any(reason in error["message"] for error in refused.value.errors), refused.value.errors
    assert not any(seen.operations for seen in boutique.seen.values())


async def test_only_so_many_plans_of_an_operation_are_remembered(engine: Engine) -> None:
    names = [f"v{n}" for n in range(7)]
    declared = ", ".join(f"${name}: Boolean!" for name in names)
    asked = " ".join(f"a{name}: depots @include(if: ${name})" for name in names)
    text = f"query Q({declared}) {{ depots {asked} }}"
    for chosen in range(2 ** len(names)):
        await ask(engine, text, **{name: bool(chosen >> n & 1) for n, name in enumerate(names)})
    assert len(engine.prepare(text, None).plans) == 64


async def test_only_so_many_operations_are_remembered(supergraph: Supergraph, engine: Engine) -> None:
    small = Engine(supergraph, engine.subgraphs, Limits(), remembered=60)
    first = small.prepare("{ depots }", None)
    assert small.prepare("{ depots }", None) is first
    for number in range(5):
        small.prepare(f"{{ a{number}: depots }}", None)
    assert small.prepare("{ depots }", None) is not first
