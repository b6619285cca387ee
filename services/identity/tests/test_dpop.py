"""Tokens that are bound to a key (RFC 9449): at the provider, and through the real gateway to a service."""

import asyncio
import base64
import contextlib
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from gateway.http.app import create_app as create_gateway
from gateway.settings import Settings
from infra.local.connexion import Navigateur
from kit.auth import service_tokens
from kit.http import open_client
from kit.testing.serving import free_port, serve
from kit.testing.waiting import eventually
from services.identity.oidc.dpop import InvalidProof, read_proof
from services.identity.tests.conftest import Identity
from services.identity.tests.preuves import VERIFIER, Telephone, exchange, renew
from services.identity.tests.test_jetons import GESTIONNAIRE

ROOT = Path(__file__).parents[3]
URL = "https://identite.example.fr/token"
TELEPHONE = Telephone()
QUERY = {"query": "{ moi { prenom } }"}


def test_a_proof_tells_the_key_whose_possession_it_proves() -> None:
    proof = TELEPHONE.proof("POST", URL)
    assert read_proof([proof], method="POST", url=URL).jkt == TELEPHONE.jkt
    with_query = TELEPHONE.proof("POST", URL + "?x=1#y")
    assert read_proof([with_query], method="POST", url=URL).jkt == TELEPHONE.jkt
    bound = TELEPHONE.proof("GET", URL, token="jeton")
    assert read_proof([bound], method="GET", url=URL, token="jeton").jkt == TELEPHONE.jkt


@pytest.mark.parametrize(
    "changed",
    [
        {"htm": "GET"},
        {"htm": "post"},
        {"htm": None},
        {"htu": "https://identite.example.fr/par"},
        {"htu": "https://autre.example/token"},
        {"htu": "http://identite.example.fr/token"},
        {"htu": None},
        {"htu": 7},
        {"iat": 0},
        {"iat": None},
        {"iat": "hier"},
        {"iat": 10**400},
        {"jti": None},
        {"jti": ""},
        {"jti": 5},
        {"jti": "x" * 201},
        {"header": {"typ": "JWT"}},
        {"header": {"jwk": TELEPHONE.key.as_dict(private=True)}},
        {"header": {"jwk": ECKey.generate_key("P-256").as_dict(private=False)}},
        {"header": {"jwk": {"kty": "oct", "k": "eA"}}},
        {"key": ECKey.generate_key("P-256")},
    ],
)
def test_a_proof_that_is_not_for_this_request_by_its_own_key_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(InvalidProof):
        read_proof([TELEPHONE.proof("POST", URL, **changed)], method="POST", url=URL)


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"jwk": 5},
        {"jwk": "x"},
        {"jwk": {}},
        {"jwk": {"kty": "EC", "crv": "P-256", "x": 1, "y": [2]}},
        {"crit": [5]},
        [],
    ],
)
def test_a_proof_whose_header_makes_no_sense_is_refused(header: Any) -> None:
    _, payload, signature = TELEPHONE.proof("POST", URL).split(".")
    said = {"typ": "dpop+jwt", "alg": "ES256"} | header if isinstance(header, dict) else header
    written = base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=").decode()
    with pytest.raises(InvalidProof):
        read_proof([f"{written}.{payload}.{signature}"], method="POST", url=URL)


def test_a_proof_is_believed_for_a_minute_and_by_a_clock_a_few_seconds_off() -> None:
    now = int(time.time())
    for off in (-50, 0, 3):
        read_proof([TELEPHONE.proof("POST", URL, iat=now + off)], method="POST", url=URL)
    for off in (-70, 20):
        with pytest.raises(InvalidProof):
            read_proof([TELEPHONE.proof("POST", URL, iat=now + off)], method="POST", url=URL)


def test_a_proof_of_another_kind_of_signature_several_proofs_and_none_are_refused() -> None:
    rsa = RSAKey.generate_key(2048)
    claims = {"jti": "x", "htm": "POST", "htu": URL, "iat": int(time.time())}
    header = {"typ": "dpop+jwt", "alg": "RS256", "jwk": rsa.as_dict(private=False)}
    by_rsa = jwt.encode(header, claims, rsa)
    proof = TELEPHONE.proof("POST", URL)
    for shown in ([by_rsa], [proof, proof], [], ["a.b.c"], ["é"], [proof[:-3]], [proof + "x" * 5000]):
        with pytest.raises(InvalidProof):
            read_proof(shown, method="POST", url=URL)
    with pytest.raises(InvalidProof):
        read_proof([TELEPHONE.proof("POST", URL, token="un jeton")], method="POST", url=URL, token="un autre")
    with pytest.raises(InvalidProof):
        read_proof([TELEPHONE.proof("POST", URL)], method="POST", url=URL, token="un jeton")


