"""Whatever serves once, or until it is ended, says so: a restoration voids it by that (ADR 028)."""

import pytest

from kit.mongo import Collection
from services.identity.store.preuves_vues import PREUVES_VUES
from services.identity.store.usage_unique import FIN_LE, UTILISE_LE, use
from services.identity.store.work import LAYOUT

PASSAGERES = {
    "tentatives": "it counts, and allows nothing",
    "preuves_vues": "a proof is used by being kept",
    "envois": "a message, dropped by a restoration",
    "deconnexions": "a message to a client: told twice, it is signed out twice",
}
"""What expires and yet neither serves nor is ended."""
RAPPELS = {"cles_d_acces": {"servie_le"}, "facteurs": {"connecte_le"}, "demandes": {"ouverte_le"}}
"""Dates that only remember something."""


@pytest.mark.parametrize("collection", LAYOUT.collections, ids=lambda collection: collection.name)
def test_what_expires_serves_once_or_is_ended_and_its_declaration_says_so(collection: Collection) -> None:
    dated = {name for name, kind in collection.required.items() if kind == ["date", "null"]}
    awaited = {collection.serves_until} - {None}
    assert dated == awaited | RAPPELS.get(collection.name, set())
    assert awaited <= {UTILISE_LE, FIN_LE}
    if "expire_le" in collection.required:
        assert (collection.name in PASSAGERES) is not bool(awaited), "a restoration would not void it"


async def test_nothing_is_used_that_was_not_declared_to_serve_once() -> None:
    with pytest.raises(AssertionError, match="preuves_vues"):
        await use(None, PREUVES_VUES, "", now=None)  # type: ignore[arg-type] # it is refused before


def test_a_declaration_names_a_field_that_is_there() -> None:
    with pytest.raises(ValueError, match="fin_le"):
        Collection(name="x", required={}, serves_until="fin_le", purpose="", readers="", kept="")
