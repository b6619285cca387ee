"""The provider, as a client sees it (OpenID Connect Core, RFC 6749, 7636, 9068, 9207)."""

import base64
import hashlib
import json
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

from infra.local.connexion import REDIRECTION, ConnexionRefusee, Navigateur, Page, exchange
from kit.http import open_client
from services.identity.tests.conftest import Identity
from socle.principal import RoleTenu
from socle.rubriques import Role

pytestmark = pytest.mark.stack

GESTIONNAIRE = RoleTenu(role=Role.GESTIONNAIRE, uai="0940001A")
VERIFIER = "a-verifier-of-more-than-forty-three-characters-long"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
GOOD = {
    "response_type": "code",
    "client_id": "ligne-de-commande",
    "redirect_uri": REDIRECTION,
    "scope": "openid",
    "state": "etat",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


@pytest.fixture(scope="module")
async def browser(identity: Identity) -> Navigateur:
    """A browser in which a person is signed in."""
    opened = (await identity.account(GESTIONNAIRE)).browser()
    await opened.sign_in()
    return opened


async def ask(browser: Navigateur, **parameters: str | None) -> httpx.Response:
    asked = {name: value for name, value in (GOOD | parameters).items() if value is not None}
    return await browser._http.get(f"{browser.identity_url}/authorize", params=asked)


def told(response: httpx.Response) -> dict[str, str]:
    """What the client is told by the redirection."""
    location = urlsplit(response.headers["location"])
    assert f"{location.scheme}://{location.netloc}{location.path}" == REDIRECTION
    return {name: values[0] for name, values in parse_qs(location.query).items()}


@pytest.mark.exigence("ASVS 10.4.4", "ASVS 10.6.1")
async def test_discovery_describes_what_is_served(identity: Identity) -> None:
    async with open_client(base_url=identity.url) as http:
        found = (await http.get("/.well-known/openid-configuration")).json()
        assert found["issuer"] == identity.url
        assert found["code_challenge_methods_supported"] == ["S256"]
        AuthorizationServerMetadata(found | {"issuer": found["issuer"].replace("http:", "https:")}).validate_issuer()
        keys = (await http.get(found["jwks_uri"])).json()["keys"]
        for endpoint in ("token", "revocation", "userinfo"):
            assert (await http.post(found[f"{endpoint}_endpoint"])).status_code in (400, 401)
    assert {"crv": "P-256", "kty": "EC", "alg": "ES256", "use": "sig"}.items() <= keys[0].items()
    assert "d" not in keys[0], "a private key is never published"


@pytest.mark.exigence("ASVS 10.3.3")
async def test_the_access_token_says_who_and_how_and_never_what_it_may_do(identity: Identity) -> None:
    someone = await identity.account(GESTIONNAIRE)
    jetons = await someone.browser().sign_in()
    header, payload = (json.loads(base64.urlsafe_b64decode(p + "==")) for p in jetons.access_token.split(".")[:2])
    assert (header["typ"], header["alg"]) == ("at+jwt", "ES256")
    assert set(payload) == {
        *("iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope", "auth_time", "acr", "amr", "sid")
    }
    assert payload["sub"] == someone.compte.id
    assert payload["aud"] == "site-de-gestion"
    assert payload["iss"] == identity.url
    assert payload["exp"] - payload["iat"] == 600
    token = await identity.verifier.verify(jetons.access_token)
    assert token.client_id == "ligne-de-commande"


@pytest.mark.exigence("ASVS 9.2.4")
async def test_the_id_token_is_for_the_client_with_its_nonce(identity: Identity) -> None:
    someone = await identity.account(GESTIONNAIRE)
    jetons = await someone.browser().sign_in(nonce="n-0S6_WzA2Mj")
    async with open_client(base_url=identity.url) as http:
        keys = KeySet.import_key_set((await http.get("/jwks")).json())
    decoded = jwt.decode(jetons.id_token, keys, algorithms=["ES256"])
    claims = CodeIDToken(
        decoded.claims,
        decoded.header,
        {"iss": {"essential": True, "value": identity.url}, "aud": {"value": "ligne-de-commande"}},
        {"nonce": "n-0S6_WzA2Mj", "client_id": "ligne-de-commande", "access_token": jetons.access_token},
    )
    claims.validate()
    assert claims["sub"] == someone.compte.id
    assert claims["amr"] == ["pwd", "otp"]


async def test_a_client_library_of_others_signs_in_with_what_discovery_says(browser: Navigateur) -> None:
    async with AsyncOAuth2Client(
        "ligne-de-commande",
        scope="openid profile email",
        redirect_uri=REDIRECTION,
        code_challenge_method="S256",
        token_endpoint_auth_method="none",
    ) as client:
        found = (await browser._http.get(f"{browser.identity_url}/.well-known/openid-configuration")).json()
        url, state = client.create_authorization_url(found["authorization_endpoint"], code_verifier=VERIFIER)
        location = (await browser._http.get(url)).headers["location"]
        endpoint = found["token_endpoint"]
        await client.fetch_token(endpoint, authorization_response=location, state=state, code_verifier=VERIFIER)
        known = (await client.get(found["userinfo_endpoint"])).json()
        await client.refresh_token(endpoint)
        assert (await client.get(found["userinfo_endpoint"])).status_code == 200
        await client.revoke_token(found["revocation_endpoint"], token=client.token["refresh_token"])
        assert (await client.get(found["userinfo_endpoint"])).status_code == 401
    assert known["name"] == "Camille Dupont"
    assert known["email"] == browser.personne.courriel


@pytest.mark.exigence("ASVS 10.3.2")
async def test_user_info_holds_what_the_scope_asks_and_nothing_else(browser: Navigateur) -> None:
    code = told(await ask(browser))["code"]
    jetons = await exchange(browser._http, browser.identity_url, code, VERIFIER, browser.client_id)
    headers = {"authorization": f"Bearer {jetons.access_token}"}
    answer = await browser._http.get(f"{browser.identity_url}/userinfo", headers=headers)
    assert set(answer.json()) == {"sub"}


@pytest.mark.parametrize("authorization", [None, "Bearer x", "Basic eDp5"])
async def test_user_info_is_for_a_valid_token_only(identity: Identity, authorization: str | None) -> None:
    headers = {} if authorization is None else {"authorization": authorization}
    async with open_client() as http:
        answer = await http.get(f"{identity.url}/userinfo", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.exigence("ASVS 10.4.1")
@pytest.mark.parametrize(
    "changed",
    [
        {"redirect_uri": "http://127.0.0.1:8400/autre"},
        {"redirect_uri": "http://evil.example/retour"},
        {"redirect_uri": "https://127.0.0.1:8400/retour"},
        {"redirect_uri": REDIRECTION + '"<script>'},
        {"redirect_uri": None},
        {"client_id": "inconnu"},
        {"client_id": None},
        {"client_id": "web"},
    ],
)
async def test_an_address_that_is_not_exactly_declared_is_never_redirected_to(
    browser: Navigateur, changed: dict[str, str | None]
) -> None:
    answer = await ask(browser, **changed)
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert "Demande de connexion refusée" in answer.text
    assert "<script>" not in answer.text


async def test_a_native_client_comes_back_on_any_port_of_the_loopback_address(browser: Navigateur) -> None:
    answer = await ask(browser, redirect_uri="http://127.0.0.1:49152/retour")
    assert answer.headers["location"].startswith("http://127.0.0.1:49152/retour?code=")


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "court"}, "invalid_request"),
        ({"scope": "openid tout"}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"request": "x.y.z"}, "request_not_supported"),
        ({"request_uri": "https://client.example/r"}, "request_uri_not_supported"),
        ({"max_age": "hier"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
    ],
)
async def test_a_bad_request_is_told_to_the_client_with_its_state_and_our_name(
    browser: Navigateur, changed: dict[str, str | None], error: str
) -> None:
    answer = told(await ask(browser, **changed))
    assert (answer["error"], answer["state"], answer["iss"]) == (error, "etat", browser.identity_url)
    assert "code" not in answer


