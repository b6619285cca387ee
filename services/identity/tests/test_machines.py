"""Machines: one flow each, proved by a key of their own (RFC 7523 and RFC 6749 §4.4; domaine.md §1, `SYSTEME`)."""

import asyncio
import base64
import hmac
import json
import time
from typing import Any
from uuid import uuid4

import httpx
import pytest
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from kit.errors import Unauthenticated
from kit.http import open_client
from services.identity.oidc.cles_clients import private_key_path
from services.identity.tests.conftest import Identity

pytestmark = pytest.mark.stack

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def key_of(identity: Identity, machine: str) -> ECKey:
    """The private key of a machine of the demonstration."""
    path = private_key_path(identity.settings.cles_services / f"{machine}.jwks.json")
    return ECKey.import_key(json.loads(path.read_text()))


def claims_of(identity: Identity, machine: str = "siecle", **changed: Any) -> dict[str, Any]:
    now = int(time.time())
    good = {"iss": machine, "sub": machine, "aud": identity.url, "iat": now, "exp": now + 60, "jti": uuid4().hex}
    return {name: value for name, value in (good | changed).items() if value is not None}


def assertion(identity: Identity, machine: str = "siecle", **changed: Any) -> str:
    """An assertion of a machine, good but for the claims given otherwise; None leaves one out."""
    key = key_of(identity, machine)
    return jwt.encode({"alg": "ES256", "kid": key.kid}, claims_of(identity, machine, **changed), key)


async def ask(identity: Identity, shown: str, **fields: str) -> httpx.Response:
    asked = {
        "grant_type": "client_credentials",
        "client_assertion_type": _ASSERTION_TYPE,
        "client_assertion": shown,
    }
    async with open_client() as http:
        return await http.post(f"{identity.url}/token", data=asked | fields)


async def test_a_machine_is_given_a_token_for_its_flow_and_nothing_of_a_session(identity: Identity) -> None:
    async with AsyncOAuth2Client(
        "siecle", key_of(identity, "siecle"), token_endpoint_auth_method="private_key_jwt"
    ) as client:
        header = {"kid": key_of(identity, "siecle").kid}
        client.register_client_auth_method(_short(f"{identity.url}/token", header))
        given = await client.fetch_token(f"{identity.url}/token", grant_type="client_credentials")
    assert set(given) == {"access_token", "token_type", "expires_in", "expires_at", "scope"}
    assert given["scope"] == "siecle.pousser"
    payload = json.loads(base64.urlsafe_b64decode(given["access_token"].split(".")[1] + "=="))
    assert set(payload) == {"iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope"}
    assert (payload["sub"], payload["exp"] - payload["iat"]) == ("siecle", 600)
    token = await identity.verifier.verify_machine(given["access_token"], flux="siecle.pousser")
    assert token.client_id == "siecle"


def _short(token_endpoint: str, header: dict[str, Any]) -> PrivateKeyJWT:
    """Authlib's own method, whose assertions are valid for an hour unless told otherwise."""
    expires = int(time.time()) + 120
    return PrivateKeyJWT(token_endpoint, claims={"exp": expires}, headers=header, alg="ES256")


async def test_each_token_of_a_machine_is_written_in_the_audit_trail(identity: Identity) -> None:
    before = await identity.deps.database.audit.count_documents({"acte": "MACHINE_CONNECTEE", "acteur": "catalogue"})
    assert (await ask(identity, assertion(identity, "catalogue"))).status_code == 200
    after = await identity.deps.database.audit.count_documents({"acte": "MACHINE_CONNECTEE", "acteur": "catalogue"})
    assert after == before + 1


@pytest.mark.exigence("ASVS 9.2.2")
async def test_the_token_of_a_machine_opens_no_door_of_persons(identity: Identity) -> None:
    token = (await ask(identity, assertion(identity))).json()["access_token"]
    with pytest.raises(Unauthenticated):
        await identity.verifier.verify(token)
    headers = {"authorization": f"Bearer {token}"}
    async with open_client() as http:
        answer = await http.post(f"{identity.url}/graphql", json={"query": "{ moi { nom } }"}, headers=headers)
        assert answer.status_code == 401
        assert answer.json()["errors"][0]["extensions"]["code"] == "NON_AUTHENTIFIE"
        assert (await http.get(f"{identity.url}/userinfo", headers=headers)).status_code == 401


@pytest.mark.exigence("ASVS 10.3.2", "ASVS 10.4.11")
@pytest.mark.parametrize("scope", ["catalogue.offres", "openid", "siecle.pousser openid", "tout"])
async def test_a_machine_has_its_own_flow_only(identity: Identity, scope: str) -> None:
    assert (await ask(identity, assertion(identity), scope=scope)).json()["error"] == "invalid_scope"


