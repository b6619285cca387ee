"""From the offer's topic to the draft of a report, and who may see it."""

import asyncio

import pytest

from kit.mongo import Database
from kit.testing.issuer import Issuer
from kit.testing.serving import Serving
from kit.testing.waiting import eventually
from proto.identity.v1 import habilitations_pb2
from services.rapports.tests.told import UAI, ask, chiffres
from socle.rubriques import Role
from socle.testing.rights import grant, role

pytestmark = pytest.mark.stack


async def test_the_draft_of_a_report_has_its_figures_from_the_offer(
    served: Serving, issuer: Issuer, store: Database
) -> None:
    await grant(store, "01CHEF", role(Role.CHEF_ETABLISSEMENT, uai=UAI))
    answer = await ask(served, issuer.authorization(sub="01CHEF"), "2025/1", "2025/2", "2025/3")
    assert answer == {
        "data": {
            "_entities": [
                {"id": "2025/1", "rapport": {"etat": "BROUILLON", "du": True, "chiffres": chiffres(30)}},
                {"id": "2025/2", "rapport": {"etat": "BROUILLON", "du": False, "chiffres": chiffres(12)}},
                {"id": "2025/3", "rapport": None},
            ]
        }
    }


async def test_only_who_holds_the_right_on_the_establishment_or_formation_sees_a_draft(
    served: Serving, issuer: Issuer, store: Database
) -> None:
    on_formation = habilitations_pb2.Droit(uai=UAI, rubrique="RAPPORTS", formation="2025/1", niveau="ECRITURE")
    on_another = habilitations_pb2.Droit(uai=UAI, rubrique="RAPPORTS", formation="2025/2", niveau="ECRITURE")
    await grant(store, "01CHEF", role(Role.CHEF_ETABLISSEMENT, uai=UAI))
    await grant(store, "01RESPONSABLE", droits=(on_formation,))
    await grant(store, "01ACADEMIE", role(Role.ADMIN_ACADEMIQUE, academie="creteil"))
    await grant(store, "01AUTRECHEF", role(Role.CHEF_ETABLISSEMENT, uai="0779001R"))
    await grant(store, "01AUTREACADEMIE", role(Role.ADMIN_ACADEMIQUE, academie="lyon"))
    await grant(store, "01AUTREFORMATION", droits=(on_another,))
    await grant(store, "01ADJOINT", role(Role.ADJOINT, uai=UAI))
    seen = ("01CHEF", "01RESPONSABLE", "01ACADEMIE")
    hidden = ("01AUTRECHEF", "01AUTREACADEMIE", "01AUTREFORMATION", "01ADJOINT", "01INCONNU")
    answers = await asyncio.gather(*(ask(served, issuer.authorization(sub=s), "2025/1") for s in (*seen, *hidden)))
    for answer in answers[: len(seen)]:
        assert answer["data"]["_entities"][0]["rapport"]["chiffres"] == chiffres(30)
    for answer in answers[len(seen) :]:
        assert answer["data"]["_entities"][0]["rapport"] is None
        assert answer["errors"][0]["extensions"]["code"] == "NON_AUTORISE"


async def test_a_right_taken_away_is_refused_within_five_seconds(
    served: Serving, issuer: Issuer, store: Database
) -> None:
    headers = issuer.authorization(sub="01CHEF")
    await grant(store, "01CHEF", role(Role.CHEF_ETABLISSEMENT, uai=UAI))
    assert (await ask(served, headers, "2025/1"))["data"]["_entities"][0]["rapport"] is not None
    await grant(store, "01CHEF")

    async def refused() -> bool:
        return (await ask(served, headers, "2025/1"))["data"]["_entities"][0]["rapport"] is None

    await eventually(refused, within=5)


@pytest.mark.parametrize("formation", ["2025/1", "2025/inconnue"])
async def test_a_caller_without_token_is_told_to_sign_in_whether_the_formation_exists_or_not(
    served: Serving, formation: str
) -> None:
    answer = await ask(served, {}, formation)
    assert answer["errors"][0]["extensions"]["code"] == "NON_AUTHENTIFIE"
