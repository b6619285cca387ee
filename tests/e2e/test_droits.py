"""Who may come in on the running platform, and who may not any more: rights that come and go, tokens, accounts."""

import asyncio
import base64
import hashlib
import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any

import pytest

from infra.local.connexion import Jetons, Personne, sign_in
from infra.local.demonstration import MOT_DE_PASSE
from infra.local.processes import ROOT
from kit.http import open_client
from kit.mongo import open_database
from kit.testing.waiting import eventually
from tests.e2e.demandes import DEPOSER, OPERATION, SERVICES, UAI, ask, jetons
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


async def test_a_right_given_is_held_and_a_right_taken_away_is_refused_within_five_seconds(up: Up) -> None:
    admin = (await jetons(up, "administrateur")).access_token
    gestionnaire = (await jetons(up, "gestionnaire")).access_token
    compte = (await ask(up, gestionnaire, "{ moi { id } }"))["data"]["moi"]["id"]
    formations = (
        "query($u: ID!) { etablissement(uai: $u) { formations(first: 1) { edges { node { rapport { etat } } } } } }"
    )

    async def sees() -> bool:
        answer = await ask(up, gestionnaire, formations, u=UAI)
        (edge,) = answer["data"]["etablissement"]["formations"]["edges"]
        return edge["node"]["rapport"] is not None

    async def does_not() -> bool:
        return not await sees()

    assert not await sees()
    droit = {"compte": compte, "uai": UAI, "rubrique": "RAPPORTS"}
    give = "mutation($e: DonnerDroitInput!) { donnerDroit(entree: $e) { refus { code message } } }"
    assert (await ask(up, admin, give, e={**droit, "niveau": "LECTURE"}))["data"]["donnerDroit"]["refus"] == []
    await eventually(sees, within=5)
    await take_right(up, admin, compte, "RAPPORTS")
    await eventually(does_not, within=5)


async def test_a_right_to_send_files_or_to_read_students_that_is_taken_away_is_refused_at_both_doors(up: Up) -> None:
    courriel, rights = "elise.aubry@demonstration.example.org", (f"{UAI}:SIECLE:ECRITURE", f"{UAI}:ELEVES:LECTURE")
    given = [part for right in rights for part in ("--droit", right)]
    await create_account(up, courriel, "Aubry", "Élise", "--role", "GESTIONNAIRE", "--uai", UAI, *given)
    admin = (await jetons(up, "administrateur")).access_token
    personne = Personne(courriel=courriel, mot_de_passe=MOT_DE_PASSE)
    token = (await sign_in(up.url("IDENTITY_PORT"), up.url("PORT_COURRIELS"), personne)).access_token
    compte = (await ask(up, token, "{ moi { id } }"))["data"]["moi"]["id"]
    # The gateway, and the service itself.
    doors = ("PASSERELLE_PORT", "ELEVES_PORT")
    sending = {"nom": "eleves.xml", "taille": 4, "sha256": hashlib.sha256(b"rien").hexdigest()}

    async def announced(port: str) -> dict[str, Any]:
        return await ask(up, token, DEPOSER, port=port, u=UAI, f=[sending])

    async def read(port: str) -> dict[str, Any]:
        return await ask(up, token, "query($u: ID!) { eleves(uai: $u) { totalCount } }", port=port, u=UAI)

    async def both_answer() -> bool:
        return not any("errors" in answer for answer in [await read(port) for port in doors])

    await eventually(both_answer)
    deposits = [(await announced(port))["data"]["demanderDepot"]["fichiers"] for port in doors]
    ((fichier,), _) = deposits
    for rubrique, asked, other in (("SIECLE", announced, read), ("ELEVES", read, None)):
        await take_right(up, admin, compte, rubrique)
        if rubrique == "SIECLE":
            # What cannot be taken back is refused at once: identity is asked.
            async with open_client(headers={"authorization": f"Bearer {token}"}, timeout=20) as client:
                answer = await client.put(fichier["url"], content=b"rien")
            assert (answer.status_code, answer.json()["code"]) == (403, "NON_AUTORISE")
        await refused_everywhere(asked, doors, "NON_AUTORISE")
        if other is not None:
            assert not [port for port in doors if "errors" in await other(port)], "the other right is still held"


async def take_right(up: Up, admin: str, compte: str, rubrique: str) -> None:
    """The administrator of the lycée takes a right away."""
    take = "mutation($e: RetirerDroitInput!) { retirerDroit(entree: $e) { refus { code message } } }"
    answer = await ask(up, admin, take, e={"compte": compte, "uai": UAI, "rubrique": rubrique})
    assert answer["data"]["retirerDroit"]["refus"] == []


async def refused_everywhere(
    asked: Callable[[str], Awaitable[dict[str, Any]]], doors: Iterable[str], code: str
) -> None:
    """Within five seconds each door says why by this code, and gives nothing."""

    async def refused() -> bool:
        return all([is_refused(await asked(port), code) for port in doors])

    await eventually(refused, within=5)