async def test_a_parameter_given_twice_is_refused(browser: Navigateur) -> None:
    query = httpx.QueryParams(GOOD).merge({}).add("scope", "openid profile")
    answer = await browser._http.get(f"{browser.identity_url}/authorize?{query}")
    assert answer.status_code == 400


async def test_whoever_is_signed_in_is_not_asked_again_and_the_answer_says_who_answers(browser: Navigateur) -> None:
    answer = told(await ask(browser, prompt="none"))
    assert answer["iss"] == browser.identity_url
    assert answer["state"] == "etat"
    assert len(answer["code"]) >= 43


async def test_without_session_prompt_none_says_that_a_sign_in_is_needed(identity: Identity) -> None:
    stranger = (await identity.account(GESTIONNAIRE)).browser()
    assert told(await ask(stranger, prompt="none"))["error"] == "login_required"


@pytest.mark.parametrize("asked", [{"prompt": "login"}, {"prompt": "select_account"}, {"max_age": "0"}])
async def test_a_client_may_ask_for_a_new_sign_in(browser: Navigateur, asked: dict[str, str]) -> None:
    answer = await ask(browser, **asked)
    assert answer.headers["location"].startswith("/connexion?")


async def test_a_new_sign_in_that_was_asked_for_ends_and_is_dated_anew(identity: Identity) -> None:
    someone = await identity.account(GESTIONNAIRE, totp=False)
    browser = someone.browser()
    first = await identity.verifier.verify((await browser.sign_in()).access_token)
    again = await identity.verifier.verify((await browser.sign_in(prompt="login", max_age="0")).access_token)
    assert again.auth_time >= first.auth_time
    assert again.sid != first.sid


