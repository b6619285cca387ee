"""Pushed authorization requests (RFC 9126), and what a request may ask (OpenID Connect Core §3.1.2.1)."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from infra.local.connexion import Navigateur, Page, exchange
from kit.http import open_client
from services.identity.condensats import condensat
from services.identity.tests.conftest import Identity
from services.identity.tests.declarations import declaring
from services.identity.tests.test_oidc import GESTIONNAIRE, GOOD, VERIFIER, ask, told

pytestmark = pytest.mark.stack

_PREFIX = "urn:ietf:params:oauth:request_uri:"


@pytest.fixture(scope="module")
async def browser(identity: Identity) -> Navigateur:
    """A browser in which a person is signed in."""
    opened = (await identity.account(GESTIONNAIRE)).browser()
    await opened.sign_in()
    return opened


async def push(url: str, **changed: str | None) -> httpx.Response:
    asked = {name: value for name, value in (GOOD | changed).items() if value is not None}
    async with open_client() as http:
        return await http.post(f"{url}/par", data=asked)


async def pushed(url: str, **changed: str) -> dict[str, str]:
    """A request that is pushed, and what the browser then brings."""
    answer = await push(url, **changed)
    assert answer.status_code == 201, answer.text
    return {"client_id": GOOD["client_id"], "request_uri": answer.json()["request_uri"]}


async def bring(browser: Navigateur, brought: Mapping[str, str]) -> httpx.Response:
    return await browser._http.get(f"{browser.identity_url}/authorize", params=brought)


async def test_a_pushed_request_gives_a_code_once_by_its_reference_alone(browser: Navigateur) -> None:
    answer = await push(browser.identity_url)
    assert (answer.status_code, answer.json()["expires_in"]) == (201, 60)
    assert answer.headers["cache-control"] == "no-store"
    reference = answer.json()["request_uri"]
    assert len(reference.removeprefix(_PREFIX)) >= 43
    brought = {"client_id": GOOD["client_id"], "request_uri": reference}
    given = told(await bring(browser, brought))
    assert (given["state"], given["iss"]) == ("etat", browser.identity_url)
    jetons = await exchange(browser._http, browser.identity_url, given["code"], VERIFIER, browser.client_id)
    assert jetons.access_token
    again = await bring(browser, brought)
    assert (again.status_code, "location" in again.headers) == (400, False)
    assert "invalid_request_uri" in again.text


async def test_ten_visits_at_once_with_one_pushed_request_give_one_code(browser: Navigateur) -> None:
    brought = await pushed(browser.identity_url)
    answers = await asyncio.gather(*(bring(browser, brought) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [302] + [400] * 9


async def test_nothing_beside_the_reference_counts(browser: Navigateur) -> None:
    brought = await pushed(browser.identity_url)
    beside = {"redirect_uri": "http://evil.example/", "scope": "openid email", "state": "autre", "prompt": "login"}
    assert told(await bring(browser, brought | beside))["state"] == "etat"


async def test_a_pushed_request_outlives_its_minute_for_the_person_who_is_signing_in(identity: Identity) -> None:
    browser = (await identity.account(GESTIONNAIRE, totp=False)).browser()
    brought = await pushed(identity.url, prompt="login", max_age="0")
    first = await bring(browser, brought)
    location = urlsplit(first.headers["location"])
    assert location.path == "/connexion"
    assert set(parse_qs(location.query)) == {"client_id", "request_uri"}
    row = await identity.deps.database.demandes.find_one({"_id": _id(brought)})
    assert row is not None
    assert row["expire_le"] - row["ouverte_le"] == timedelta(minutes=20)
    code = await browser.authorize(VERIFIER, state="etat", **brought)
    assert (await exchange(browser._http, identity.url, code, VERIFIER, browser.client_id)).access_token
    again = await bring(browser, brought)
    assert again.status_code == 400


def _id(brought: Mapping[str, str]) -> str:
    return condensat(brought["request_uri"].removeprefix(_PREFIX))


async def test_a_pushed_request_that_no_browser_brings_within_a_minute_is_no_more(
    identity: Identity, browser: Navigateur
) -> None:
    brought = await pushed(identity.url)
    expired = {"$set": {"expire_le": identity.deps.clock()}}
    await identity.deps.database.demandes.update_one({"_id": _id(brought)}, expired)
    assert (await bring(browser, brought)).status_code == 400


async def test_a_second_visit_leaves_a_pushed_request_no_longer_to_live(identity: Identity) -> None:
    stranger = (await identity.account(GESTIONNAIRE)).browser()
    brought = await pushed(identity.url)
    assert (await bring(stranger, brought)).headers["location"].startswith("/connexion?")
    once = await identity.deps.database.demandes.find_one({"_id": _id(brought)})
    await bring(stranger, brought)
    assert await identity.deps.database.demandes.find_one({"_id": _id(brought)}) == once


async def test_a_reference_is_its_clients_alone(browser: Navigateur) -> None:
    brought = await pushed(browser.identity_url)
    for client in ("web", "inconnu", ""):
        assert (await bring(browser, brought | {"client_id": client})).status_code == 400
    assert "code" in told(await bring(browser, brought))
    assert (await bring(browser, brought | {"request_uri": _PREFIX + "inconnue"})).status_code == 400


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"client_id": "inconnu"}, "invalid_client"),
        ({"client_id": None}, "invalid_client"),
        ({"client_id": "siecle"}, "invalid_client"),
        ({"redirect_uri": "http://evil.example/"}, "invalid_request"),
        ({"redirect_uri": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": None}, "invalid_request"),
        ({"scope": "openid tout"}, "invalid_scope"),
        ({"request_uri": _PREFIX + "x"}, "invalid_request"),
        ({"request": "x.y.z"}, "request_not_supported"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"state": "x" * 5000}, "invalid_request"),
    ],
)
async def test_what_authorize_would_refuse_is_refused_when_it_is_pushed(
    identity: Identity, changed: dict[str, str | None], error: str
) -> None:
    answer = await push(identity.url, **changed)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert "location" not in answer.headers


async def test_a_request_pushed_in_the_address_instead_of_the_form_is_refused(identity: Identity) -> None:
    async with open_client() as http:
        answer = await http.post(
            f"{identity.url}/par", params=GOOD, headers={"content-type": "application/x-www-form-urlencoded"}
        )
    assert answer.status_code == 400


async def test_a_client_may_be_declared_to_push_its_requests_always(
    identity: Identity, browser: Navigateur, tmp_path: Path
) -> None:
    strict = (
        'nom = "Stricte"\nredirect_uris = ["http://127.0.0.1/retour"]\nboucle_locale = true\nscopes = ["openid"]\n'
        "par_obligatoire = true\ndemonstration = true"
    )
    async with declaring(identity, tmp_path, stricte=strict) as declared:
        bare = await browser._http.get(f"{declared.url}/authorize", params=GOOD | {"client_id": "stricte"})
        assert told(bare)["error"] == "invalid_request"
        brought = (await pushed(declared.url, client_id="stricte")) | {"client_id": "stricte"}
        # Cookies do not know ports: this provider is another one for them, and the same.
        assert "code" in told(await browser._http.get(f"{declared.url}/authorize", params=brought))


async def test_the_store_holds_no_suggested_address_in_clear(identity: Identity) -> None:
    brought = await pushed(identity.url, login_hint="lea.petit@ac-creteil.fr")
    row = await identity.deps.database.demandes.find_one({"_id": _id(brought)})
    assert "lea.petit" not in str(row)
    assert brought["request_uri"].removeprefix(_PREFIX) not in str(row)


async def _address_shown(identity: Identity, where: str) -> str:
    async with open_client(base_url=identity.url) as http:
        answer = await http.get(where)
        while answer.is_redirect:
            answer = await http.get(answer.headers["location"])
    form = Page(answer.text).form("/connexion")
    assert form is not None
    assert "<script>" not in answer.text
    return form.champs["courriel"]


@pytest.mark.parametrize(
    ("hint", "shown"),
    [
        ("Lea.Petit@ac-creteil.fr", "lea.petit@ac-creteil.fr"),
        ('"><script>alert(1)</script>', ""),
        ("pas une adresse", ""),
        ("a@exemple.fr\r\nBcc: tous@exemple.fr", ""),
    ],
)
async def test_the_suggested_address_is_on_the_page_when_it_is_one(identity: Identity, hint: str, shown: str) -> None:
    direct = f"/authorize?{httpx.QueryParams(GOOD | {'login_hint': hint})}"
    assert await _address_shown(identity, direct) == shown
    by_reference = f"/authorize?{httpx.QueryParams(await pushed(identity.url, login_hint=hint))}"
    assert await _address_shown(identity, by_reference) == shown


@pytest.mark.parametrize(
    "changed",
    [
        {"prompt": "none select_account"},
        {"prompt": "consent"},
        {"prompt": "autre"},
        {"login_hint": "a" * 300},
        {"id_token_hint": "x"},
        {"id_token_hint": "a.b.c"},
        {"id_token_hint": "é"},
    ],
)
async def test_a_request_that_asks_for_what_makes_no_sense_is_told_so(
    browser: Navigateur, changed: dict[str, str | None]
) -> None:
    assert told(await ask(browser, **changed))["error"] == "invalid_request"


async def test_whom_the_client_means_is_whom_it_is_answered_about_or_it_is_told_to_sign_in(
    identity: Identity, browser: Navigateur
) -> None:
    own = await browser.sign_in()
    other = await (await identity.account(GESTIONNAIRE)).browser().sign_in()
    assert "code" in told(await ask(browser, prompt="none", id_token_hint=own.id_token))
    assert told(await ask(browser, prompt="none", id_token_hint=other.id_token))["error"] == "login_required"
    assert told(await ask(browser, prompt="none", id_token_hint=own.access_token))["error"] == "invalid_request"
    changed: dict[str, str | None] = {"client_id": "web", "redirect_uri": "http://127.0.0.1:3000/connexion/retour"}
    answer = await ask(browser, prompt="none", id_token_hint=own.id_token, **changed)
    assert "error=invalid_request" in answer.headers["location"], "a token that another client was given"
