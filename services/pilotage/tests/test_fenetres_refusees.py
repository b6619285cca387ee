"""A window that makes no sense is refused in French at both doors, and changes nothing."""

import pytest
from click.testing import CliRunner

from kit.mongo import Database
from kit.mongo.migrations import generation
from kit.testing.issuer import Issuer
from kit.testing.serving import Serving
from services.pilotage.__main__ import main
from services.pilotage.store.calendriers import transactor
from services.pilotage.tests.calendriers import DEROGER, VOEUX, ask
from services.pilotage.usecases import load_shipped
from socle.rubriques import Role
from socle.testing.rights import beat, grant, role

WRONG = {
    "a folder of zones": ({"fuseau": "Europe"}, "« Europe » n'est pas un fuseau horaire connu"),
    "an endless name": ({"fuseau": "a" * 5000}, "n'est pas un fuseau horaire connu"),
    "no such zone": ({"fuseau": "Europe/Lutece"}, "« Europe/Lutece » n'est pas un fuseau horaire connu"),
    "a year without an instant": ({"ouverture": "0001-01-01"}, "entre 2000 et 2099"),
    "a year beyond all": ({"fermeture": "9999-12-31"}, "entre 2000 et 2099"),
}


@pytest.mark.stack
@pytest.mark.parametrize(("changed", "said"), WRONG.values(), ids=WRONG)
async def test_the_national_team_is_told_what_is_wrong_with_a_window(
    served: Serving, issuer: Issuer, store: Database, changed: dict[str, str], said: str
) -> None:
    await load_shipped(transactor(store, generation=await generation(store)))
    await grant(store, "01NATION", role(Role.ADMIN_NATIONAL))
    await beat(store)
    before = await store.calendriers.find_one({"_id": "2025"})
    answer = await ask(served, issuer.authorization(sub="01NATION"), DEROGER, f=VOEUX | changed)
    assert "errors" not in answer
    payload = answer["data"]["derogerFenetre"]
    (refus,) = payload["refus"]
    assert (payload["calendrier"], refus["code"], refus["champ"]) == (None, "FENETRE_MAL_FORMEE", "fenetre")
    assert said in refus["message"]
    assert await store.calendriers.find_one({"_id": "2025"}) == before


@pytest.mark.parametrize(("changed", "said"), WRONG.values(), ids=WRONG)
def test_whoever_has_the_machine_is_told_the_same(changed: dict[str, str], said: str) -> None:
    given = {"ouverture": "2025-01-15"} | changed
    options = [part for name, value in given.items() for part in (f"--{name}", value)]
    result = CliRunner().invoke(main, ["deroger", "2025", "creteil", "INSCRIPTION_VOEUX", *options])
    assert result.exit_code == 2
    assert said in result.stderr
