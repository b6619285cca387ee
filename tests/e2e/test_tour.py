"""The story on the running platform: the README as written, its trace, parts that are away, no leak."""

import asyncio
import hashlib
import json
import os
import re
from secrets import token_urlsafe
from typing import Any

import psutil
import pytest

from infra.local.connexion import Boite, Navigateur, Personne, exchange
from infra.local.demonstration import MOT_DE_PASSE, comptes, totp
from infra.local.processes import ROOT
from kit.http import open_client
from kit.testing.waiting import eventually
from tests.e2e.demandes import DEPOSER, OPERATION, RACINES, UAI, ask, jetons
from tests.e2e.fichiers import read_demonstration
from tests.e2e.running import Up, path_to_root
from tests.e2e.sorties import collect, find_codes, find_words, read_records

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]


def blocks(readme: str) -> list[tuple[str, str]]:
    """What the tour says to paste, each with what it says comes out (nothing where it says nothing)."""
    tour = readme[readme.index("## A tour") : readme.index("## Where things are")]
    found = re.findall(r"```(sh|json|text)\n(.*?)```", tour, re.DOTALL)
    pairs: list[tuple[str, str]] = []
    for kind, text in found:
        if kind == "sh":
            pairs.append((text, ""))
        else:
            pairs[-1] = (pairs[-1][0], text)
    return pairs


