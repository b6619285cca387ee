"""A working day of an administrator, through GraphQL: colleagues are invited, named, and let go."""

from typing import Any

import pytest

from kit.http import open_client
from services.identity.tests.conftest import Identity
from services.identity.tests.gestion import new_address, new_uai
from socle.principal import RoleTenu
from socle.rubriques import Role

pytestmark = pytest.mark.stack

_COMPTE = "compte { id etat roles { role etablissement { uai } classes } droits { rubrique niveau jusquAu } }"
INVITER = f"mutation($e: InviterInput!) {{ r: inviter(entree: $e) {{ nouveau {_COMPTE} refus {{ code champ }} }} }}"
RENVOYER = f"mutation($e: ID!) {{ r: renvoyerInvitation(compte: $e) {{ {_COMPTE} refus {{ code champ }} }} }}"
DONNER = f"mutation($e: DonnerRoleInput!) {{ r: donnerRole(entree: $e) {{ {_COMPTE} refus {{ code champ }} }} }}"
RETIRER = f"mutation($e: RetirerRoleInput!) {{ r: retirerRole(entree: $e) {{ {_COMPTE} refus {{ code champ }} }} }}"


async def asked(identity: Identity, access_token: str, operation: str, entree: object) -> Any:
    """What an operation answers; its errors where it has some."""
    async with open_client() as http:
        answer = await http.post(
            f"{identity.url}/graphql",
            json={"query": operation, "variables": {"e": entree}},
            headers={"authorization": f"Bearer {access_token}"},
        )
    body = answer.json()
    return body["data"]["r"] if "errors" not in body else body["errors"][0]["extensions"]["code"]


async def test_an_administrator_invites_names_and_lets_go(identity: Identity) -> None:
    uai = await new_uai(identity)
    administrator = await identity.account(RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai=uai))
    theirs = (await administrator.browser().sign_in()).access_token
    person = {"courriel": new_address(), "nom": "Lacaze", "prenom": "Noa"}
    right = {"rubrique": "SIECLE", "niveau": "ECRITURE"}
    entree = {**person, "role": {"role": "GESTIONNAIRE", "uai": uai}, "droits": [right]}
    invited = await asked(identity, theirs, INVITER, entree)
    assert (invited["nouveau"], invited["refus"], invited["compte"]["etat"]) == (True, [], "INVITE")
    assert invited["compte"]["droits"] == [{**right, "jusquAu": None}]
    colleague = invited["compte"]["id"]
    assert (await asked(identity, theirs, RENVOYER, colleague))["refus"] == []
    suivi = {"role": "PROFESSEUR_PRINCIPAL", "uai": uai, "classes": ["TG03"]}
    named = await asked(identity, theirs, DONNER, {"compte": colleague, "role": suivi})
    assert [role["classes"] for role in named["compte"]["roles"]] == [[], ["TG03"]]
    suivi.pop("classes")
    let_go = await asked(identity, theirs, RETIRER, {"compte": colleague, "role": suivi})
    assert [role["role"] for role in let_go["compte"]["roles"]] == ["GESTIONNAIRE"]
    refused = await asked(identity, theirs, INVITER, {**entree, "nom": "Lacaze\r\nBcc: x"})
    assert refused["refus"] == [{"code": "NOM_REFUSE", "champ": "nom"}]
    head = {"role": "CHEF_ETABLISSEMENT", "uai": uai}
    assert await asked(identity, theirs, DONNER, {"compte": colleague, "role": head}) == "NON_AUTORISE"
    last = {"role": "ADMIN_ETABLISSEMENT", "uai": uai}
    mine = await asked(identity, theirs, RETIRER, {"compte": administrator.compte.id, "role": last})
    assert mine["refus"] == [{"code": "DERNIER_ADMINISTRATEUR", "champ": "compte"}]
