"""What an operation may ask at most, however it is written: lists, fragments, repeats; and what is kept of it."""

from typing import Any

import pytest
from graphql import FragmentDefinitionNode, OperationDefinitionNode, build_schema, parse, validate

from gateway.engine import Engine, Prepared
from gateway.limits import Limits
from gateway.memory import Memory
from gateway.refusals import RequestRefused
from gateway.supergraph import Supergraph
from gateway.tests.boutique import Boutique
from gateway.values import read_values

ECOLES = build_schema("""
  type Query { ecole(id: ID!): Ecole, ecoles(first: Int): [Ecole!]!, grille: [[Ecole]] }
  type Ecole { nom: String, noms: [String], eleves(first: Int! = 20): Eleves!, classes: [Classe!]! }
  type Eleves { total: Int, page: Page, edges: [Eleve!]! }
  type Page { suite: Boolean }
  type Eleve { nom: String, ecole: Ecole }
  type Classe { nom: String }
""")


def counted(text: str, **variables: Any) -> int:
    document = parse(text)
    assert not validate(ECOLES, document)
    (definition,) = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    return read_values(ECOLES, definition, fragments).count(variables)


@pytest.mark.parametrize(
    ("text", "variables", "values"),
    [
        ("{ ecole(id: 1) { nom noms } }", {}, 3),
        ("{ ecoles(first: 5) { nom } }", {}, 5 * 2),
        ("{ ecoles { nom } }", {}, 10 * 2),
        ("{ ecoles(first: null) { nom } }", {}, 10 * 2),
        ("{ ecoles(first: -5) { nom } }", {}, 0),
        ("{ grille { nom } }", {}, 10 * 10 * 2),
        ("{ ecole(id: 1) { classes { nom } } }", {}, 1 + 10 * 2),
        ("{ ecole(id: 1) { eleves { total page { suite } edges { nom } } } }", {}, 1 + 1 + 1 + 2 + 20 * 2),
        ("{ ecole(id: 1) { eleves(first: 3) { edges { ecole { classes { nom } } } } } }", {}, 2 + 3 * (2 + 10 * 2)),
        (
            "{ ecole(id: 1) { eleves(first: 3) { ...P } } } fragment P on Eleves { ... { edges { nom } } }",
            {},
            2 + 3 * 2,
        ),
        ("query($n: Int!) { ecole(id: 1) { eleves(first: $n) { edges { nom } } } }", {"n": 7}, 2 + 7 * 2),
        ("query($n: Int) { ecoles(first: $n) { nom } }", {"n": None}, 10 * 2),
        ("{ __schema { types { fields { type { name } } } } }", {}, 1),
    ],
)
def test_a_list_counts_for_the_elements_that_are_asked_of_it(text: str, variables: dict[str, Any], values: int) -> None:
    assert counted(text, **variables) == values


def chain(links: int, last: str = "depots") -> str:
    """Fragments that each spread the next."""
    spread = " ".join(f"fragment f{i} on Query {{ ...f{i + 1} }}" for i in range(links))
    return f"{spread} fragment f{links} on Query {{ {last} }}"


def nested(first: object, levels: int) -> str:
    inner = "id"
    for _ in range(levels):
        inner = f"avis(first: {first}) {{ produit {{ {inner} }} }}"
    return f'produit(id: "p1") {{ {inner} }}'