async def test_the_readmes_tour_gives_what_it_says(up: Up) -> None:
    pairs = blocks((ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(pairs) == 9
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
        if expected.startswith("{"):
            assert json.loads(given) == json.loads(expected)
        elif expected:
            assert given.strip() == expected.strip()


async def test_the_trace_of_an_operation_goes_from_the_gateway_through_each_subgraph_to_its_store(up: Up) -> None:
    token = (await jetons(up, "chef")).access_token
    await traced_operation(up, token)


async def traced_operation(up: Up, token: str) -> None:
    """Ask the operation that asks every service, and return once its whole trace can be read: each branch of it ends in
    what a service asked its own store.

    A process sends its spans in the order in which they ended: all that ended before can be read as well.
    """
    async with open_client(base_url=up.url("PASSERELLE_PORT"), timeout=20) as client:
        answer = await client.post(
            "/graphql",
            json={"query": OPERATION, "variables": {"uai": UAI}},
            headers={"authorization": f"Bearer {token}"},
        )
    trace_id = answer.headers["trace-id"]

    async def complete() -> bool:
        async with open_client(base_url=up.url("PORT_ZIPKIN")) as client:
            found = await client.get(f"/api/v2/trace/{trace_id}")
        spans = found.json() if found.status_code == 200 else []
        above = {span.get("parentId") for span in spans}
        ends = [span for span in spans if span["id"] not in above]
        paths = [[f"{service}: {name}" for service, name in reversed(path_to_root(spans, span))] for span in ends]
        return all(map(is_of_own_store, ends)) and all(
            any(
                path[:3] == ["gateway: post /graphql", f"gateway: fetch {name}", f"{name}: post /graphql"]
                for path in paths
            )
            for name in RACINES
        )

    await eventually(complete, within=30, every=0.2)


def is_of_own_store(span: dict[str, Any]) -> bool:
    """Whether it is what a service asked MongoDB, of the database that bears its name."""
    tags = span.get("tags", {})
    return (tags.get("db.system"), tags.get("db.name")) == ("mongodb", span["localEndpoint"]["serviceName"])


async def test_nothing_that_a_person_typed_or_was_given_is_in_any_log_span_metric_or_record(up: Up) -> None:
    (compte,) = [c for c in comptes(up.folder / "demonstration") if c.nom_court == "chef"]
    seen, codes = await sign_in_twice(up, compte.courriel)
    token = seen["access token"]
    canary = "Zephyrine-Canari-4242"
    await ask(up, token, f"query {canary.replace('-', '_')} {{ moi {{ prenom nom courriel }} }}")
    await ask(up, token, OPERATION, uai=canary)
    await ask(up, token, f'{{ etablissement(uai: "{canary}") {{ nom }} }}')
    await ask(up, token, f'{{ inconnu(x: "{canary}") }}')
    secrets = {name: value.rpartition(".")[2] for name, value in seen.items()} | {
        "address": compte.courriel,
        "password": MOT_DE_PASSE,
        "TOTP secret": totp("chef"),
        "argument": canary,
        "operation name": canary.replace("-", "_"),
        "address of a deposit": await deposit(up, token),
    }
    assert all(len(secret) > 15 for secret in secrets.values())
    await traced_operation(up, token)
    texts = await collect(up)
    assert min(len(texts[name]) for name in ("spans", "eleves.log", "identity.log", "Kafka headers")) > 500
    for where, text in texts.items():
        for what, secret in secrets.items():
            assert secret.casefold() not in text.casefold(), f"the {what} is in: {where}"
        assert not find_words([compte.ligne["nom"]], text), f"the name is in: {where}"
        assert not find_codes(codes, text), f"an e-mailed code is in: {where}"
    async for record in read_records(f"127.0.0.1:{up.ports['PORT_KAFKA']}"):
        told = [what for what, secret in secrets.items() if secret.encode() in (record.value or b"")]
        assert not told, f"in a record of {record.topic}"


async def sign_in_twice(up: Up, courriel: str) -> tuple[dict[str, str], set[str]]:
    """What identity gave to someone who signs in with e-mailed codes, and these, two times."""
    boite, codes = Boite(up.url("PORT_COURRIELS")), set[str]()
    for _ in range(2):
        navigateur = Navigateur(up.url("IDENTITY_PORT"), Personne(courriel=courriel, mot_de_passe=MOT_DE_PASSE), boite)
        before, verifier = await boite.last(courriel), token_urlsafe(48)
        code = await navigateur.authorize(verifier)
        codes.add(await boite.code_after(courriel, before))
        async with open_client() as client:
            given = await exchange(client, navigateur.identity_url, code, verifier, navigateur.client_id)
        await navigateur.aclose()
    tokens = {"access token": given.access_token, "refresh token": given.refresh_token, "ID token": given.id_token}
    return {**tokens, "authorization code": code, "PKCE verifier": verifier}, codes


async def deposit(up: Up, token: str) -> str:
    """Where a file was announced to be sent, and then was: the part of its address that is its own."""
    fichier = {"nom": "eleves.xml", "taille": 4, "sha256": hashlib.sha256(b"rien").hexdigest()}
    answer = await ask(up, token, DEPOSER, u=UAI, f=[fichier])
    url = str(answer["data"]["demanderDepot"]["fichiers"][0]["url"])
    async with open_client(headers={"authorization": f"Bearer {token}"}, timeout=20) as client:
        assert (await client.put(url, content=b"rien")).status_code == 202
        assert (await client.put(url, content=b"rien")).status_code == 409
    return url.rpartition("/")[2]


async def test_with_one_service_away_the_others_are_answered_and_what_is_missing_is_said(up: Up) -> None:
    token = (await jetons(up, "chef")).access_token
    counted = (await read_demonstration(up.folder / "demonstration")).recount()
    told = [
        (f.libelle, id, f.capacite, counted.rapports[id].voeux_confirmes) for id, f in counted.formations[UAI].items()
    ]
    expected = [(libelle, places, voeux) for libelle, _, places, voeux in sorted(told)[:5]]

    async def followed() -> bool:
        return drafts((await ask(up, token, OPERATION, uai=UAI))["data"]) == expected

    await eventually(followed, within=60)
    for name, root in RACINES.items():
        process = find(name, up.process.pid)
        process.suspend()
        try:
            answer = await ask(up, token, OPERATION, uai=UAI)
        finally:
            process.resume()
        data = answer["data"]
        assert {key for key, found in data.items() if found is None} == {root}
        if name == "rapports":
            edges = data["etablissement"]["formations"]["edges"]
            assert [edge["node"]["rapport"] for edge in edges] == [None] * 5
        else:
            assert drafts(data) == expected
        assert answer["errors"]
        assert {(e["extensions"]["service"], e["extensions"]["code"]) for e in answer["errors"]} == {
            (name, "SERVICE_INDISPONIBLE")
        }


def drafts(data: dict[str, Any]) -> list[tuple[str, int, int]]:
    """Of each draft that is listed, its formation, its places and its wishes."""
    nodes = [edge["node"] for edge in data["rapports"]["edges"]]
    return [(node["libelle"], node["chiffres"]["places"], node["chiffres"]["voeuxConfirmes"]) for node in nodes]


def find(name: str, supervisor: int) -> psutil.Process:
    """The process of a service."""
    children = psutil.Process(supervisor).children(recursive=True)
    (found,) = [child for child in children if f"services.{name}" in " ".join(child.cmdline())]
    return found