async def test_a_session_of_two_factors_is_not_enough_for_who_became_an_administrator(identity: Identity) -> None:
    someone = await identity.account(GESTIONNAIRE, totp=False)
    browser = someone.browser()
    await browser.sign_in()
    await identity.give_role(someone, RoleTenu(role=Role.ADMIN_ETABLISSEMENT, uai="0940001A"))
    assert told(await ask(browser, prompt="none"))["error"] == "login_required"
    token = await identity.verifier.verify((await browser.sign_in()).access_token)
    assert token.acr == "3"


async def test_a_session_of_two_factors_is_not_enough_where_its_role_asks_for_three(
    identity: Identity, browser: Navigateur
) -> None:
    async with identity.stricter(GESTIONNAIRE.role) as url:
        answer = await browser._http.get(f"{url}/authorize", params=GOOD | {"prompt": "none"})
    assert told(answer)["error"] == "login_required"
    assert "code" in told(await ask(browser, prompt="none"))


@pytest.mark.exigence("ASVS 10.4.6")
async def test_the_wrong_verifier_gets_nothing_and_the_right_one_still_does(browser: Navigateur) -> None:
    code = told(await ask(browser))["code"]
    http, url, client = browser._http, browser.identity_url, browser.client_id
    for wrong in (VERIFIER + "x", "court", ""):
        with pytest.raises(ConnexionRefusee, match="invalid_"):
            await exchange(http, url, code, wrong, client)
    assert (await exchange(http, url, code, VERIFIER, client)).access_token


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"code": "inconnu"}, "invalid_grant"),
        ({"code": None}, "invalid_request"),
        ({"redirect_uri": "http://127.0.0.1:8401/retour"}, "invalid_grant"),
        ({"redirect_uri": None}, "invalid_grant"),
        ({"client_id": "web"}, "invalid_grant"),
        ({"client_id": "inconnu"}, "invalid_client"),
        ({"client_id": None}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": 'x"y'}, "invalid_request"),
        ({"code_verifier": None}, "invalid_request"),
    ],
)
async def test_an_exchange_that_does_not_match_the_request_is_refused(
    browser: Navigateur, changed: dict[str, str | None], error: str
) -> None:
    good = {
        "grant_type": "authorization_code",
        "code": told(await ask(browser))["code"],
        "redirect_uri": REDIRECTION,
        "client_id": browser.client_id,
        "code_verifier": VERIFIER,
    }
    sent = {name: value for name, value in (good | changed).items() if value is not None}
    answer = await browser._http.post(f"{browser.identity_url}/token", data=sent)
    assert answer.status_code == 400
    assert answer.json()["error"] == error
    assert answer.headers["cache-control"] == "no-store"


async def test_a_token_request_of_another_type_is_refused(browser: Navigateur) -> None:
    answer = await browser._http.post(f"{browser.identity_url}/token", json={"grant_type": "authorization_code"})
    assert answer.json()["error"] == "invalid_request"


