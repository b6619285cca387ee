"""Access tokens: what is believed, and all that is not."""

import asyncio
import base64
import hmac
import math
import time
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kit.auth.access_tokens import IssuerKeys, TokenVerifier
from kit.errors import Forbidden, Unauthenticated, Unavailable
from kit.testing.forgeries import forged_tokens
from kit.testing.issuer import Issuer, new_key
from kit.testing.serving import free_port, serve
from kit.testing.waiting import eventually


@pytest.fixture
def verifier(issuer: Issuer) -> TokenVerifier:
    return TokenVerifier(IssuerKeys(issuer.url))


async def test_a_valid_token_tells_who_calls_and_how_that_was_proved(issuer: Issuer, verifier: TokenVerifier) -> None:
    token = await verifier.verify(issuer.token(sub="01A", sid="01S", scope="openid profile", amr=["pwd", "otp"]))
    assert (token.sub, token.sid, token.amr) == ("01A", "01S", ("pwd", "otp"))
    assert token.scope == {"openid", "profile"}


async def test_no_header_is_nobody(verifier: TokenVerifier) -> None:
    assert await verifier.verify_header(None) is None


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic abc", "Bearer a.b.c", "Bearer " + "x" * 10_000])
async def test_a_header_that_is_no_bearer_token_is_refused(verifier: TokenVerifier, header: str) -> None:
    with pytest.raises(Unauthenticated):
        await verifier.verify_header(header)


@pytest.mark.exigence("ASVS 9.2.1", "ASVS 9.2.3", "ASVS 10.3.1")
@pytest.mark.parametrize(
    "claims",
    [
        {"exp": int(time.time()) - 60},
        {"iat": int(time.time()) + 3600},
        {"iss": "http://127.0.0.1:1"},
        {"aud": "autre"},
        {"aud": ["autre"]},
        {"exp": "demain"},
        {"exp": math.inf},
        {"exp": 10**400},
        {"auth_time": 10**12},
        {"sub": None},
        {"sid": 7},
        {"amr": "pwd"},
        {"auth_time": "hier"},
    ],
)
async def test_a_token_that_is_expired_or_meant_for_others_is_refused(
    issuer: Issuer, verifier: TokenVerifier, claims: dict[str, Any]
) -> None:
    with pytest.raises(Unauthenticated):
        await verifier.verify(issuer.token(**claims))


def of_a_machine(issuer: Issuer, **claims: Any) -> str:
    """The token of a machine, but for the claims given otherwise."""
    said: dict[str, Any] = dict.fromkeys(("sid", "acr", "amr", "auth_time"))
    return issuer.token(**said | {"sub": "siecle", "client_id": "siecle", "scope": "siecle.pousser"} | claims)


async def test_a_machine_is_told_by_its_token_for_its_own_flow_only(issuer: Issuer, verifier: TokenVerifier) -> None:
    token = await verifier.verify_machine(of_a_machine(issuer), flux="siecle.pousser")
    assert token.client_id == "siecle"
    assert token.scope == {"siecle.pousser"}
    with pytest.raises(Forbidden):
        await verifier.verify_machine(of_a_machine(issuer), flux="catalogue.offres")


async def test_a_machine_is_nobody_and_nobody_is_a_machine(issuer: Issuer, verifier: TokenVerifier) -> None:
    with pytest.raises(Unauthenticated):
        await verifier.verify(of_a_machine(issuer))
    for claims in ({"sid": "01S"}, {"amr": ["pwd"]}, {"sub": "01A"}, {"exp": 1}, {"aud": "autre"}):
        with pytest.raises(Unauthenticated):
            await verifier.verify_machine(of_a_machine(issuer, **claims), flux="siecle.pousser")


async def test_a_token_bound_to_a_key_is_taken_only_from_who_vouches_for_it(issuer: Issuer) -> None:
    def vouches(service_token: str | None) -> None:
        if service_token != "vu":
            raise Unauthenticated

    value = issuer.token(cnf={"jkt": "empreinte"})
    verifier = TokenVerifier(IssuerKeys(issuer.url), vouches)
    token = await verifier.verify_header(f"DPoP {value}", "vu")
    assert token is not None
    assert token.cle == "empreinte"
    for header, service_token in ((f"Bearer {value}", "vu"), (f"DPoP {value}", None), (f"DPoP {issuer.token()}", "vu")):
        with pytest.raises(Unauthenticated):
            await verifier.verify_header(header, service_token)
    with pytest.raises(Unauthenticated):
        await TokenVerifier(IssuerKeys(issuer.url)).verify_header(f"DPoP {value}", "vu")


