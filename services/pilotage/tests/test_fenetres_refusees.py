"""A window that makes no sense is refused in French at each door, and changes nothing."""

from typing import Any

import pytest
from click.testing import CliRunner

from kit.mongo import Database
from kit.testing.issuer import Issuer
from kit.testing.serving import Serving
from services.pilotage.__main__ import main
from services.pilotage.tests.calendriers import DEROGER, FIXER, QUERY, RETIRER, VOEUX, Steer, ask
from socle.rubriques import Role
from socle.testing.rights import grant, role

WRONG = {
    "a folder of zones": ({"fuseau": "Europe"}, "« Europe » n'est pas un fuseau horaire connu"),
    "an endless name": ({"fuseau": "a" * 5000}, "n'est pas un fuseau horaire connu"),
    "no such zone": ({"fuseau": "Europe/Lutece"}, "« Europe/Lutece » n'est pas un fuseau horaire connu"),
    "a year without an instant": ({"ouverture": "0001-01-01"}, "entre 2000 et 2099"),
    "a year beyond all": ({"fermeture": "9999-12-31"}, "entre 2000 et 2099"),
    "days out of order": ({"fermeture": "2025-01-14"}, "doivent se suivre dans cet ordre"),
}


@pytest.mark.stack
@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize(("changed", "said"), WRONG.values(), ids=WRONG)
async def test_the_national_team_is_told_what_is_wrong_with_a_window(
    nation: Steer, store: Database, changed: dict[str, str], said: str
) -> None:
    before = await store.calendriers.find_one({"_id": "2025"})
    for mutation in (DEROGER, FIXER):
        payload = await nation(mutation, f=VOEUX | changed)
        (refus,) = payload["refus"]
        assert (payload["calendrier"], refus["code"], refus["champ"]) == (None, "FENETRE_MAL_FORMEE", "fenetre")
        assert said in refus["message"]
    assert await store.calendriers.find_one({"_id": "2025"}) == before


@pytest.mark.stack
@pytest.mark.usefixtures("shipped")
async def test_a_session_an_academie_or_a_window_that_does_not_exist_is_refused_at_its_field(
    nation: Steer, store: Database
) -> None:
    no_session = ("INTROUVABLE", "session", "La session 2031 n'a pas de calendrier : choisissez-en une qui en a un.")
    no_academie = (
        "ACADEMIE_INCONNUE",
        "academie",
        "« Atlantide » n'est pas une académie : donnez son nom, tel que « Créteil ».",
    )
    wishes = "Inscription et formulation des vœux"
    no_window = ("FENETRE_INCONNUE", "code", f"La session 2023 n'a pas de fenêtre « {wishes} ».")
    cases: list[tuple[str, dict[str, Any], tuple[str, str, str]]] = [
        (FIXER, {"s": 2031, "f": VOEUX}, no_session),
        (DEROGER, {"s": 2031, "f": VOEUX}, no_session),
        (RETIRER, {"s": 2031}, no_session),
        (DEROGER, {"a": "Atlantide", "f": VOEUX}, no_academie),
        (RETIRER, {"a": "Atlantide"}, no_academie),
        (DEROGER, {"s": 2023, "f": VOEUX}, no_window),
    ]
    before = await store.calendriers.find({}).sort("_id", 1).to_list(None)
    for mutation, variables, expected in cases:
        payload = await nation(mutation, **variables)
        assert payload["calendrier"] is None
        assert [(r["code"], r["champ"], r["message"]) for r in payload["refus"]] == [expected]
    assert await store.calendriers.find({}).sort("_id", 1).to_list(None) == before


@pytest.mark.stack
@pytest.mark.usefixtures("shipped")
async def test_the_calendar_of_an_academie_that_does_not_exist_is_refused(
    served: Serving, issuer: Issuer, store: Database
) -> None:
    await grant(store, "01CHEF", role(Role.CHEF_ETABLISSEMENT, uai="0779000P"))
    answer = await ask(served, issuer.authorization(sub="01CHEF"), QUERY, a="Atlantide")
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["ACADEMIE_INCONNUE"]
    assert answer["data"] == {"calendrier": None}


@pytest.mark.parametrize(("changed", "said"), WRONG.values(), ids=WRONG)
def test_whoever_has_the_machine_is_told_the_same(changed: dict[str, str], said: str) -> None:
    given = {"ouverture": "2025-01-15"} | changed
    options = [part for name, value in given.items() for part in (f"--{name}", value)]
    result = CliRunner().invoke(main, ["deroger", "2025", "creteil", "INSCRIPTION_VOEUX", *options])
    assert result.exit_code == 2
    assert said in result.stderr