def is_refused(answer: dict[str, Any], code: str) -> bool:
    """Whether an answer says this code, nothing else, and gives nothing."""
    return codes(answer) == [code] and is_empty(answer.get("data"))


def codes(answer: dict[str, Any]) -> list[str]:
    return [error["extensions"]["code"] for error in answer.get("errors", ())]


def is_empty(data: Any) -> bool:
    """Whether nothing is told, at whatever depth."""
    if isinstance(data, dict | list):
        return all(is_empty(part) for part in (data.values() if isinstance(data, dict) else data))
    return data is None


async def create_account(up: Up, courriel: str, nom: str, prenom: str, *rights: str) -> None:
    """A person who signs in with the password of the demonstration and e-mailed codes."""
    described = ("--courriel", courriel, "--nom", nom, "--prenom", prenom, *rights, "--mot-de-passe-stdin")
    await up.command("services.identity", "creer-compte", *described, given=MOT_DE_PASSE.encode())


def forgeries(token: str) -> list[str]:
    """A token changed in its claims, in its signature, without one, and with a header that makes no sense."""
    header, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    other = base64.urlsafe_b64encode(json.dumps({**claims, "sub": "01AUTRE"}).encode()).decode().rstrip("=")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').decode().rstrip("=")
    fields = json.loads(base64.urlsafe_b64decode(header + "=="))
    odd = base64.urlsafe_b64encode(json.dumps({**fields, "crit": 5}).encode()).decode().rstrip("=")
    return [
        f"{header}.{other}.{signature}",
        f"{header}.{payload}.{signature[::-1]}",
        f"{none}.{payload}.",
        f"{odd}.{payload}.{signature}",
    ]


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


async def expired_token(up: Up) -> str:
    """A token of the platform's own issuer, signed with its own key, whose time is over."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _EXPIRED,
        cwd=ROOT,
        env={**os.environ, **up.settings.environment()},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode().strip()


_EXPIRED = """
import asyncio, time
from joserfc import jwt
from kit.mongo import open_database
from services.identity.settings import IdentitySettings
from services.identity.trousseau import Trousseau

async def main():
    settings = IdentitySettings()
    database = open_database(settings.mongodb_uri, f"{settings.prefixe_bases}identity")
    trousseau = Trousseau(database, settings.open_vault())
    await trousseau.load()
    key, past = trousseau.signing_key, int(time.time()) - 3600
    claims = {"iss": settings.identity_url, "aud": "site-de-gestion", "sub": "01A", "sid": "01S", "client_id": "x",
              "scope": "openid", "acr": "2", "amr": ["pwd", "otp"], "auth_time": past, "iat": past, "exp": past + 600}
    print(jwt.encode({"alg": "ES256", "typ": "at+jwt", "kid": key.kid}, claims, key, algorithms=["ES256"]))
    database.client.close()

asyncio.run(main())
"""


async def test_neither_the_neighbouring_head_nor_another_academie_sees_what_is_not_theirs(up: Up) -> None:
    for court in ("voisin", "rennes"):
        token = (await jetons(up, court)).access_token
        answer = await ask(up, token, OPERATION, uai=UAI)
        assert answer["data"]["eleves"] is None
        assert answer["data"]["indicateurs"] is None
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
    assert await heard_of(up, ended) == ["offre", "eleves", "pilotage", "rapports"], "by the event, and not by asking"
    assert await heard_of(up, other) == []


async def at_door(up: Up, signed_in: Jetons, port: str) -> dict[str, Any]:
    """What the door at that port answers to its question."""
    return await ask(up, signed_in.access_token, DOORS[port], port=port)


async def answered_everywhere(up: Up, signed_in: Jetons) -> None:
    """Every door answers, as soon as it has heard of the account."""

    async def answered() -> bool:
        return not any([codes(await at_door(up, signed_in, port)) for port in DOORS])

    await eventually(answered)


async def heard_of(up: Up, signed_in: Jetons) -> list[str]:
    """The services that were told that this session has ended."""
    sid = json.loads(base64.urlsafe_b64decode(signed_in.access_token.split(".")[1] + "=="))["sid"]
    found = []
    for service in ("offre", "eleves", "pilotage", "rapports"):
        database = open_database(up.settings.ports.mongodb_uri, service)
        if await database.revocations.find_one({"_id": sid}):
            found.append(service)
        database.client.close()
    return found


async def test_an_administrator_of_the_academie_reads_its_drafts_and_signs_in_with_three_factors(up: Up) -> None:
    signed_in = await jetons(up, "academie")
    claims = json.loads(base64.urlsafe_b64decode(signed_in.access_token.split(".")[1] + "=="))
    assert len(claims["amr"]) >= 3
    answer = await ask(up, signed_in.access_token, OPERATION, uai=UAI)
    assert "errors" not in answer
    assert answer["data"]["etablissement"]["formations"]["edges"][0]["node"]["rapport"]["etat"] == "BROUILLON"
