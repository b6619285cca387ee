"""The story on the running platform: the README as written, rights that come and go, parts that are away, no leak."""

import asyncio
import base64
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx
import psutil
import pytest

from infra.local import platform
from infra.local.connexion import Jetons, Personne, sign_in
from infra.local.demonstration import MOT_DE_PASSE, comptes, totp
from infra.local.processes import ROOT
from kit.testing.waiting import eventually
from tests.e2e.running import Up, running

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

SERVICES = ("IDENTITY_PORT", "OFFRE_PORT", "ELEVES_PORT", "PILOTAGE_PORT", "RAPPORTS_PORT")
UAI = "0779000P"
OPERATION = """
query Tout($uai: ID!) {
  moi { id prenom nom courriel droits { rubrique } }
  etablissement(uai: $uai) {
    nom
    formations(first: 5) { edges { node { id libelle rapport { etat chiffres { places voeuxConfirmes } } } } }
  }
  eleves(uai: $uai, first: 5) { totalCount edges { node { nom classe } } }
  indicateurs(uai: $uai) { etablissement { ensemble { vivier inscrits } } nation { ensemble { vivier inscrits } } }
}
"""

DOORS = {
    "PASSERELLE_PORT": "{ moi { nom } }",
    "IDENTITY_PORT": "{ moi { nom } }",
    "OFFRE_PORT": f'{{ etablissement(uai: "{UAI}") {{ nom }} }}',
    "ELEVES_PORT": '{ _entities(representations: [{__typename: "Etablissement", uai: "0779000P"}]) '
    "{ ... on Etablissement { eleves { totalCount } } } }",
    "PILOTAGE_PORT": "{ calendrier(session: 2025) { session } }",
    "RAPPORTS_PORT": '{ _entities(representations: [{__typename: "Formation", id: "2025/2400090"}]) '
    "{ ... on Formation { rapport { etat } } } }",
}
"""A question at each door, which whoever may not come in is not answered."""


@pytest.fixture(scope="module")
async def up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Up]:
    """One platform for all of these."""
    async with running(tmp_path_factory.mktemp("plateforme")) as started:
        yield started


async def jetons(up: Up, court: str) -> Jetons:
    (compte,) = [c for c in comptes(up.folder / "demonstration") if c.nom_court == court]
    personne = Personne(courriel=compte.courriel, mot_de_passe=MOT_DE_PASSE, totp=totp(court))
    return await sign_in(up.url("IDENTITY_PORT"), up.url("PORT_COURRIELS"), personne)


async def ask(
    up: Up, token: str | None, query: str, *, port: str = "PASSERELLE_PORT", **variables: Any
) -> dict[str, Any]:
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=up.url(port), headers=headers, timeout=20) as client:
        answer = await client.post("/graphql", json={"query": query, "variables": variables})
    found: dict[str, Any] = answer.json()
    return found


def blocks(readme: str) -> list[tuple[str, str]]:
    """What the tour says to paste, each with what it says comes out (nothing where it says nothing)."""
    tour = readme[readme.index("## A tour") : readme.index("## Where things are")]
    found = re.findall(r"```(sh|json)\n(.*?)```", tour, re.DOTALL)
    pairs: list[tuple[str, str]] = []
    for kind, text in found:
        if kind == "sh":
            pairs.append((text, ""))
        else:
            pairs[-1] = (pairs[-1][0], text)
    return pairs


