"""Lists of students: page by page, by class and série, and never anybody else's."""

from dataclasses import replace
from typing import Any

import pytest

from generateur.ecoles import generate_ecole
from generateur.siecle import write_eleves
from proto.identity.v1 import habilitations_pb2
from services.eleves.tests.conftest import UAI, VOISIN, Client, Eleves
from socle.rubriques import Role
from socle.testing.rights import role

pytestmark = pytest.mark.stack

_LISTE = """
query(
  $uai: ID!, $first: Int!, $after: String, $classe: String, $serie: Serie, $tache: Boolean, $partis: Boolean! = false
) {
  _entities(representations: [{__typename: "Etablissement", uai: $uai}]) { ... on Etablissement {
    eleves(first: $first, after: $after, classe: $classe, serie: $serie, avecTache: $tache, partis: $partis) {
      totalCount pageInfo { hasNextPage endCursor }
      edges { cursor node {
        id nom prenoms classe serie courriel tache { type consigne } specialites { code libelle }
      } }
    }
    classes { code effectif }
  } }
}
"""


async def ask(client: Client, *, uai: str = UAI, first: int = 20, **variables: Any) -> dict[str, Any]:
    """The whole answer."""
    return await client.ask(_LISTE, uai=uai, first=first, **variables)


async def listed(client: Client, *, uai: str = UAI, first: int = 20, **variables: Any) -> dict[str, Any]:
    answer = await ask(client, uai=uai, first=first, **variables)
    assert "errors" not in answer, answer
    found: dict[str, Any] = answer["data"]["_entities"][0]
    return found


@pytest.fixture
async def chef(eleves: Eleves) -> Client:
    """The head of a lycée of 60, which has sent its file, as its neighbour has."""
    for uai, seed in ((UAI, 1), (VOISIN, 2)):
        lycee = generate_ecole(uai, session=2025, terminales=60, seed=seed)
        await (await eleves.admin(uai)).import_files(write_eleves(lycee), uai=uai)
    await eleves.identite.grant(eleves.store, "01CHEF", role(Role.CHEF_ETABLISSEMENT, uai=UAI))
    return eleves.client("01CHEF")


async def test_a_head_reads_its_students_page_by_page_in_the_order_of_their_names(chef: Client, eleves: Eleves) -> None:
    seen: list[dict[str, Any]] = []
    after = None
    while True:
        page = (await listed(chef, first=25, after=after))["eleves"]
        assert page["totalCount"] == 60
        seen += [edge["node"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert len(seen) == len({eleve["id"] for eleve in seen}) == 60
    held = await eleves.store.eleves.find({"uai": UAI}).sort([("tri", 1), ("_id", 1)]).to_list(None)
    assert [eleve["id"] for eleve in seen] == [document["_id"] for document in held]


async def test_a_list_is_narrowed_to_a_class_a_serie_or_those_something_is_to_be_done_for(chef: Client) -> None:
    found = await listed(chef, first=100)
    everyone = [edge["node"] for edge in found["eleves"]["edges"]]
    sizes = {classe["code"]: classe["effectif"] for classe in found["classes"]}
    assert sum(sizes.values()) == 60
    for code, size in sizes.items():
        page = (await listed(chef, first=100, classe=code))["eleves"]
        assert {edge["node"]["classe"] for edge in page["edges"]} == {code}
        assert page["totalCount"] == len(page["edges"]) == size
    serie = everyone[0]["serie"]
    page = (await listed(chef, first=100, serie=serie))["eleves"]
    assert page["totalCount"] == sum(eleve["serie"] == serie for eleve in everyone)
    tasks = (await listed(chef, first=100, tache=True))["eleves"]
    assert tasks["totalCount"] == sum(eleve["courriel"] is None for eleve in everyone)
    assert (await listed(chef, first=100, tache=False))["eleves"]["totalCount"] == 60 - tasks["totalCount"]
    assert (await listed(chef, partis=True))["eleves"]["totalCount"] == 0


async def test_the_academie_and_who_has_the_rubric_see_the_list_and_nobody_else(chef: Client, eleves: Eleves) -> None:
    grant = eleves.identite.grant
    await grant(eleves.store, "01ACADEMIE", role(Role.ADMIN_ACADEMIQUE, academie="creteil"))
    await grant(eleves.store, "01AUTRE", role(Role.ADMIN_ACADEMIQUE, academie="rennes"))
    await grant(eleves.store, "01NATION", role(Role.ADMIN_NATIONAL))
    await grant(eleves.store, "01VOISIN", role(Role.CHEF_ETABLISSEMENT, uai=VOISIN))
    reader = await eleves.gestionnaire(rubrique="ELEVES", niveau="LECTURE")
    for client in (eleves.client("01ACADEMIE"), reader):
        assert (await listed(client))["eleves"]["totalCount"] == 60
    refused = [eleves.client(compte) for compte in ("01AUTRE", "01NATION", "01VOISIN", "01INCONNU")]
    for client in (*refused, await eleves.gestionnaire()):
        answer = await ask(client)
        assert {error["extensions"]["code"] for error in answer["errors"]} == {"NON_AUTORISE"}
        assert answer["data"]["_entities"][0] == {"eleves": None, "classes": None}
    nobody = await ask(replace(chef, headers={}))
    assert {error["extensions"]["code"] for error in nobody["errors"]} == {"NON_AUTHENTIFIE"}
    forged = eleves.issuer.authorization(sub="01CHEF")["authorization"][:-8] + "AAAAAAAA"
    for headers in ({"authorization": forged}, eleves.issuer.authorization(sub="01CHEF", exp=1)):
        answer = await ask(replace(chef, headers=headers))
        assert answer["errors"][0]["extensions"]["code"] == "NON_AUTHENTIFIE"


async def test_who_follows_a_class_sees_its_students_only(chef: Client, eleves: Eleves) -> None:
    classes = (await listed(chef))["classes"]
    mine = classes[0]
    follows = habilitations_pb2.Role(role=Role.PROFESSEUR_PRINCIPAL, uai=UAI, classes=[mine["code"]])
    await eleves.identite.grant(eleves.store, "01PROF", follows)
    found = await listed(eleves.client("01PROF"), first=100)
    assert {edge["node"]["classe"] for edge in found["eleves"]["edges"]} == {mine["code"]}
    assert found["eleves"]["totalCount"] == mine["effectif"]
    assert found["classes"] == [mine]
    other = await listed(eleves.client("01PROF"), classe=classes[1]["code"])
    assert other["eleves"]["totalCount"] == 0


@pytest.mark.parametrize(
    ("variables", "code"),
    [({"first": 0}, "PAGE_INVALIDE"), ({"first": 101}, "PAGE_INVALIDE"), ({"after": "pas-un-repere"}, "PAGE_INVALIDE")],
)
async def test_a_page_that_cannot_be_is_refused(chef: Client, variables: dict[str, Any], code: str) -> None:
    answer = await ask(chef, **variables)
    assert answer["errors"][0]["extensions"]["code"] == code


async def test_what_is_no_lycee_is_said_so(chef: Client) -> None:
    for uai in ("0779000A", "x"):
        answer = await ask(chef, uai=uai)
        assert answer["errors"][0]["extensions"]["code"] == "INTROUVABLE"
