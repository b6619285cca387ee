"""Who may come in on the running platform, and who may not any more: rights that come and go, tokens, accounts."""

import base64
import hashlib
import json
import time
from functools import partial
from typing import Any

import pytest

from infra.local.connexion import Jetons, Personne, sign_in
from infra.local.demonstration import MOT_DE_PASSE
from kit.http import open_client
from kit.testing.waiting import eventually
from tests.e2e.affichage import frontend
from tests.e2e.demandes import DEPOSER, OPERATION, RACINES, SERVICES, UAI, ask, jetons
from tests.e2e.depots import Frontend
from tests.e2e.droits import DEMANDES, LECTEURS, compte_of, give_right, take_right, told_of_end, told_of_right
from tests.e2e.faux_jetons import expired_token, forgeries
from tests.e2e.refus import codes, is_refused, refusals, refused_everywhere
from tests.e2e.running import Up

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

DOORS = {
    "PASSERELLE_PORT": "{ moi { nom } }",
    "IDENTITY_PORT": "{ moi { nom } }",
    "OFFRE_PORT": f'{{ etablissement(uai: "{UAI}") {{ nom }} }}',
    "ELEVES_PORT": '{ _entities(representations: [{__typename: "Etablissement", uai: "0779000P"}]) '
    "{ ... on Etablissement { eleves { totalCount } } } }",
    "PILOTAGE_PORT": "{ calendrier(session: 2025) { session } }",
    "RAPPORTS_PORT": f'{{ rapports(uai: "{UAI}") {{ totalCount }} }}',
}
"""A question at each door, which whoever may not come in is not answered."""


@pytest.fixture(scope="module")
async def administrateur(up: Up) -> Frontend:
    """The administrator of the lycée, who gives and takes rights there."""
    return await frontend(up, "administrateur")


@pytest.fixture(scope="module")
async def gestionnaire(up: Up) -> Frontend:
    """Someone of the lycée whose role opens nothing: each test gives the rights that it is about."""
    return await frontend(up, "gestionnaire")


async def test_a_right_given_is_held_and_a_right_taken_away_is_refused_within_five_seconds(
    administrateur: Frontend, gestionnaire: Frontend
) -> None:
    compte = await compte_of(gestionnaire)
    formations = (
        "query($u: ID!) { etablissement(uai: $u) { formations(first: 1) { edges { node { rapport { etat } } } } } }"
    )

    async def sees() -> bool:
        answer = await gestionnaire.ask(formations, u=UAI)
        (edge,) = answer["data"]["etablissement"]["formations"]["edges"]
        return edge["node"]["rapport"] is not None

    async def does_not() -> bool:
        return not await sees()

    assert not await sees()
    await give_right(administrateur, compte, UAI, "RAPPORTS")
    await eventually(sees, within=5)
    await take_right(administrateur, compte, UAI, "RAPPORTS")
    await eventually(does_not, within=5)


@pytest.mark.parametrize("rubrique", DEMANDES)
async def test_a_right_taken_away_is_refused_by_the_gateway_and_by_its_service_within_five_seconds(
    up: Up, administrateur: Frontend, gestionnaire: Frontend, rubrique: str
) -> None:
    demande, doors = DEMANDES[rubrique], ("PASSERELLE_PORT", DEMANDES[rubrique].port)
    compte, autre = await compte_of(gestionnaire), await compte_of(administrateur)
    uri = up.settings.ports.mongodb_uri

    async def asked(port: str) -> dict[str, Any]:
        return await ask(up, gestionnaire.token, demande.query, port=port, uai=UAI, compte=autre)

    async def held() -> bool:
        answered = not any([codes(await asked(port)) for port in doors])
        return answered and await told_of_right(uri, compte, rubrique) == [*LECTEURS]

    async def forgotten() -> bool:
        return await told_of_right(uri, compte, rubrique) == []

    await give_right(administrateur, compte, UAI, rubrique, demande.niveau)
    await eventually(held, within=30)
    began = time.monotonic()
    await take_right(administrateur, compte, UAI, rubrique)
    await refused_everywhere(asked, doors, demande.refus)
    await eventually(forgotten, within=5)
    assert time.monotonic() - began < 5


