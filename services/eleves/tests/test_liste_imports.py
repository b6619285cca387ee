"""The imports of a lycée: the last first, page by page, for whoever follows them and nobody else."""

from dataclasses import replace
from typing import Any

import pytest

from generateur.siecle import write_eleves
from kit.graphql.connections import encode_cursor
from proto.identity.v1 import habilitations_pb2
from services.eleves.tests.conftest import UAI, VOISIN, Client, Eleves
from services.eleves.tests.envois import ecole, with_student
from socle.rubriques import Role
from socle.testing.rights import role

pytestmark = pytest.mark.stack

_LISTE = """
query($uai: ID!, $session: Int, $first: Int! = 20, $after: String) {
  _entities(representations: [{__typename: "Etablissement", uai: $uai}]) { ... on Etablissement {
    importsSiecle(session: $session, first: $first, after: $after) {
      totalCount pageInfo { hasNextPage endCursor }
      edges { cursor node { id uai session etat rapport { acceptees rejets { eleve } } } }
    }
  } }
}
"""
_NOTHING = {"_entities": [{"importsSiecle": None}]}


async def ask(client: Client, **variables: Any) -> dict[str, Any]:
    """The whole answer."""
    return await client.ask(_LISTE, uai=UAI, **variables)


async def listed(client: Client, **variables: Any) -> dict[str, Any]:
    answer = await ask(client, **variables)
    assert "errors" not in answer, answer
    found: dict[str, Any] = answer["data"]["_entities"][0]["importsSiecle"]
    return found


def ids_of(page: dict[str, Any]) -> list[str]:
    return [edge["node"]["id"] for edge in page["edges"]]


@pytest.fixture
async def ids(eleves: Eleves) -> list[str]:
    """Those of a lycée, as it asked for them: one whose report names a student, four that are awaited."""
    admin, voisin = await eleves.admin(), await eleves.admin(VOISIN)
    lycee = with_student(ecole(), 4, nom="TEMOIN", nom_usage=None, balises={"DATE_NAISS": "31/02/2007"})
    done = await admin.import_files(write_eleves(lycee))
    awaited = [await admin.announce([b"x"]) for _ in range(4)]
    await voisin.announce([b"x"], VOISIN)
    return [done["id"], *(announced["import"]["id"] for announced in awaited)]


async def test_a_lycee_reads_its_imports_from_the_last_to_the_first_and_a_new_one_moves_no_page(
    eleves: Eleves, ids: list[str]
) -> None:
    admin = await eleves.admin()
    first = await listed(admin, first=2)
    await admin.announce([b"x"])
    second = await listed(admin, first=2, after=first["pageInfo"]["endCursor"])
    third = await listed(admin, first=2, after=second["pageInfo"]["endCursor"])
    pages = (first, second, third)
    assert [ids_of(page) for page in pages] == [[ids[4], ids[3]], [ids[2], ids[1]], [ids[0]]]
    assert [page["pageInfo"]["hasNextPage"] for page in pages] == [True, True, False]
    assert [page["totalCount"] for page in pages] == [5, 6, 6]
    nodes = [edge["node"] for page in pages for edge in page["edges"]]
    assert {(node["uai"], node["session"]) for node in nodes} == {(UAI, 2025)}
    assert [node["etat"] for node in nodes] == ["ATTENDU", "ATTENDU", "ATTENDU", "ATTENDU", "TERMINE"]
    assert await listed(admin, session=2024) == {
        "totalCount": 0,
        "pageInfo": {"hasNextPage": False, "endCursor": None},
        "edges": [],
    }


async def test_whoever_reads_siecle_in_the_lycee_sees_its_imports_and_nobody_else_does(
    eleves: Eleves, ids: list[str]
) -> None:
    for compte, held in {
        "01CHEF": role(Role.CHEF_ETABLISSEMENT, uai=UAI),
        "01VOISIN": role(Role.CHEF_ETABLISSEMENT, uai=VOISIN),
        "01ACADEMIE": role(Role.ADMIN_ACADEMIQUE, academie="creteil"),
        "01NATION": role(Role.ADMIN_NATIONAL),
        "01PROF": habilitations_pb2.Role(role=Role.PROFESSEUR_PRINCIPAL, uai=UAI, classes=["TG01"]),
    }.items():
        await eleves.identite.grant(eleves.store, compte, held)
    for client in (await eleves.admin(), eleves.client("01CHEF"), await eleves.gestionnaire(niveau="LECTURE")):
        page = await listed(client)
        assert ids_of(page) == ids[::-1]
        rapport = page["edges"][-1]["node"]["rapport"]
        (rejet,) = rapport["rejets"]
        assert (rapport["acceptees"], rejet["eleve"].split()[0]) == (11, "TEMOIN")
    refused = [eleves.client(compte) for compte in ("01VOISIN", "01ACADEMIE", "01NATION", "01PROF", "01INCONNU")]
    for client in (*refused, await eleves.admin(VOISIN), await eleves.gestionnaire(rubrique="ELEVES")):
        answer = await ask(client)
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["NON_AUTORISE"]
        assert answer["data"] == _NOTHING
    nobody = await ask(replace(await eleves.admin(), headers={}))
    assert [error["extensions"]["code"] for error in nobody["errors"]] == ["NON_AUTHENTIFIE"]
    assert nobody["data"] == _NOTHING


async def test_a_page_of_imports_that_cannot_be_is_refused(eleves: Eleves) -> None:
    admin = await eleves.admin()
    of_students = encode_cursor("TEMOIN", "2025/01ELEVE")
    wrong: list[dict[str, Any]] = [{"first": 0}, {"first": 101}, {"after": "pas-un-repere"}, {"after": of_students}]
    for variables in wrong:
        answer = await ask(admin, **variables)
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["PAGE_INVALIDE"], variables
        assert answer["data"] == _NOTHING