@pytest.fixture(scope="module")
async def browser(identity: Identity) -> Navigateur:
    """A browser in which a person is signed in to the mobile application."""
    opened = (await identity.account(GESTIONNAIRE)).browser()
    opened.client_id = "mobile"
    await opened.authorize(VERIFIER)
    return opened


async def signed_in(browser: Navigateur, telephone: Telephone) -> dict[str, Any]:
    """The tokens of the mobile application, bound to the key of that telephone."""
    code = await browser.authorize(VERIFIER)
    answer = await exchange(browser, code, telephone.proof("POST", f"{browser.identity_url}/token"))
    found: dict[str, Any] = json.loads(answer.text)
    return found


@pytest.mark.exigence("ASVS 10.4.5")
@pytest.mark.stack
async def test_a_mobile_application_gets_tokens_for_its_key_and_nobody_else_can_renew_them(
    identity: Identity, browser: Navigateur
) -> None:
    telephone, url = Telephone(), f"{identity.url}/token"
    code = await browser.authorize(VERIFIER)
    assert (await exchange(browser, code, None)).json()["error"] == "invalid_dpop_proof"
    wrong = telephone.proof("POST", f"{identity.url}/userinfo")
    assert (await exchange(browser, code, wrong)).json()["error"] == "invalid_dpop_proof"
    proof = telephone.proof("POST", url)
    given = (await exchange(browser, code, proof)).json()
    assert given["token_type"] == "DPoP"
    assert (await identity.verifier.verify(given["access_token"])).cle == telephone.jkt

    refresh_token = given["refresh_token"]
    assert (await renew(browser, refresh_token, None)).json()["error"] == "invalid_dpop_proof"
    assert (await renew(browser, refresh_token, proof)).json()["error"] == "invalid_dpop_proof", "shown before"
    stolen = await renew(browser, refresh_token, Telephone().proof("POST", url))
    assert stolen.json()["error"] == "invalid_grant"
    renewed = (await renew(browser, refresh_token, telephone.proof("POST", url))).json()
    assert (await identity.verifier.verify(renewed["access_token"])).cle == telephone.jkt
    assert renewed["token_type"] == "DPoP"


