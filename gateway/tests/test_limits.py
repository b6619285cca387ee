"""What an operation may ask at most, however it is written."""

from typing import Any

import pytest

from gateway.engine import Engine
from gateway.refusals import RequestRefused
from gateway.tests.boutique import Boutique


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
        ("{ ...F } fragment F on Query { " + " ".join(f"a{i}: depots" for i in range(30)) + " }", {}, "à la racine"),
        ("{ ... { " + " ".join(f"a{i}: depots" for i in range(30)) + " } }", {}, "à la racine"),
        ("{ ...F } fragment F on Query { " + nested(1, 8) + " }", {}, "de profondeur"),
        ("{ ...f0 } " + chain(600), {}, "d'imbrication"),
        ("{ ...f0 } " + chain(120), {}, "d'imbrication"),
        ("{ depots } " + chain(600), {}, "d'imbrication"),
        (" ".join(reversed(f"{chain(600)} query {{ ...f0 }}".replace("} ", "}\n").split("\n"))), {}, "d'imbrication"),
        ("{ " + "... { " * 150 + "depots" + " }" * 151, {}, "d'imbrication"),
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


async def test_fragments_in_fragments_are_answered_up_to_the_limit(engine: Engine) -> None:
    answer = await engine.run(engine.prepare("{ ...f0 } " + chain(97), None), {}, {})
    assert answer == {"data": {"depots": ["nord", "sud"]}}