@pytest.mark.parametrize("audience", ["", "/token"])
async def test_an_assertion_is_for_the_provider_or_its_token_endpoint(identity: Identity, audience: str) -> None:
    assert (await ask(identity, assertion(identity, aud=identity.url + audience))).status_code == 200
    assert (await ask(identity, assertion(identity, aud=[identity.url + audience]))).status_code == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "https://autre.example"},
        {"aud": "IDENTITY/"},
        {"aud": "IDENTITY/revoke"},
        {"aud": ["IDENTITY", "https://autre.example"]},
        {"aud": None},
        {"iss": "catalogue"},
        {"sub": "inconnu", "iss": "inconnu"},
        {"sub": "web", "iss": "web"},
        {"sub": 7},
        {"iss": None},
        {"exp": None},
        {"exp": 10},
        {"exp": "demain"},
        {"exp": "DANS UNE HEURE"},
        {"nbf": "DANS UNE HEURE"},
        {"iat": "DANS UNE HEURE"},
        {"jti": None},
        {"jti": ""},
        {"jti": 5},
        {"jti": "x" * 201},
    ],
)
async def test_an_assertion_that_is_not_exactly_for_us_now_and_once_is_refused(
    identity: Identity, changed: dict[str, Any]
) -> None:
    said = json.loads(
        json.dumps(changed).replace("IDENTITY", identity.url).replace('"DANS UNE HEURE"', str(int(time.time()) + 3600))
    )
    claimed = said.get("sub", "siecle")
    written = {"acte": "MACHINE_CONNECTEE", "motif": "INVALID_CLIENT", "acteur": None}
    written["cible"] = claimed if claimed in ("siecle", "web") else None
    before = await identity.deps.database.audit.count_documents(written)
    answer = await ask(identity, assertion(identity, **said))
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_client"
    assert await identity.deps.database.audit.count_documents(written) == before + 1


async def test_a_clock_a_few_seconds_off_is_forgiven(identity: Identity) -> None:
    now = int(time.time())
    assert (await ask(identity, assertion(identity, iat=now + 3, nbf=now + 3, exp=now + 302))).status_code == 200
    assert (await ask(identity, assertion(identity, iat=now + 30))).status_code == 400


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def forged(identity: Identity, header: dict[str, Any], secret: bytes | None) -> str:
    signed = ".".join(_base64(json.dumps(part).encode()) for part in (header, claims_of(identity)))
    mac = b"" if secret is None else hmac.digest(secret, signed.encode(), "sha256")
    return f"{signed}.{_base64(mac)}"


async def test_an_assertion_signed_otherwise_than_by_a_declared_key_is_refused(identity: Identity) -> None:
    key, stranger, rsa = key_of(identity, "siecle"), ECKey.generate_key("P-256"), RSAKey.generate_key(2048)
    neighbour = key_of(identity, "catalogue")
    for shown in (
        jwt.encode({"alg": "ES256", "kid": key.kid}, claims_of(identity), stranger),
        jwt.encode({"alg": "ES256", "kid": neighbour.kid}, claims_of(identity), neighbour),
        jwt.encode({"alg": "ES256", "kid": "inconnue"}, claims_of(identity), key),
        jwt.encode({"alg": "ES256"}, claims_of(identity), key),
        jwt.encode({"alg": "RS256", "kid": key.kid}, claims_of(identity), rsa),
        forged(identity, {"alg": "none", "kid": key.kid}, None),
        forged(identity, {"alg": "HS256", "kid": key.kid}, key.as_pem(private=False)),
        forged(identity, {"alg": "HS256", "kid": key.kid}, json.dumps(key.as_dict(private=False)).encode()),
        forged(identity, {"alg": "ES256", "kid": key.kid, "crit": [5]}, b"x"),
        "a.b.c",
        "é",
        "",
    ):
        answer = await ask(identity, shown)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client"), shown


@pytest.mark.exigence("ASVS 10.4.10")
async def test_a_machine_without_assertion_or_with_the_one_of_another_is_refused(identity: Identity) -> None:
    async with open_client() as http:
        bare = {"grant_type": "client_credentials", "client_id": "siecle"}
        assert (await http.post(f"{identity.url}/token", data=bare)).json()["error"] == "invalid_client"
        secret = bare | {"client_secret": "secret"}
        assert (await http.post(f"{identity.url}/token", data=secret)).json()["error"] == "invalid_client"
    answer = await ask(identity, assertion(identity), client_id="catalogue")
    assert answer.json()["error"] == "invalid_client"


@pytest.mark.exigence("ASVS 10.4.4")
async def test_a_machine_signs_nobody_in_and_an_application_is_no_machine(identity: Identity) -> None:
    code = {"grant_type": "authorization_code", "code": "x"}
    assert (await ask(identity, assertion(identity), **code)).json()["error"] == "unauthorized_client"
    async with open_client() as http:
        asked = {"grant_type": "client_credentials", "client_id": "ligne-de-commande"}
        assert (await http.post(f"{identity.url}/token", data=asked)).json()["error"] == "invalid_client"


async def test_ten_uses_of_one_assertion_at_once_succeed_once_and_the_others_are_written(identity: Identity) -> None:
    refused = {"acte": "MACHINE_CONNECTEE", "motif": "PREUVE_REJOUEE", "cible": "site-des-candidats"}
    before = await identity.deps.database.audit.count_documents(refused)
    shown = assertion(identity, "site-des-candidats")
    answers = await asyncio.gather(*(ask(identity, shown) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 9
    assert await identity.deps.database.audit.count_documents(refused) == before + 9