@pytest.mark.stack
async def test_ten_uses_of_one_proof_at_once_succeed_once(identity: Identity, browser: Navigateur) -> None:
    telephone = Telephone()
    given = await signed_in(browser, telephone)
    url, token = f"{identity.url}/userinfo", given["access_token"]
    headers = telephone.bearing("GET", url, token)
    answers = await asyncio.gather(*(browser._http.get(url, headers=headers) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 9


@pytest.mark.stack
async def test_user_info_asks_for_the_proof_that_goes_with_the_token(identity: Identity, browser: Navigateur) -> None:
    telephone, stranger = Telephone(), Telephone()
    given = await signed_in(browser, telephone)
    url, token = f"{identity.url}/userinfo", given["access_token"]
    assert (await browser._http.get(url, headers=telephone.bearing("GET", url, token))).status_code == 200
    for headers in (
        {"authorization": f"Bearer {token}"},
        {"authorization": f"Bearer {token}", "dpop": telephone.proof("GET", url, token=token)},
        {"authorization": f"DPoP {token}"},
        {"authorization": f"DPoP {token}", "dpop": telephone.proof("GET", url)},
        telephone.bearing("POST", url, token),
        stranger.bearing("GET", url, token),
    ):
        answer = await browser._http.get(url, headers=headers)
        assert answer.status_code == 401
        assert 'DPoP algs="ES256"' in answer.headers["www-authenticate"]
    # Who finds a stolen token may end it, and nothing else: no proof is asked for that.
    ended = await browser._http.post(f"{identity.url}/revoke", data={"token": token, "client_id": "mobile"})
    assert ended.status_code == 200
    assert (await browser._http.get(url, headers=telephone.bearing("GET", url, token))).status_code == 401


@pytest.fixture(scope="module")
async def gateway(identity: Identity) -> AsyncIterator[str]:
    async with serve_gateway(identity) as address:
        yield address


@contextlib.asynccontextmanager
async def serve_gateway(identity: Identity) -> AsyncIterator[str]:
    """The real gateway, over identity alone: where clients ask it."""
    keys, port = identity.settings.cles_services, free_port()
    service_tokens.create_keys(keys, ("gateway",))
    address = f"http://127.0.0.1:{port}/graphql"
    subgraphs = dict.fromkeys(("eleves", "offre", "pilotage", "rapports"), "http://127.0.0.1:1/graphql")
    settings = Settings(
        IDENTITY_URL=identity.url,
        port=port,
        supergraphe=ROOT / "graphe/supergraph.graphql",
        sous_graphes={**subgraphs, "identity": f"{identity.url}/graphql"},
        adresse=address,
        cle=service_tokens.private_key_path(keys, "gateway"),
    )
    async with serve(create_gateway(settings), port=port), open_client() as http:

        async def ready() -> bool:
            return (await http.get(f"http://127.0.0.1:{port}/sante/pret")).status_code == 200

        await eventually(ready)
        yield address


async def ask(url: str, headers: dict[str, str]) -> httpx.Response:
    async with open_client() as http:
        return await http.post(url, json=QUERY, headers=headers)


@pytest.mark.stack
async def test_through_the_gateway_a_bound_token_serves_whoever_has_its_key_once_a_proof(
    identity: Identity, browser: Navigateur, gateway: str
) -> None:
    telephone = Telephone()
    token = (await signed_in(browser, telephone))["access_token"]
    good = telephone.bearing("POST", gateway, token)
    answer = await ask(gateway, good)
    assert answer.json() == {"data": {"moi": {"prenom": "Camille"}}}
    assert (await ask(gateway, good)).status_code == 401, "the same proof again"
    for headers in (
        {"authorization": f"Bearer {token}"},
        {"authorization": f"DPoP {token}"},
        Telephone().bearing("POST", gateway, token),
        telephone.bearing("POST", f"{identity.url}/graphql", token),
        telephone.bearing("GET", gateway, token),
        telephone.bearing("POST", gateway, token, iat=int(time.time()) - 120),
        telephone.bearing("POST", gateway, token, ath="autre"),
    ):
        refused = await ask(gateway, headers)
        assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (401, "NON_AUTHENTIFIE")


@pytest.mark.exigence("ASVS 10.1.1")
@pytest.mark.stack
async def test_a_service_takes_a_bound_token_from_the_gateway_and_from_nobody_else(
    identity: Identity, browser: Navigateur, tmp_path: Path
) -> None:
    telephone, url = Telephone(), f"{identity.url}/graphql"
    token = (await signed_in(browser, telephone))["access_token"]
    keys = identity.settings.cles_services
    service_tokens.create_keys(keys, ("gateway",))
    service_tokens.create_keys(tmp_path, ("gateway",))
    bound = {"authorization": f"DPoP {token}"}

    def vouched(folder: Path, caller: str, callee: str) -> dict[str, str]:
        return {"service-token": service_tokens.issue(folder, caller=caller, callee=callee)}

    taken = await ask(url, bound | vouched(keys, "gateway", "identity"))
    assert taken.json() == {"data": {"moi": {"prenom": "Camille"}}}
    for headers in (
        bound,
        telephone.bearing("POST", url, token),
        bound | {"service-token": "x"},
        bound | vouched(keys, "gateway", "offre"),
        bound | vouched(keys, "offre", "identity"),
        bound | vouched(tmp_path, "gateway", "identity"),
        {"authorization": f"Bearer {token}"} | vouched(keys, "gateway", "identity"),
    ):
        assert (await ask(url, headers)).status_code == 401, headers.keys()


@pytest.mark.stack
async def test_a_token_that_is_bound_to_no_key_is_not_taken_for_one_that_is(identity: Identity, gateway: str) -> None:
    telephone = Telephone()
    token = (await (await identity.account(GESTIONNAIRE, totp=False)).browser().sign_in()).access_token
    assert (await ask(gateway, {"authorization": f"Bearer {token}"})).status_code == 200
    assert (await ask(gateway, telephone.bearing("POST", gateway, token))).status_code == 401
    url = f"{identity.url}/userinfo"
    async with open_client() as http:
        assert (await http.get(url, headers=telephone.bearing("GET", url, token))).status_code == 401
