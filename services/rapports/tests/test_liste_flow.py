"""The reports of an establishment as a list, which needs nothing of the offer while it is asked: who reads which."""

from typing import Any

import pytest

from kit.mongo import Database
from kit.testing.issuer import Issuer
from kit.testing.serving import Serving
from kit.testing.waiting import eventually
from proto.identity.v1 import habilitations_pb2
from proto.offre.v1 import offre_pb2
from services.rapports.tests.told import UAI, Teller, ask_list, candidature, chiffres, voeu
from socle.rubriques import Role
from socle.testing.rights import grant, role

pytestmark = pytest.mark.stack

AILLEURS = "0779001R"


async def names(serving: Serving, headers: dict[str, str], uai: str = UAI) -> list[str]:
    """The formations whose report is listed."""
    answer = await ask_list(serving, headers, uai)
    assert "errors" not in answer, answer
    found = answer["data"]["rapports"]
    ids = [edge["node"]["formation"]["id"] for edge in found["edges"]]
    assert found["totalCount"] == len(ids)
    return ids


@pytest.fixture
async def head(store: Database, issuer: Issuer) -> dict[str, str]:
    """The head of the establishment, signed in."""
    await grant(store, "01CHEF", role(Role.CHEF_ETABLISSEMENT, uai=UAI))
    return issuer.authorization(sub="01CHEF")


async def test_a_head_reads_the_reports_of_its_formations_by_label_page_by_page_with_their_figures(
    served: Serving, tell: Teller, head: dict[str, str]
) -> None:
    named = {"2025/7": "Licence", "2025/8": "BUT", "2024/1": "Ancienne"}
    for id, libelle in named.items():
        session = int(id[:4])
        await tell.formations(
            offre_pb2.Formation(id=id, session=session, uai=UAI, academie="creteil", libelle=libelle, capacite=5)
        )
    await tell.candidatures(candidature("a", 1, voeu("2025/7", "ACCEPTE", propose=True)))

    async def followed() -> list[dict[str, Any]] | None:
        found = (await ask_list(served, head))["data"]["rapports"]
        told = [edge["node"] for edge in found["edges"]]
        return told if found["totalCount"] == 4 and told[-1]["chiffres"]["acceptes"] else None

    told = await eventually(followed, within=10)
    assert told is not None
    assert [(node["formation"]["id"], node["libelle"], node["du"], node["etat"]) for node in told] == [
        ("2025/1", "BTS", True, "BROUILLON"),
        ("2025/2", "BTS", False, "BROUILLON"),
        ("2025/8", "BUT", True, "BROUILLON"),
        ("2025/7", "Licence", True, "BROUILLON"),
    ]
    assert [node["chiffres"] | {"calculeLe": None} for node in told] == [
        chiffres(30),
        chiffres(12),
        chiffres(5),
        chiffres(5, voeuxConfirmes=1, propositions=1, acceptes=1),
    ]
    seen: list[dict[str, Any]] = []
    after = None
    while len(seen) < 4:
        page = (await ask_list(served, head, first=1, after=after))["data"]["rapports"]
        (edge,) = page["edges"]
        seen.append(edge["node"])
        after = page["pageInfo"]["endCursor"]
        assert (page["totalCount"], page["pageInfo"]["hasNextPage"]) == (4, len(seen) < 4)
    assert seen == told
    (past,) = (await ask_list(served, head, session=2024))["data"]["rapports"]["edges"]
    assert past["node"]["libelle"] == "Ancienne"


async def test_everyone_is_listed_the_drafts_that_they_may_read_and_no_other(
    served: Serving, issuer: Issuer, store: Database
) -> None:
    def right(formation: str, uai: str = UAI) -> habilitations_pb2.Droit:
        return habilitations_pb2.Droit(uai=uai, rubrique="RAPPORTS", formation=formation, niveau="ECRITURE")

    await grant(store, "01RESPONSABLE", droits=(right("2025/2"),))
    await grant(store, "01ACADEMIE", role(Role.ADMIN_ACADEMIQUE, academie="creteil"))
    await grant(store, "01NATION", role(Role.ADMIN_NATIONAL))
    await grant(store, "01AUTRECHEF", role(Role.CHEF_ETABLISSEMENT, uai=AILLEURS))
    await grant(store, "01AUTREACADEMIE", role(Role.ADMIN_ACADEMIQUE, academie="lyon"))
    await grant(store, "01AUTREETABLISSEMENT", droits=(right("2025/2", AILLEURS),))
    await grant(store, "01ADJOINT", role(Role.ADJOINT, uai=UAI))
    await grant(store, "01DESACTIVE", role(Role.CHEF_ETABLISSEMENT, uai=UAI), actif=False)
    assert await names(served, issuer.authorization(sub="01RESPONSABLE")) == ["2025/2"]
    for compte in ("01ACADEMIE", "01NATION"):
        assert await names(served, issuer.authorization(sub=compte)) == ["2025/1", "2025/2"]
    refused = ("01AUTRECHEF", "01AUTREACADEMIE", "01AUTREETABLISSEMENT", "01ADJOINT", "01DESACTIVE", "01INCONNU")
    for compte in refused:
        answer = await ask_list(served, issuer.authorization(sub=compte))
        assert answer["data"]["rapports"] is None
        assert answer["errors"][0]["extensions"]["code"] == "NON_AUTORISE"
    assert (await ask_list(served, {}))["errors"][0]["extensions"]["code"] == "NON_AUTHENTIFIE"


async def test_an_establishment_without_formations_has_an_empty_list(served: Serving, head: dict[str, str]) -> None:
    assert await names(served, head, AILLEURS) == []


@pytest.mark.parametrize("wrong", [{"first": 0}, {"first": 101}, {"after": "rien"}])
async def test_a_page_that_cannot_be_given_is_refused_with_the_reason(
    served: Serving, head: dict[str, str], wrong: dict[str, Any]
) -> None:
    answer = await ask_list(served, head, **wrong)
    assert answer["errors"][0]["extensions"]["code"] == "PAGE_INVALIDE"