@pytest.mark.parametrize(
    ("text", "variables", "reason"),
    [
        ("{ " + nested(100, 3) + " }", {}, "de valeurs"),
        ("{ " + nested(10, 5) + " }", {}, "de valeurs"),
        ("query($n: Int!) { " + nested("$n", 3) + " }", {"n": 100}, "de valeurs"),
        ("query($n: Int! = 100) { " + nested("$n", 3) + " }", {}, "de valeurs"),
        ("{ ...F } fragment F on Query { " + nested(100, 3) + " }", {}, "de valeurs"),
        ("{ ...F } fragment F on Query { " + " ".join(f"a{i}: depots" for i in range(30)) + " }", {}, "à la racine"),
        ("{ ... { " + " ".join(f"a{i}: depots" for i in range(30)) + " } }", {}, "à la racine"),
        ("{ ...F } fragment F on Query { " + nested(1, 8) + " }", {}, "de profondeur"),
        ("{ ...f0 } " + chain(600), {}, "d'imbrication"),
        ("{ ...f0 } " + chain(120), {}, "d'imbrication"),
        ("{ depots } " + chain(600), {}, "d'imbrication"),
        (" ".join(reversed(f"{chain(600)} query {{ ...f0 }}".replace("} ", "}\n").split("\n"))), {}, "d'imbrication"),
        ("{ " + "... { " * 150 + "depots" + " }" * 151, {}, "d'imbrication"),
        ('{ produit(id: "p1") { ' + "avis { id } " * 490 + "} }", {}, "répète"),
        ('{ produit(id: "p1") { ' + "id " * 990 + "} }", {}, "répète"),
    ],
)  # fmt: skip
async def test_too_much_is_refused_with_its_reason_and_asks_nothing(
    engine: Engine, boutique: Boutique, text: str, variables: dict[str, Any], reason: str
) -> None:
    with pytest.raises(RequestRefused) as refused:
        await engine.run(engine.prepare(text, None), variables, {})
    (error,) = refused.value.errors
    assert error["extensions"] == {"code": "LIMITE_DEPASSEE"}
    assert reason in error["message"]
    assert not any(seen.operations for seen in boutique.seen.values())


async def test_the_same_operation_is_answered_or_refused_by_the_values_of_its_variables(engine: Engine) -> None:
    prepared = engine.prepare("query($n: Int!) { " + nested("$n", 3) + " }", None)
    assert "errors" not in await engine.run(prepared, {"n": 2}, {})
    with pytest.raises(RequestRefused):
        await engine.run(prepared, {"n": 100}, {})
    assert "errors" not in await engine.run(prepared, {"n": 2}, {})


async def test_fragments_in_fragments_are_answered_up_to_the_limit(engine: Engine) -> None:
    answer = await engine.run(engine.prepare("{ ...f0 } " + chain(97), None), {}, {})
    assert answer == {"data": {"depots": ["nord", "sud"]}}


async def test_a_page_may_be_composed_of_many_fragments_that_ask_the_same_fields(engine: Engine) -> None:
    names = [f"F{number}" for number in range(50)]
    fragments = " ".join(f"fragment {name} on Produit {{ id nom avis {{ id note }} }}" for name in names)
    spreads = " ".join(f"...{name}" for name in names)
    answer = await engine.run(engine.prepare(f'{{ produit(id: "p2") {{ {spreads} }} }} {fragments}', None), {}, {})
    assert answer == {"data": {"produit": {"id": "p2", "nom": "Lampe", "avis": []}}}


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


async def test_operations_are_remembered_by_their_size_and_their_plans(supergraph: Supergraph, engine: Engine) -> None:
    small = Engine(supergraph, engine.subgraphs, Limits(), remembered=10_000)

    async def ask(text: str, **variables: bool) -> Prepared:
        prepared = small.prepare(text, None)
        await small.run(prepared, variables, {})
        return prepared

    short = await ask("{ depots }")
    assert await ask("{ depots }") is short
    long = await ask("{ depots }" + "#" * 4_900)
    assert await ask("{ depots }" + "#" * 4_900) is long
    assert await ask("{ depots }") is short
    await ask("{ depots }" + "#" * 4_950)
    assert await ask("{ depots }") is short
    assert await ask("{ depots }" + "#" * 4_900) is not long, "the other took its place"
    too_long = await ask("{ depots }" + "#" * 5_100)
    assert await ask("{ depots }" + "#" * 5_100) is not too_long, "with its plan, it takes more than there is"

    conditional = (
        "query($a: Boolean!, $b: Boolean!) { depots a: depots @skip(if: $a) b: depots @skip(if: $b) }" + "#" * 2_400
    )
    first = await ask(conditional, a=False, b=False)
    for a, b in ((True, False), (False, True), (False, False)):
        assert await ask(conditional, a=a, b=b) is first
    await ask(conditional, a=True, b=True)
    assert await ask(conditional, a=True, b=True) is not first, "its four plans take more than there is"
