"""Whatever operation somebody thinks of is answered or refused with a code: none finds a bug of ours."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.engine import Engine
from gateway.refusals import RequestRefused

SHOP = {
    "Query": {
        "produit": ("id: ID!", "Produit"),
        "produits": ("premiers: Int!", "Produit"),
        "cherche": ("texte: String!", "Trouve"),
        "avis": ("id: ID!", "Avis"),
        "depots": ("", ""),
        "__schema": ("", "__Schema"),
        "__type": ("name: String!", "__Type"),
    },
    "Mutation": {"vide": ("id: ID!", "Produit")},
    "Produit": {
        "id": ("", ""),
        "nom": ("", ""),
        "reste": ("", ""),
        "port": ("", ""),
        "avis": ("first: Int!", "Avis"),
        "moyenne": ("", ""),
    },
    "Avis": {"id": ("", ""), "note": ("", ""), "produit": ("", "Produit")},
    "Rayon": {"nom": ("", ""), "produits": ("", "Produit")},
    "Trouve": {},
    "__Schema": {"queryType": ("", "__Type")},
    "__Type": {"name": ("", ""), "ofType": ("", "__Type")},
}  # fmt: skip
LITERALS = {
    "ID!": ['"p1"', '"p2"', '"é"', "7"],
    "Int!": ["2", "0"],
    "String!": ['"a"', '""'],
    "Boolean!": ["true", "false"],
}
ODD = {
    "ID!": ['"panne"', "9" * 23, "-0", "null", "[1]"],
    "Int!": ["-1", "2147483647", "2147483648", "1.5", "{a: 1}"],
    "String!": ['"""\n  a\n"""', "9", "ROUGE"],
    "Boolean!": ['"oui"', "null"],
}
JSON = st.recursive(
    st.one_of(
        st.sampled_from(["p1", "a", 2, True, None]),
        st.integers(-(2**63), 2**64 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=3),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=1), inner, max_size=1)),
    max_leaves=3,
)


@dataclass
class Drawn:
    """A document that grows: mostly what the shop has, with what is needed for it declared; sometimes not."""

    draw: st.DrawFn
    variables: dict[str, str] = field(default_factory=dict)
    fragments: dict[str, str] = field(default_factory=dict)
    fields: int = 0

    def rarely(self) -> bool:
        return self.draw(st.integers(0, 24)) == 7

    def selections(self, on: str, depth: int) -> str:
        if self.rarely():
            return ""
        parts = [self.selection(on, depth) for _ in range(self.draw(st.sampled_from([1, 2, 3, 1, 2, 0])))]
        return f"{{ {' '.join(parts)} }}"

    def selection(self, on: str, depth: int) -> str:
        kind = self.draw(st.integers(0, 9))
        if kind == 0 and depth:
            inner = self.draw(st.sampled_from(["Produit", "Rayon"])) if on == "Trouve" or self.rarely() else on
            return f"... on {inner} {self.directive()} {self.selections(inner, depth - 1)}"
        if kind == 1 and depth:
            return f"... {self.directive()} {self.selections(on, depth - 1)}"
        if kind == 2 and depth:
            return f"...{self.fragment(on, depth)} {self.directive()}"
        return self.field(on, depth)

    def field(self, on: str, depth: int) -> str:
        known = {name: given for name, given in SHOP[on].items() if depth or not given[1]}
        name = self.draw(st.sampled_from([*known, "__typename"]))
        argument, inner = known.get(name, ("", ""))
        self.fields += 1
        alias = f"{self.draw(st.sampled_from(['nom', '_g0_id', 'id']))}: " if self.rarely() else f"k{self.fields}: "
        if self.draw(st.booleans()) and not argument:
            alias = ""
        if self.rarely():
            name, argument = "inconnu", "x: Int!"
        given_value = f"({argument.partition(':')[0]}: {self.value(argument[-4:].strip(': '))})" if argument else ""
        below = self.selections(inner, depth - 1) if inner else ""
        return f"{alias}{name}{given_value} {self.directive()} {below}"

    def value(self, kind: str) -> str:
        kind = next(known for known in LITERALS if known.endswith(kind))
        literals = st.sampled_from(ODD[kind] if self.rarely() else LITERALS[kind])
        if self.draw(st.booleans()):
            return self.draw(literals)
        name = self.draw(st.sampled_from([f"{kind[0].lower()}{number}" for number in range(2)]))
        default = f" = {self.draw(literals)}" if self.draw(st.booleans()) else ""
        self.variables.setdefault(name, f"${name}: {kind}{default}")
        return f"${name}"

    def directive(self) -> str:
        kind = self.draw(st.integers(0, 9))
        return f"@{'skip' if kind else 'include'}(if: {self.value('Boolean!')})" if kind < 2 else ""

    def fragment(self, on: str, depth: int) -> str:
        name = self.draw(st.sampled_from([f"{on}F", f"{on}G"]))
        if name not in self.fragments:
            self.fragments[name] = ""
            self.fragments[name] = f"fragment {name} on {on} {self.selections(on, depth - 1)}"
        return name


@st.composite
def documents(draw: st.DrawFn) -> str:
    made = Drawn(draw)
    kind = "subscription" if made.rarely() else draw(st.sampled_from(["query", "query", "mutation"]))
    body = made.selections("Mutation" if kind == "mutation" else "Query", 5)
    declared = f"({', '.join(made.variables.values())})" if made.variables else ""
    return " ".join([f"{kind} {declared} {body}", *made.fragments.values()])


async def answered(engine: Engine, text: str, variables: dict[str, Any]) -> dict[str, Any]:
    """The answer, or the refusal as the client gets it."""
    try:
        return await engine.run(engine.prepare(text, None), variables, {})
    except RequestRefused as refused:
        return {"errors": refused.errors}


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(documents(), st.dictionaries(st.sampled_from(["i0", "i1", "s0", "s1", "b0", "b1"]), JSON, max_size=3))
async def test_any_operation_is_answered_or_refused_with_a_code(
    engine: Engine, text: str, variables: dict[str, Any]
) -> None:
    answer = await answered(engine, text, variables)
    if "data" not in answer:
        assert answer["errors"]
        assert all(error["extensions"]["code"] for error in answer["errors"])