@pytest.mark.parametrize("confirmed", [{}, [], "x", {"jkt": 5}, {"x5t#S256": "x"}])
async def test_a_token_bound_to_something_else_than_a_key_is_refused(
    issuer: Issuer, verifier: TokenVerifier, confirmed: object
) -> None:
    with pytest.raises(Unauthenticated):
        await verifier.verify(issuer.token(cnf=confirmed))


@pytest.mark.exigence("ASVS 9.2.2")
async def test_an_id_token_is_not_an_access_token(issuer: Issuer, verifier: TokenVerifier) -> None:
    with pytest.raises(Unauthenticated):
        await verifier.verify(issuer.token(header={"typ": "JWT"}))


@pytest.mark.exigence("ASVS 9.1.1")
async def test_a_token_signed_by_another_key_under_our_key_id_is_refused(
    issuer: Issuer, verifier: TokenVerifier
) -> None:
    forged = issuer.token(key=new_key(), header={"kid": issuer.key.kid})
    with pytest.raises(Unauthenticated):
        await verifier.verify(forged)


@pytest.mark.exigence("ASVS 9.1.1", "ASVS 9.1.2")
async def test_a_token_without_signature_or_signed_with_the_public_key_as_a_secret_is_refused(
    issuer: Issuer, verifier: TokenVerifier
) -> None:
    await verifier.verify(issuer.token())
    header, payload, _ = issuer.token(header={"alg": "ES256"}).split(".")
    with pytest.raises(Unauthenticated):
        await verifier.verify(f"{header}.{payload}.")
    unsigned = _base64(orjson.dumps({"alg": "none", "typ": "at+jwt", "kid": issuer.key.kid}))
    with pytest.raises(Unauthenticated):
        await verifier.verify(f"{unsigned}.{payload}.")
    hmac_header = _base64(orjson.dumps({"alg": "HS256", "typ": "at+jwt", "kid": issuer.key.kid}))
    signed = f"{hmac_header}.{payload}"
    mac = hmac.digest(issuer.key.as_pem(private=False), signed.encode(), "sha256")
    with pytest.raises(Unauthenticated):
        await verifier.verify(f"{signed}.{_base64(mac)}")


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


@pytest.mark.exigence("ASVS 9.1.2")
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
async def test_whatever_a_stranger_writes_in_a_token_is_refused(
    issuer: Issuer, verifier: TokenVerifier, data: st.DataObject
) -> None:
    with pytest.raises(Unauthenticated):
        await verifier.verify(data.draw(forged_tokens(str(issuer.key.kid))))


@pytest.mark.exigence("ASVS 9.1.3")
async def test_forged_key_ids_do_not_make_us_call_the_issuer_each_time(issuer: Issuer, verifier: TokenVerifier) -> None:
    await verifier.verify(issuer.token())
    for _ in range(20):
        with pytest.raises(Unauthenticated):
            await verifier.verify(issuer.token(key=new_key()))
    assert issuer.fetches == 1


async def test_an_issuer_that_was_never_reached_makes_tokens_uncheckable_rather_than_wrong() -> None:
    absent = Issuer(free_port())
    with pytest.raises(Unavailable):
        await TokenVerifier(IssuerKeys(absent.url)).verify(absent.token())


async def test_an_issuer_that_was_reached_may_go_away_before_the_first_token() -> None:
    issuing = Issuer(free_port())
    keys = IssuerKeys(issuing.url)
    async with asyncio.TaskGroup() as group:
        following = group.create_task(keys.follow())
        async with serve(issuing.app(), port=issuing.port):
            await eventually(_had(keys))
        assert (await TokenVerifier(keys).verify(issuing.token())).sub == "01TESTCOMPTE"
        following.cancel()


@pytest.mark.exigence("ASVS 9.1.3")
async def test_a_key_that_the_issuer_withdraws_is_believed_no_more(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kit.auth.access_tokens._FOLLOWED_EVERY_SECONDS", 0.02)
    keys = IssuerKeys(issuer.url)
    async with asyncio.TaskGroup() as group:
        following = group.create_task(keys.follow())
        await eventually(_had(keys))
        withdrawn = str(issuer.key.kid)
        assert await keys.get(withdrawn) is not None
        issuer.key = new_key()

        async def gone() -> bool:
            return await keys.get(withdrawn) is None

        await eventually(gone)
        following.cancel()


def _had(keys: IssuerKeys) -> Callable[[], Awaitable[bool]]:
    async def had() -> bool:
        return keys.had

    return had


@pytest.mark.exigence("ASVS 9.2.1")
async def test_a_token_that_was_good_is_refused_once_it_has_expired(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier = TokenVerifier(IssuerKeys(issuer.url))
    value = issuer.token(exp=int(time.time()) + 20)
    first = await verifier.verify(value)
    assert await verifier.verify(value) is first, "remembered"
    later = time.time() + 26
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(Unauthenticated):
        await verifier.verify(value)
