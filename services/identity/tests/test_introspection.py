"""A backend asks whether a token still counts (RFC 7662), and proves itself by a key (RFC 7523)."""

import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from infra.local.connexion import refresh
from kit.http import open_client
from services.identity.domain.audit import OPERATEUR
from services.identity.tests.conftest import Identity
from services.identity.tests.declarations import declaring, keys
from services.identity.tests.test_jetons import GESTIONNAIRE
from services.identity.tests.test_machines import ask, assertion
from services.identity.usecases.comptes import disable

pytestmark = pytest.mark.stack

_KEY = ECKey.generate_key("P-256", auto_kid=True)
_BACKEND = (
    'nom = "Dorsal"\nredirect_uris = ["http://127.0.0.1/retour"]\nboucle_locale = true\nscopes = ["openid"]\n'
    f'demonstration = true\nintrospection = ["ligne-de-commande", "siecle"]\n{keys(_KEY)}'
)
_OTHER = (
    'nom = "Autre"\nredirect_uris = ["http://127.0.0.1/retour"]\nscopes = ["openid"]\n'
    f"demonstration = true\n{keys(_KEY)}"
)


@dataclass(frozen=True, slots=True)
class Dorsal:
    """A backend that is declared to the second process."""

    identity: Identity

    def proof(self, client: str = "dorsal") -> dict[str, str]:
        now = int(time.time())
        url = self.identity.url
        claims = {"iss": client, "sub": client, "aud": url, "iat": now, "exp": now + 60, "jti": uuid4().hex}
        return {
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": jwt.encode({"alg": "ES256", "kid": _KEY.kid}, claims, _KEY),
        }

    async def post(self, path: str, **fields: str) -> httpx.Response:
        async with open_client() as http:
            return await http.post(f"{self.identity.url}{path}", data=fields)

    async def asks(self, token: str, *, client: str = "dorsal") -> dict[str, Any]:
        answer = await self.post("/introspect", token=token, **self.proof(client))
        assert answer.headers["cache-control"] == "no-store"
        found: dict[str, Any] = json.loads(answer.text)
        return found


@pytest.fixture(scope="module")
async def dorsal(tmp_path_factory: pytest.TempPathFactory, identity: Identity) -> AsyncIterator[Dorsal]:
    async with declaring(identity, tmp_path_factory.mktemp("clients"), dorsal=_BACKEND, autre=_OTHER) as declaring_it:
        yield Dorsal(declaring_it)


async def test_a_backend_hears_what_a_token_is_for_until_it_counts_no_more(dorsal: Dorsal) -> None:
    identity = dorsal.identity
    someone = await identity.account(GESTIONNAIRE)
    browser = someone.browser()
    jetons = await browser.sign_in()
    said = await dorsal.asks(jetons.access_token)
    assert set(said) == {
        *("active", "client_id", "scope", "sub", "sid", "iss", "aud", "exp", "token_type", "acr", "amr", "auth_time")
    }
    assert said["active"] is True
    assert (said["sub"], said["client_id"]) == (someone.compte.id, "ligne-de-commande")
    assert said["iss"] == identity.url
    assert await dorsal.asks(jetons.refresh_token) == {"active": False}, "another client's"
    for unknown in ("", "inconnu", "a.b.c", jetons.id_token, jetons.access_token[:-4] + "AAAA"):
        assert (await dorsal.asks(unknown)).get("active", False) is False
    await disable(identity.deps, someone.compte.id, par=OPERATEUR)
    assert await dorsal.asks(jetons.access_token) == {"active": False}


async def test_a_backend_signs_people_in_by_its_key_and_asks_about_its_own_refresh_tokens(dorsal: Dorsal) -> None:
    someone = await dorsal.identity.account(GESTIONNAIRE, totp=False)
    browser = someone.browser()
    browser.client_id = "dorsal"
    verifier = "a-verifier-of-more-than-forty-three-characters-long"
    code = await browser.authorize(verifier, scope="openid")
    exchange = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
    exchange |= {"redirect_uri": "http://127.0.0.1:8400/retour"}
    unproved = await dorsal.post("/token", client_id="dorsal", **exchange)
    assert unproved.json()["error"] == "invalid_client"
    jetons = (await dorsal.post("/token", **exchange, **dorsal.proof())).json()
    said = await dorsal.asks(jetons["refresh_token"])
    assert (said["active"], said["client_id"], said["sub"]) == (True, "dorsal", someone.compte.id)
    assert await dorsal.asks(jetons["access_token"]) == {"active": False}, "it does not declare to ask about its own"
    renewed = {"grant_type": "refresh_token", "refresh_token": jetons["refresh_token"]}
    again = (await dorsal.post("/token", **renewed, **dorsal.proof())).json()
    assert await dorsal.asks(jetons["refresh_token"]) == {"active": False}, "it was used"
    assert (await dorsal.post("/revoke", token=again["refresh_token"], **dorsal.proof())).status_code == 200
    assert await dorsal.asks(again["refresh_token"]) == {"active": False}


async def test_a_backend_hears_of_machines_what_their_flow_is(dorsal: Dorsal) -> None:
    identity = dorsal.identity
    token = (await ask(identity, assertion(identity))).json()["access_token"]
    said = await dorsal.asks(token)
    assert (said["active"], said["sub"], said["scope"]) == (True, "siecle", "siecle.pousser")
    other = (await ask(identity, assertion(identity, "catalogue"))).json()["access_token"]
    assert await dorsal.asks(other) == {"active": False}, "of a client that it does not declare"


@pytest.mark.exigence("ASVS 10.4.10")
async def test_only_a_backend_that_declares_it_and_proves_itself_may_ask(dorsal: Dorsal) -> None:
    identity = dorsal.identity
    jetons = await (await identity.account(GESTIONNAIRE, totp=False)).browser().sign_in()
    assert (await dorsal.asks(jetons.access_token, client="autre"))["error"] == "unauthorized_client"
    for fields in ({"client_id": "ligne-de-commande"}, {"client_id": "dorsal"}, {}):
        refused = await dorsal.post("/introspect", token=jetons.access_token, **fields)
        assert refused.json()["error"] == "invalid_client"
    proof = dorsal.proof()
    assert (await dorsal.post("/introspect", token=jetons.access_token, **proof)).json()["active"] is True
    replayed = await dorsal.post("/introspect", token=jetons.access_token, **proof)
    assert replayed.json()["error"] == "invalid_client"
    assert (await dorsal.post("/introspect", **dorsal.proof())).json()["error"] == "invalid_request"
    async with open_client() as http:
        await refresh(http, identity.url, jetons)