async def test_a_form_that_is_malformed_or_too_large_is_refused_at_every_endpoint(identity: Identity) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    async with open_client(base_url=identity.url) as http:
        for endpoint in ("/token", "/par", "/revoke", "/introspect"):
            twice = await http.post(endpoint, content="client_id=web&client_id=web&token=x&grant_type=x", headers=form)
            assert (twice.status_code, twice.json()["error"]) == (400, "invalid_request")
            parts = await http.post(endpoint, files={"token": b"x"}, data={"client_id": "web"})
            assert (parts.status_code, parts.json()["error"]) == (400, "invalid_request")
            many = await http.post(endpoint, content="&".join(f"c{n}=1" for n in range(60)), headers=form)
            assert many.status_code == 400
            odd = await http.post(endpoint, content=b"client_id=%ff%00&\xff=1&token=%22", headers=form)
            assert odd.status_code == 400
            large = await http.post(endpoint, content=b"token=" + b"x" * 1_000_001, headers=form)
            assert large.status_code == 413


async def test_a_browser_client_may_call_from_where_it_is_served_and_no_other_page_may(identity: Identity) -> None:
    async with open_client(base_url=identity.url) as http:
        for origin, allowed in (("http://127.0.0.1:3000", True), ("https://evil.example", False)):
            answer = await http.get("/jwks", headers={"origin": origin})
            assert ("access-control-allow-origin" in answer.headers) is allowed
            preflight = await http.options(
                "/token", headers={"origin": origin, "access-control-request-method": "POST"}
            )
            assert (preflight.status_code == 200) is allowed


async def test_signing_out_with_an_id_token_ends_the_session_and_goes_back_where_declared(identity: Identity) -> None:
    someone = await identity.account(GESTIONNAIRE)
    browser = someone.browser()
    jetons = await browser.sign_in()
    answer = await browser._http.get(
        f"{identity.url}/logout",
        params={"id_token_hint": jetons.id_token, "post_logout_redirect_uri": "http://evil.example/"},
    )
    assert "Vous êtes déconnecté" in answer.text, "an address that is not declared is not gone back to"
    assert told(await ask(browser, prompt="none"))["error"] == "login_required"


@pytest.mark.exigence("ASVS 10.6.2")
async def test_signing_out_without_proof_is_confirmed_by_the_person(browser: Navigateur) -> None:
    url = f"{browser.identity_url}/logout"
    for answer in (await browser._http.get(url), await browser._http.post(url, data={"preuve": "fausse"})):
        assert "Voulez-vous vous déconnecter" in answer.text
    assert "code" in told(await ask(browser, prompt="none"))


@pytest.mark.exigence("ASVS 7.4.4")
async def test_the_button_of_our_own_page_signs_out(identity: Identity) -> None:
    browser = (await identity.account(GESTIONNAIRE)).browser()
    await browser.sign_in()
    page = Page((await browser._http.get(f"{identity.url}/")).text)
    form = page.form("/logout")
    assert form is not None
    answer = await browser._http.post(f"{identity.url}/logout", data=form.champs)
    assert "Vous êtes déconnecté" in answer.text
    assert "session" not in browser._http.cookies
    assert told(await ask(browser, prompt="none"))["error"] == "login_required"


@pytest.mark.exigence("ASVS 10.6.2")
@pytest.mark.parametrize("hint", ["x", "a.b.c", "é", '"'])
async def test_a_hint_that_is_none_of_ours_is_refused(browser: Navigateur, hint: str) -> None:
    answer = await browser._http.get(f"{browser.identity_url}/logout", params={"id_token_hint": hint})
    assert answer.status_code == 400
    assert "code" in told(await ask(browser, prompt="none"))


@pytest.mark.parametrize("crit", [5, None, [5], [["alg"]], {"alg": "ES256"}])
async def test_a_hint_whose_header_makes_no_sense_is_refused(
    identity: Identity, browser: Navigateur, crit: object
) -> None:
    header = {"alg": "ES256", "kid": identity.deps.trousseau.signing_key.kid, "crit": crit}
    hint = ".".join([base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode(), "e30", "e30"])
    answer = await browser._http.get(f"{browser.identity_url}/logout", params={"id_token_hint": hint})
    assert answer.status_code == 400
    assert "code" in told(await ask(browser, prompt="none"))


@pytest.mark.exigence("ASVS 7.2.2")
async def test_each_authorization_has_tokens_of_its_own_session(identity: Identity) -> None:
    browser = (await identity.account(GESTIONNAIRE)).browser()
    given = [await identity.verifier.verify((await browser.sign_in()).access_token) for _ in range(2)]
    assert given[0].sid != given[1].sid