async def test_a_right_to_send_files_that_is_taken_away_is_refused_at_both_doors_and_another_is_still_held(
    up: Up, administrateur: Frontend, gestionnaire: Frontend
) -> None:
    compte = await compte_of(gestionnaire)
    # The gateway, and the service itself.
    doors = ("PASSERELLE_PORT", "ELEVES_PORT")
    sending = {"nom": "eleves.xml", "taille": 4, "sha256": hashlib.sha256(b"rien").hexdigest()}

    async def announced(port: str) -> dict[str, Any]:
        return await ask(up, gestionnaire.token, DEPOSER, port=port, u=UAI, f=[sending])

    async def read(port: str) -> dict[str, Any]:
        return await ask(up, gestionnaire.token, DEMANDES["ELEVES"].query, port=port, uai=UAI)

    async def both_answer() -> bool:
        return not any([codes(await read(port)) for port in doors])

    await give_right(administrateur, compte, UAI, "SIECLE", "ECRITURE")
    await give_right(administrateur, compte, UAI, "ELEVES")
    await eventually(both_answer)
    deposits = [(await announced(port))["data"]["demanderDepot"]["fichiers"] for port in doors]
    ((fichier,), _) = deposits
    await take_right(administrateur, compte, UAI, "SIECLE")
    # What cannot be taken back is refused at once: identity is asked.
    async with open_client(headers={"authorization": f"Bearer {gestionnaire.token}"}, timeout=20) as client:
        answer = await client.put(fichier["url"], content=b"rien")
    assert (answer.status_code, answer.json()["code"]) == (403, "NON_AUTORISE")
    await refused_everywhere(announced, doors, "NON_AUTORISE")
    assert await both_answer(), "the other right is still held"


async def create_account(up: Up, courriel: str, nom: str, prenom: str, *rights: str) -> None:
    """A person who signs in with the password of the demonstration and e-mailed codes."""
    described = ("--courriel", courriel, "--nom", nom, "--prenom", prenom, *rights, "--mot-de-passe-stdin")
    await up.command("services.identity", "creer-compte", *described, given=MOT_DE_PASSE.encode())


async def test_no_door_opens_to_nobody_or_to_a_forged_token(up: Up) -> None:
    token = (await jetons(up, "chef")).access_token
    for port, query in DOORS.items():
        assert "errors" not in await ask(up, token, query, port=port)
        for given in (None, *forgeries(token)):
            answer = await ask(up, given, query, port=port)
            assert is_refused(answer, "NON_AUTHENTIFIE"), (port, answer)


async def test_an_expired_token_opens_no_door_either(up: Up) -> None:
    expired = await expired_token(up)
    for port in ("PASSERELLE_PORT", *SERVICES):
        answer = await ask(up, expired, "{ __typename }", port=port)
        assert is_refused(answer, "NON_AUTHENTIFIE"), (port, answer)


async def test_who_has_not_signed_in_is_told_nothing_by_any_part_of_the_operation(up: Up) -> None:
    answer = await ask(up, None, OPERATION, uai=UAI)
    assert answer["data"] == dict.fromkeys(RACINES.values())
    assert refusals(answer) == {root: (service, "NON_AUTHENTIFIE") for service, root in RACINES.items()}


async def test_without_the_right_pilotage_no_indicator_is_shown_and_what_everybody_may_see_is(
    gestionnaire: Frontend,
) -> None:
    answer = await gestionnaire.ask(
        "query($uai: ID!) { calendrier(session: 2025) { session } indicateurs(uai: $uai) { session } "
        "etablissement(uai: $uai) { uai indicateurs { nation { ensemble { vivier } } } } }",
        uai=UAI,
    )
    assert answer["data"] == {
        "calendrier": {"session": 2025},
        "indicateurs": None,
        "etablissement": {"uai": UAI, "indicateurs": None},
    }
    refused = ("pilotage", "NON_AUTORISE")
    assert refusals(answer) == {"indicateurs": refused, "etablissement.indicateurs": refused}


