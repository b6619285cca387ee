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
PROFIL = f"mutation($e: DonnerProfilInput!) {{ r: donnerProfil(entree: $e) {{ {_COMPTE} refus {{ code champ }} }} }}"
COPIER = f"""mutation($e: CopierDroitsInput!) {{
  r: copierDroits(entree: $e) {{ {_COMPTE} nonCopies {{ motif droit {{ rubrique }} }} refus {{ code champ }} }} }}"""
MATRICE = """query($e: ID!) { r: matriceDroits(uai: $e, first: 10) { totalCount edges { node {
  compte { id etat } cases { rubrique niveau parRole jusquAu formations { formation { id } niveau } } } } } }"""
SUPPRIMER = "mutation($e: ID!) { r: supprimerCompte(compte: $e) { supprime refus { code champ } } }"


def on_account(act: str) -> str:
    return f"mutation($e: ID!) {{ r: {act}(compte: $e) {{ {_COMPTE} refus {{ code champ }} }} }}"


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


async def test_an_administrator_gives_many_rights_at_once_and_sees_them_in_one_matrix(identity: Identity) -> None:
    uai = await new_uai(identity)
    administrator = await identity.account(RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai=uai), nom="Abel")
    users = [await identity.account(RoleTenu(role=Role.GESTIONNAIRE, uai=uai), nom=nom) for nom in ("Bloch", "Camus")]
    theirs = (await administrator.browser().sign_in()).access_token
    first, second = (user.compte.id for user in users)
    entree = {"compte": first, "uai": uai, "profil": "COMMISSION_EXAMEN", "formation": "2025/7"}
    assert (await asked(identity, theirs, PROFIL, entree))["refus"] == []
    refused = await asked(identity, theirs, PROFIL, {**entree, "formation": None})
    assert refused["refus"] == [{"code": "PROFIL_INVALIDE", "champ": "formation"}]
    copied = await asked(identity, theirs, COPIER, {"de": first, "vers": second, "uai": uai})
    assert (len(copied["compte"]["droits"]), copied["nonCopies"], copied["refus"]) == (2, [], [])
    matrix = await asked(identity, theirs, MATRICE, uai)
    assert [edge["node"]["compte"]["id"] for edge in matrix["edges"]] == [administrator.compte.id, first, second]
    cases = [{case["rubrique"]: case for case in edge["node"]["cases"]} for edge in matrix["edges"]]
    assert (cases[0]["SIECLE"]["niveau"], cases[0]["SIECLE"]["parRole"]) == ("ECRITURE", True)
    for row in cases[1:]:
        assert row["SIECLE"]["niveau"] is None
        assert row["CLASSEMENTS"]["formations"] == [{"formation": {"id": "2025/7"}, "niveau": "ECRITURE"}]
    for act, etat in (
        ("deverrouillerCompte", "ACTIF"),
        ("reinitialiserFacteurs", "ACTIF"),
        ("desactiverCompte", "DESACTIVE"),
        ("reactiverCompte", "INVITE"),
    ):
        answer = await asked(identity, theirs, on_account(act), second)
        assert (answer["compte"]["etat"], answer["refus"]) == (etat, [])
    assert await asked(identity, theirs, SUPPRIMER, second) == {"supprime": True, "refus": []}
    assert (await asked(identity, theirs, SUPPRIMER, second))["refus"][0]["code"] == "INTROUVABLE"
    mine = administrator.compte.id
    assert await asked(identity, theirs, on_account("desactiverCompte"), mine) == "NON_AUTORISE"
