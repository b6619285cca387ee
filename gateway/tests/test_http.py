"""GraphQL over HTTP: media types, statuses, tokens, and what is passed on."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import hypothesis
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.http.app import create_app
from gateway.http.tokens import IssuerKeys, Tokens, Unauthenticated
from gateway.settings import Settings
from gateway.tests.boutique import Boutique, free_port, serve, until
from gateway.tests.conftest import SUPERGRAPH

QUERY = '{ produit(id: "p1") { nom } }'
ANSWER = {"data": {"produit": {"nom": "Table"}}}


@dataclass
class Issuer:
    """Publishes a key over HTTP, and signs with it."""

    port: int
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", auto_kid=True))
    fetches: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def token(self, *, key: ECKey | None = None, typ: str = "at+jwt", **claims: Any) -> str:
        signing = key or self.key
        expires = int(time.time()) + 600
        valid = {"iss": self.url, "aud": "site-de-gestion", "sub": "01A", "sid": "01S", "exp": expires}
        return jwt.encode({"alg": "ES256", "typ": typ, "kid": signing.kid}, valid | claims, signing)

    async def discovery(self, _request: Request) -> Response:
        return JSONResponse({"jwks_uri": f"{self.url}/jwks"})

    async def jwks(self, _request: Request) -> Response:
        self.fetches += 1
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    def app(self) -> Starlette:
        routes = [Route("/.well-known/openid-configuration", self.discovery), Route("/jwks", self.jwks)]
        return Starlette(routes=routes)


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    issuing = Issuer(free_port())
    async with serve(issuing.app(), issuing.port):
        yield issuing


@pytest.fixture
def tokens(issuer: Issuer) -> Tokens:
    return Tokens(IssuerKeys(issuer.url), "site-de-gestion")


def settings(boutique: Boutique, identity_url: str) -> Settings:
    return Settings(
        supergraphe=SUPERGRAPH,
        sous_graphes=boutique.urls,
        IDENTITY_URL=identity_url,
        origines=("https://site.essai.example",),
        taille_requete=10_000,
    )


@pytest.fixture
async def client(boutique: Boutique, issuer: Issuer) -> AsyncIterator[httpx.AsyncClient]:
    port = free_port()
    async with (
        serve(create_app(settings(boutique, issuer.url)), port),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as opened,
    ):
        yield opened


async def test_an_operation_is_answered_in_the_media_type_that_is_asked_for(client: httpx.AsyncClient) -> None:
    for accept, expected in (
        ("*/*", "application/json; charset=utf-8"),
        ("application/json", "application/json; charset=utf-8"),
        (
            "application/graphql-response+json, application/json;q=0.9",
            "application/graphql-response+json; charset=utf-8",
        ),
    ):
        answer = await client.post("/graphql", json={"query": QUERY}, headers={"accept": accept})
        assert (answer.status_code, answer.headers["content-type"], answer.json()) == (200, expected, ANSWER)


async def test_a_client_that_takes_no_json_is_told_so(client: httpx.AsyncClient) -> None:
    assert (await client.post("/graphql", json={"query": QUERY}, headers={"accept": "text/html"})).status_code == 406


@pytest.mark.parametrize(("accept", "status"), [("application/json", 200), ("application/graphql-response+json", 400)])
async def test_a_wrong_operation_has_the_status_of_its_media_type(
    client: httpx.AsyncClient, accept: str, status: int
) -> None:
    answer = await client.post("/graphql", json={"query": "{ inconnu }"}, headers={"accept": accept})
    assert answer.status_code == status
    assert "inconnu" in answer.json()["errors"][0]["message"]
    assert "data" not in answer.json()


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("text/plain", b'{"query": "{ depots }"}', 415),
        ("application/x-www-form-urlencoded", b"query=x", 415),
        ("multipart/form-data; boundary=x", b"--x--", 415),
        ("application/json", b"{", 400),
        ("application/json", b'[{"query": "{ depots }"}]', 400),
        ("application/json", b'{"query": 7}', 400),
        ("application/json", b'{"query": "{ depots }", "variables": []}', 400),
        ("application/json", b'{"query": "{ depots }", "variables": {"a": ' + b"[" * 300 + b"]" * 300 + b"}}", 400),
        ("application/json", b'{"query": "' + b"x" * 20_000 + b'"}', 413),
    ],
)
async def test_what_is_not_one_operation_in_json_is_refused_and_asks_nothing(
    client: httpx.AsyncClient, boutique: Boutique, content_type: str, body: bytes, status: int
) -> None:
    answer = await client.post("/graphql", content=body, headers={"content-type": content_type})
    assert answer.status_code == status
    assert answer.json()["errors"][0]["message"]
    assert not any(seen.operations for seen in boutique.seen.values())


async def test_arguments_never_go_in_a_url(client: httpx.AsyncClient) -> None:
    assert (await client.get("/graphql", params={"query": QUERY})).status_code == 405


async def test_the_users_token_and_trace_are_passed_on_and_nothing_else(
    client: httpx.AsyncClient, boutique: Boutique, issuer: Issuer
) -> None:
    token = issuer.token()
    headers = {"authorization": f"Bearer {token}", "cookie": "a=b", "x-compte": "01CHEF", "x-forwarded-for": "10.0.0.1"}
    assert (await client.post("/graphql", json={"query": QUERY}, headers=headers)).json() == ANSWER
    (seen,) = boutique.seen["catalogue"].headers
    assert seen["authorization"] == f"Bearer {token}"
    assert not {"cookie", "x-compte", "x-forwarded-for"} & set(seen)


async def test_nobody_in_particular_may_ask_too_and_no_token_is_made_up(
    client: httpx.AsyncClient, boutique: Boutique
) -> None:
    assert (await client.post("/graphql", json={"query": QUERY})).json() == ANSWER
    assert "authorization" not in boutique.seen["catalogue"].headers[0]


def _unsigned(token: str) -> str:
    _, payload, _ = token.split(".")
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "at+jwt"}).encode()).decode().rstrip("=")
    return f"{header}.{payload}."


async def test_an_expired_forged_or_foreign_token_is_refused_and_goes_no_further(
    client: httpx.AsyncClient, boutique: Boutique, issuer: Issuer
) -> None:
    other = ECKey.generate_key("P-256", auto_kid=True)
    forged = ECKey.generate_key("P-256", parameters={"kid": str(issuer.key.kid)})
    tokens = [
        issuer.token(exp=int(time.time()) - 60),
        issuer.token(exp="demain"),
        issuer.token(iss="http://127.0.0.1:1"),
        issuer.token(aud="autre"),
        issuer.token(sid=None),
        issuer.token(typ="JWT"),
        issuer.token(key=other),
        issuer.token(key=forged),
        _unsigned(issuer.token()),
        "a.b.c",
    ]
    for token in tokens:
        answer = await client.post("/graphql", json={"query": QUERY}, headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.json()["errors"][0]["extensions"]["code"] == "NON_AUTHENTIFIE"
    assert not boutique.seen["catalogue"].operations
    assert issuer.fetches == 1


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(10**400),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(max_size=4), parts, max_size=3),
    max_leaves=5,
)
FIELDS = st.dictionaries(
    st.sampled_from(["crit", "b64", "typ", "jku", "jwk", "x5c", "autre"]),
    JSON | st.lists(st.sampled_from(["alg", "b64", "autre", 5, None, ["alg"]]), max_size=2),
    max_size=2,
)


def _segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@hypothesis.settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.booleans(), FIELDS, JSON, JSON)
async def test_whatever_a_stranger_writes_in_a_token_is_refused(
    issuer: Issuer, tokens: Tokens, plausible: bool, fields: dict[str, Any], other: Any, payload: Any
) -> None:
    header = {"alg": "ES256", "kid": issuer.key.kid, **fields} if plausible else other
    with pytest.raises(Unauthenticated):
        await tokens.check_header(f"Bearer {_segment(header)}.{_segment(payload)}.{_segment(other)}")


async def test_an_issuer_that_was_reached_may_go_away_before_the_first_request(boutique: Boutique) -> None:
    issuing, port = Issuer(free_port()), free_port()
    async with (
        serve(create_app(settings(boutique, issuing.url)), port),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        assert (await client.get("/sante/pret")).status_code == 503, "it could not tell whose token is good"

        async def ready() -> bool:
            return (await client.get("/sante/pret")).status_code == 200

        async with serve(issuing.app(), issuing.port):
            await until(ready)
        headers = {"authorization": f"Bearer {issuing.token()}"}
        answer = await client.post("/graphql", json={"query": QUERY}, headers=headers)
    assert answer.json() == ANSWER


async def test_a_key_that_the_issuer_withdraws_is_believed_no_more(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.http.tokens._FOLLOWED_EVERY_SECONDS", 0.02)
    keys = IssuerKeys(issuer.url)

    async def believes(kid: str) -> bool:
        try:
            return (await keys.get(kid)).kid == kid
        except Unauthenticated:
            return False

    async def withdrawn() -> bool:
        return not await believes(former)

    former = str(issuer.key.kid)
    following = asyncio.create_task(keys.follow())
    try:
        await until(lambda: believes(former))
        issuer.key = ECKey.generate_key("P-256", auto_kid=True)
        await until(withdrawn)
    finally:
        following.cancel()


async def test_tokens_cannot_be_told_while_the_issuer_was_never_reached(boutique: Boutique) -> None:
    absent = Issuer(free_port())
    port = free_port()
    async with (
        serve(create_app(settings(boutique, absent.url)), port),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        headers = {"authorization": f"Bearer {absent.token()}"}
        answer = await client.post("/graphql", json={"query": QUERY}, headers=headers)
    assert answer.status_code == 503
    assert answer.json()["errors"][0]["extensions"]["code"] == "SERVICE_INDISPONIBLE"


async def test_only_declared_origins_may_ask_from_a_page(client: httpx.AsyncClient) -> None:
    async def preflight(origin: str) -> httpx.Response:
        return await client.options("/graphql", headers={"origin": origin, "access-control-request-method": "POST"})

    allowed = await preflight("https://site.essai.example")
    assert allowed.headers["access-control-allow-origin"] == "https://site.essai.example"
    assert "access-control-allow-origin" not in (await preflight("https://autre.example")).headers


async def test_it_says_that_it_lives_and_shows_its_metrics(client: httpx.AsyncClient) -> None:
    assert (await client.get("/sante/vivant")).status_code == 200
    assert (await client.get("/metrics")).status_code == 200


def test_a_subgraph_without_address_or_a_missing_setting_is_named(
    boutique: Boutique, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from gateway import settings as module  # noqa: PLC0415

    with pytest.raises(SystemExit, match="no address for stock"):
        settings(Boutique({n: u for n, u in boutique.urls.items() if n != "stock"}, {}, []), "http://x").urls(
            boutique.urls
        )
    monkeypatch.delenv("PASSERELLE_SUPERGRAPHE", raising=False)
    monkeypatch.delenv("PASSERELLE_SOUS_GRAPHES", raising=False)
    monkeypatch.delenv("IDENTITY_URL", raising=False)
    with pytest.raises(SystemExit) as stopped:
        module.load()
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert all(name in said for name in ("PASSERELLE_SUPERGRAPHE", "PASSERELLE_SOUS_GRAPHES", "IDENTITY_URL"))