async def test_neither_the_neighbouring_head_nor_another_academie_sees_what_is_not_theirs(up: Up) -> None:
    for court in ("voisin", "rennes"):
        token = (await jetons(up, court)).access_token
        answer = await ask(up, token, OPERATION, uai=UAI)
        assert answer["data"]["eleves"] is None
        assert answer["data"]["indicateurs"] is None
        assert answer["data"]["rapports"] is None
        edges = answer["data"]["etablissement"]["formations"]["edges"]
        assert [edge["node"]["rapport"] for edge in edges] == [None] * 5
        assert {error["extensions"]["code"] for error in answer["errors"]} == {"NON_AUTORISE"}
        assert {error["extensions"]["service"] for error in answer["errors"]} == {"eleves", "pilotage", "rapports"}


async def test_a_disabled_account_is_refused_by_every_service_within_five_seconds(up: Up) -> None:
    courriel = "solene.marchand@demonstration.example.org"
    await create_account(up, courriel, "Marchand", "Solène", "--role", "CHEF_ETABLISSEMENT", "--uai", UAI)
    personne = Personne(courriel=courriel, mot_de_passe=MOT_DE_PASSE)
    signed_in = await sign_in(up.url("IDENTITY_PORT"), up.url("PORT_COURRIELS"), personne)
    await answered_everywhere(up, signed_in)
    await up.command("services.identity", "desactiver-compte", "--courriel", courriel)
    await refused_everywhere(partial(at_door, up, signed_in), DOORS, "NON_AUTHENTIFIE")


async def test_a_session_that_is_ended_is_refused_by_every_service_within_five_seconds_and_another_goes_on(
    up: Up,
) -> None:
    courriel = "ines.delorme@demonstration.example.org"
    await create_account(up, courriel, "Delorme", "Inès", "--role", "CHEF_ETABLISSEMENT", "--uai", UAI)
    personne = Personne(courriel=courriel, mot_de_passe=MOT_DE_PASSE)
    ended, other = [await sign_in(up.url("IDENTITY_PORT"), up.url("PORT_COURRIELS"), personne) for _ in range(2)]
    for signed_in in (ended, other):
        await answered_everywhere(up, signed_in)
    async with open_client() as client:
        asked = {"token": ended.refresh_token, "client_id": "ligne-de-commande"}
        assert (await client.post(f"{up.url('IDENTITY_PORT')}/revoke", data=asked)).status_code == 200
    await refused_everywhere(partial(at_door, up, ended), DOORS, "NON_AUTHENTIFIE")
    for port in DOORS:
        assert codes(await at_door(up, other, port)) == [], port
    uri = up.settings.ports.mongodb_uri
    assert await told_of_end(uri, session_of(ended)) == [*LECTEURS], "by the event, and not by asking"
    assert await told_of_end(uri, session_of(other)) == []


async def at_door(up: Up, signed_in: Jetons, port: str) -> dict[str, Any]:
    """What the door at that port answers to its question."""
    return await ask(up, signed_in.access_token, DOORS[port], port=port)


async def answered_everywhere(up: Up, signed_in: Jetons) -> None:
    """Every door answers, as soon as it has heard of the account."""

    async def answered() -> bool:
        return not any([codes(await at_door(up, signed_in, port)) for port in DOORS])

    await eventually(answered)


def session_of(signed_in: Jetons) -> str:
    """The session that a token is of."""
    return str(json.loads(base64.urlsafe_b64decode(signed_in.access_token.split(".")[1] + "=="))["sid"])


async def test_an_administrator_of_the_academie_reads_its_drafts_and_signs_in_with_three_factors(up: Up) -> None:
    signed_in = await jetons(up, "academie")
    claims = json.loads(base64.urlsafe_b64decode(signed_in.access_token.split(".")[1] + "=="))
    assert len(claims["amr"]) >= 3
    answer = await ask(up, signed_in.access_token, OPERATION, uai=UAI)
    assert "errors" not in answer
    assert answer["data"]["etablissement"]["formations"]["edges"][0]["node"]["rapport"]["etat"] == "BROUILLON"