async def test_the_readmes_tour_gives_what_it_says(up: Up) -> None:
    pairs = blocks((ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(pairs) == 7
    script = ""
    for number, (text, _) in enumerate(pairs):
        script += f"{text}\necho; echo '--- {number}'\n"
    script = script.replace("127.0.0.1:4000", f"127.0.0.1:{up.ports['PASSERELLE_PORT']}")
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-euo",
        "pipefail",
        "-c",
        script,
        cwd=ROOT,
        env={**os.environ, **up.environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, errors.decode()
    printed = re.split(r"--- \d+\n", output.decode())
    for (_, expected), given in zip(pairs, printed, strict=False):
        if expected:
            assert json.loads(given) == json.loads(expected)


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
    take = "mutation($e: RetirerDroitInput!) { retirerDroit(entree: $e) { refus { code message } } }"
    assert (await ask(up, admin, give, e={**droit, "niveau": "LECTURE"}))["data"]["donnerDroit"]["refus"] == []
    await eventually(sees, within=5)
    assert (await ask(up, admin, take, e=droit))["data"]["retirerDroit"]["refus"] == []
    await eventually(does_not, within=5)


def forgeries(token: str) -> list[str]:
    """A token changed in its claims, in its signature, and without one."""
    header, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    other = base64.urlsafe_b64encode(json.dumps({**claims, "sub": "01AUTRE"}).encode()).decode().rstrip("=")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').decode().rstrip("=")
    return [f"{header}.{other}.{signature}", f"{header}.{payload}.{signature[::-1]}", f"{none}.{payload}."]


async def test_no_door_opens_to_nobody_or_to_a_forged_token(up: Up) -> None:
    token = (await jetons(up, "chef")).access_token
    for port, query in DOORS.items():
        assert "errors" not in await ask(up, token, query, port=port)
        for given in (None, *forgeries(token)):
            answer = await ask(up, given, query, port=port)
            assert answer["errors"][0]["extensions"]["code"] == "NON_AUTHENTIFIE", (port, answer)


async def test_an_expired_token_opens_no_door_either(up: Up) -> None:
    expired = await expired_token(up)
    for port in ("PASSERELLE_PORT", *SERVICES):
        answer = await ask(up, expired, "{ __typename }", port=port)
        assert answer["errors"][0]["extensions"]["code"] == "NON_AUTHENTIFIE", (port, answer)


async def expired_token(up: Up) -> str:
    """A token of the platform's own issuer, signed with its own key, whose time is over."""
    settings = platform.read_settings(up.environment)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _EXPIRED,
        cwd=ROOT,
        env={**os.environ, **settings.environment()},
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


async def identity(up: Up, *command: str, given: bytes = b"") -> None:
    """Run a command of `identity` on the platform."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.identity", *command),
        cwd=ROOT,
        env={**os.environ, **platform.read_settings(up.environment).environment()},
        stdin=asyncio.subprocess.PIPE,
    )
    await process.communicate(given)
    assert process.returncode == 0


async def test_a_disabled_account_is_refused_by_every_service_within_five_seconds(up: Up) -> None:
    courriel = "solene.marchand@demonstration.example.org"
    described = ("--courriel", courriel, "--nom", "Marchand", "--prenom", "Solène", "--role", "CHEF_ETABLISSEMENT")
    await identity(up, "creer-compte", *described, "--uai", UAI, "--mot-de-passe-stdin", given=MOT_DE_PASSE.encode())
    personne = Personne(courriel=courriel, mot_de_passe=MOT_DE_PASSE)
    signed_in = await sign_in(up.url("IDENTITY_PORT"), up.url("PORT_COURRIELS"), personne)

    async def answered_everywhere() -> bool:
        answers = [await ask(up, signed_in.access_token, query, port=port) for port, query in DOORS.items()]
        return not any("errors" in answer for answer in answers)

    await eventually(answered_everywhere)
    await identity(up, "desactiver-compte", "--courriel", courriel)

    async def refused_everywhere() -> bool:
        answers = [await ask(up, signed_in.access_token, query, port=port) for port, query in DOORS.items()]
        return all("errors" in answer for answer in answers)

    await eventually(refused_everywhere, within=5)


async def test_an_administrator_of_the_academie_reads_its_drafts_and_signs_in_with_three_factors(up: Up) -> None:
    signed_in = await jetons(up, "academie")
    claims = json.loads(base64.urlsafe_b64decode(signed_in.access_token.split(".")[1] + "=="))
    assert len(claims["amr"]) >= 3
    answer = await ask(up, signed_in.access_token, OPERATION, uai=UAI)
    assert "errors" not in answer
    assert answer["data"]["etablissement"]["formations"]["edges"][0]["node"]["rapport"]["etat"] == "BROUILLON"


async def test_the_trace_of_an_operation_goes_from_the_gateway_through_each_subgraph_to_its_store(up: Up) -> None:
    token = (await jetons(up, "chef")).access_token
    async with httpx.AsyncClient(base_url=up.url("PASSERELLE_PORT")) as client:
        answer = await client.post(
            "/graphql",
            json={"query": OPERATION, "variables": {"uai": UAI}},
            headers={"authorization": f"Bearer {token}"},
        )
    trace_id = answer.headers["trace-id"]
    paths: set[tuple[str, ...]] = set()

    async def complete() -> bool:
        async with httpx.AsyncClient(base_url=up.url("PORT_ZIPKIN")) as client:
            found = await client.get(f"/api/v2/trace/{trace_id}")
        by_id = {span["id"]: span for span in found.json()} if found.status_code == 200 else {}
        for span in by_id.values():
            path: list[str] = []
            current: dict[str, Any] | None = span
            while current is not None:
                path.append(f"{current['localEndpoint']['serviceName']}: {current['name']}")
                current = by_id.get(current.get("parentId", ""))
            paths.add(tuple(reversed(path)))
        return all(
            any(
                path[:3] == ("gateway: post /graphql", f"gateway: fetch {name}", f"{name}: post /graphql")
                and len(path) > 3
                for path in paths
            )
            for name in ("identity", "offre", "eleves", "pilotage", "rapports")
        )

    await eventually(complete, within=30)


async def test_nothing_that_a_person_typed_or_was_given_is_in_any_log_span_or_metric(up: Up) -> None:
    signed_in = await jetons(up, "chef")
    (compte,) = [c for c in comptes(up.folder / "demonstration") if c.nom_court == "chef"]
    canary = "Zephyrine-Canari-4242"
    await ask(up, signed_in.access_token, f"query {canary.replace('-', '_')} {{ moi {{ prenom nom courriel }} }}")
    await ask(up, signed_in.access_token, OPERATION, uai=canary)
    await ask(up, signed_in.access_token, f'{{ etablissement(uai: "{canary}") {{ nom }} }}')
    await ask(up, signed_in.access_token, f'{{ inconnu(x: "{canary}") }}')
    async with httpx.AsyncClient() as client:
        traces = (await client.get(f"{up.url('PORT_ZIPKIN')}/api/v2/traces", params={"limit": 2000})).text
        metrics = [(await client.get(f"{up.url(port)}/metrics")).text for port in ("PASSERELLE_PORT", *SERVICES)]
    logs = [path.read_text(encoding="utf-8", errors="replace") for path in sorted((up.folder / "logs").glob("*.log"))]
    secrets = {
        "name": compte.ligne["nom"],
        "address": compte.courriel,
        "password": MOT_DE_PASSE,
        "TOTP secret": totp("chef"),
        "access token": signed_in.access_token.split(".")[2],
        "refresh token": signed_in.refresh_token,
        "argument": canary,
        "operation name": canary.replace("-", "_"),
    }
    assert len(traces) > 1000
    assert sum(map(len, logs)) > 1000
    for where, text in (("spans", traces), *(("metrics", m) for m in metrics), *(("logs", log) for log in logs)):
        for what, secret in secrets.items():
            assert secret.lower() not in text.lower(), f"the {what} is in the {where}"


async def test_with_one_service_away_the_others_are_answered_and_what_is_missing_is_said(up: Up) -> None:
    token = (await jetons(up, "chef")).access_token
    roots = {"identity": "moi", "offre": "etablissement", "eleves": "eleves", "pilotage": "indicateurs"}
    for name in (*roots, "rapports"):
        process = find(name, up.process.pid)
        process.suspend()
        try:
            answer = await ask(up, token, OPERATION, uai=UAI)
        finally:
            process.resume()
        assert {root for root, found in answer["data"].items() if found is None} == {roots.get(name)} - {None}
        if name == "rapports":
            edges = answer["data"]["etablissement"]["formations"]["edges"]
            assert [edge["node"]["rapport"] for edge in edges] == [None] * 5
        missing = [error for error in answer["errors"] if error["extensions"].get("service") == name]
        assert missing
        assert missing[0]["extensions"]["code"] == "SERVICE_INDISPONIBLE"


def find(name: str, supervisor: int) -> psutil.Process:
    """The process of a service."""
    children = psutil.Process(supervisor).children(recursive=True)
    (found,) = [child for child in children if f"services.{name}" in " ".join(child.cmdline())]
    return found
