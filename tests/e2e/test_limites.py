"""The operations that we publish pass every limit of the gateway, with room for those that frontends will make."""

import json
import re

import pytest
from graphql import FragmentDefinitionNode, OperationDefinitionNode, parse, validate

from gateway.limits import Limits, check
from gateway.supergraph import read_supergraph
from gateway.values import read_values
from infra.local.processes import ROOT
from tests.bench.operation import OPERATION as OF_THE_BENCH
from tests.e2e.affichage import OPERATION as OF_THE_RECOUNT

SUPERGRAPH = read_supergraph((ROOT / "graphe/supergraph.graphql").read_text(encoding="utf-8"))
HALF = Limits(characters=25_000, tokens=2_500, depth=12, aliases=15, fields=500, root_fields=10, values=10_000)


def of_the_readme() -> list[str]:
    """Each operation of the tour, as the shell sends it, with something for what it puts in."""
    readme = re.sub(r"""'"\$\w+"'""", "x", (ROOT / "README.md").read_text(encoding="utf-8"))
    return [json.loads(query) for query in re.findall(r"""'\{"query": ("(?:[^"\\]|\\.)*")""", readme)]


@pytest.mark.parametrize("text", [OF_THE_BENCH, OF_THE_RECOUNT, *of_the_readme()])
def test_a_published_operation_asks_less_than_half_of_what_it_may(text: str) -> None:
    document = parse(text, max_tokens=HALF.tokens)
    check(HALF, document)
    assert not validate(SUPERGRAPH.api, document)
    (definition,) = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    values = read_values(SUPERGRAPH.api, definition, fragments).count({})
    assert 0 < values <= HALF.values


def test_the_tour_has_its_operations() -> None:
    assert len(of_the_readme()) == (ROOT / "README.md").read_text(encoding="utf-8").count('{"query": ')
