"""Plans over the shop, worked out by hand."""

import re
from pathlib import Path

import pytest
from graphql import FragmentDefinitionNode, OperationDefinitionNode, parse, print_schema

from gateway.planner.operation import Operation
from gateway.planner.plan import EACH, Input, OfType, Plan
from gateway.planner.planner import plan
from gateway.supergraph import Supergraph, SupergraphRefused, read_supergraph
from gateway.tests.boutique import SCHEMAS

HERE = Path(__file__).parent


def planned(supergraph: Supergraph, text: str, **conditions: bool) -> Plan:
    document = parse(text)
    (definition,) = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    return plan(supergraph, Operation(definition, fragments, conditions))


def shown(made: Plan) -> list[list[tuple[str, tuple[int, ...]]]]:
    """Each stage as (subgraph, what it waits for)."""
    return [[(fetch.subgraph, fetch.after) for fetch in stage] for stage in made.stages]


def test_the_subgraphs_of_the_fixture_are_those_that_are_served() -> None:
    for name, schema in SCHEMAS.items():
        assert (HERE / f"subgraphs/{name}.graphql").read_text(encoding="utf-8") == schema.as_str() + "\n"


def test_fields_of_one_subgraph_are_one_request(supergraph: Supergraph) -> None:
    made = planned(supergraph, "{ produits { nom poids } }")
    (fetch,) = made.stages[0]
    assert (fetch.subgraph, fetch.operation) == ("catalogue", "query { produits { nom poids } }")


def test_an_entity_is_asked_elsewhere_by_its_key_after_it_is_known(supergraph: Supergraph) -> None:
    made = planned(supergraph, "{ produits { nom reste } }")
    catalogue, stock = made.stages[0]
    assert catalogue.operation == "query { produits { nom id __typename } }"
    assert stock.operation == (
        "query($representations: [_Any!]!) { _entities(representations: $representations) "
        "{ ... on Produit { reste } } }"
    )
    assert stock.path == ("produits", EACH)
    assert stock.inputs == (Input("id", "id"),)
    assert stock.after == (catalogue.number,)


def test_subgraphs_that_need_nothing_of_each_other_are_asked_together(supergraph: Supergraph) -> None:
    made = planned(supergraph, "{ produits { reste avis { note } } depots }")
    assert sorted(shown(made)[0]) == [("avis", (0,)), ("catalogue", ()), ("stock", ()), ("stock", (0,))]


def test_what_a_field_requires_is_fetched_first_and_given_with_the_key(supergraph: Supergraph) -> None:
    made = planned(supergraph, "{ avis(id: 1) { produit { port } } }")
    assert shown(made) == [[("avis", ()), ("catalogue", (0,)), ("stock", (0, 1))]]
    assert made.stages[0][2].inputs == (Input("id", "id"), Input("poids", "poids"))


def test_a_mutations_fields_are_stages_in_their_order(supergraph: Supergraph) -> None:
    made = planned(supergraph, 'mutation { vide(id: 1) { reste } renomme(id: 1, nom: "x") { nom } }')
    assert shown(made) == [[("stock", ())], [("catalogue", ())]]


def test_members_of_a_union_are_asked_what_is_asked_of_each(supergraph: Supergraph) -> None:
    made = planned(supergraph, '{ cherche(texte: "a") { __typename ... on Produit { reste } ... on Rayon { nom } } }')
    catalogue, stock = made.stages[0]
    assert "... on Produit { __typename id } ... on Rayon { __typename nom }" in catalogue.operation
    assert stock.path == ("cherche", EACH, OfType("Produit"))


def test_a_key_that_the_client_uses_for_something_else_gets_another_name(supergraph: Supergraph) -> None:
    made = planned(supergraph, "{ produits { id: nom reste } }")
    catalogue, stock = made.stages[0]
    assert catalogue.operation == "query { produits { id: nom _g0_id: id __typename } }"
    assert stock.inputs == (Input("_g0_id", "id"),)


def test_what_is_skipped_is_not_asked(supergraph: Supergraph) -> None:
    text = "query($a: Boolean!) { produits { nom reste @include(if: $a) } }"
    assert [f.subgraph for f in planned(supergraph, text, a=False).stages[0]] == ["catalogue"]
    assert [f.subgraph for f in planned(supergraph, text, a=True).stages[0]] == ["catalogue", "stock"]


def test_only_the_variables_a_request_uses_are_declared_in_it(supergraph: Supergraph) -> None:
    text = "query($n: Int = 2, $t: String!) { produits(premiers: $n) { nom } cherche(texte: $t) { __typename } depots }"
    by_graph = {fetch.subgraph: fetch for fetch in planned(supergraph, text).stages[0]}
    assert by_graph["catalogue"].operation.startswith("query($n: Int = 2, $t: String!) {")
    assert by_graph["stock"].operation == "query { depots }"


def test_an_operation_that_asks_nothing_of_subgraphs_has_no_request(supergraph: Supergraph) -> None:
    assert planned(supergraph, "{ __typename __schema { queryType { name } } }").stages == ()


def test_clients_see_neither_the_machinery_nor_what_is_inaccessible() -> None:
    sdl = (HERE / "supergraph.graphql").read_text(encoding="utf-8")
    hidden = re.sub(r"(  poids: Int!)", r"\1 @inaccessible", sdl, count=1)
    api = print_schema(read_supergraph(hidden).api)
    assert "join__" not in api
    assert "link__" not in api
    assert "poids" not in api
    assert "reste: Int!" in api


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda s: s + "}", "not GraphQL"),
        (lambda s: s.replace("enum join__Graph", "enum autre"), "not a composed supergraph"),
        (lambda s: s.replace("graph: STOCK", "graph: INCONNU", 1), "unknown subgraph INCONNU"),
        (
            lambda s: s.replace(
                '@join__type(graph: AVIS, key: "id")', '@join__type(graph: AVIS, key: "id", isInterfaceObject: true)', 1
            ),
            "@interfaceObject is not supported yet",
        ),
    ],
)
def test_a_supergraph_that_cannot_be_served_is_refused_with_its_reason(change: object, reason: str) -> None:
    assert callable(change)
    sdl = (HERE / "supergraph.graphql").read_text(encoding="utf-8")
    changed = change(sdl)
    assert changed != sdl
    with pytest.raises(SupergraphRefused, match=reason):
        read_supergraph(changed)
