"""Proofs of possession at the gateway (RFC 9449): one a request, and no client can have another's forgotten."""

import base64
import hashlib
import json
import time
from typing import Any
from uuid import uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from gateway.http.proofs import ProofRefused, Proofs
from gateway.http.service_tokens import KeyRefused, ServiceTokens

ADDRESS = "https://api.example.fr/graphql"
KEY = ECKey.generate_key("P-256")
HASH = base64.urlsafe_b64encode(hashlib.sha256(b"jeton").digest()).rstrip(b"=").decode()


def proof(*, key: ECKey = KEY, header: dict[str, Any] | None = None, **claims: Any) -> str:
    now = int(time.time())
    said = {"jti": uuid4().hex, "htm": "POST", "htu": ADDRESS, "iat": now, "ath": HASH} | claims
    protected = {"typ": "dpop+jwt", "alg": "ES256", "jwk": key.as_dict(private=False)} | (header or {})
    return jwt.encode(protected, said, key)


def check(proofs: Proofs, *shown: str, key: ECKey = KEY) -> None:
    proofs.check(shown, method="POST", token="jeton", jkt=key.thumbprint())


def test_a_good_proof_serves_once() -> None:
    proofs, shown = Proofs(ADDRESS), proof()
    check(proofs, shown)
    with pytest.raises(ProofRefused):
        check(proofs, shown)
    check(proofs, proof())


@pytest.mark.parametrize(
    "changed",
    [
        {"htm": "GET"},
        {"htu": "https://api.example.fr/autre"},
        {"htu": 5},
        {"iat": 0},
        {"iat": int(time.time()) + 600},
        {"iat": "hier"},
        {"ath": "autre"},
        {"ath": None},
        {"jti": None},
        {"jti": "x" * 201},
        {"header": {"typ": "at+jwt"}},
        {"header": {"jwk": KEY.as_dict(private=True)}},
        {"header": {"jwk": ECKey.generate_key("P-256").as_dict(private=False)}},
        {"header": {"jwk": {"kty": "oct", "k": "eA"}}},
    ],
)
def test_a_proof_that_is_not_for_this_request_and_this_token_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ProofRefused):
        check(Proofs(ADDRESS), proof(**changed))


@pytest.mark.parametrize(
    "header", [{}, {"jwk": 5}, {"jwk": {"kty": "EC", "crv": "P-256", "x": 1, "y": 2}}, {"crit": 5}, []]
)
def test_a_proof_whose_header_makes_no_sense_is_refused(header: Any) -> None:
    _, payload, signature = proof().split(".")
    said = {"typ": "dpop+jwt", "alg": "ES256"} | header if isinstance(header, dict) else header
    written = base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=").decode()
    with pytest.raises(ProofRefused):
        check(Proofs(ADDRESS), f"{written}.{payload}.{signature}")


def test_a_good_proof_by_another_key_than_the_tokens_is_refused() -> None:
    other = ECKey.generate_key("P-256")
    with pytest.raises(ProofRefused):
        check(Proofs(ADDRESS), proof(key=other))
    with pytest.raises(ProofRefused):
        check(Proofs(ADDRESS), proof(), proof())
    for shown in ((), ("a.b.c",), ("é",), (proof() + "x" * 5000,)):
        with pytest.raises(ProofRefused):
            check(Proofs(ADDRESS), *shown)


def test_who_floods_is_refused_and_has_nobody_elses_proof_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.http.proofs._PROOFS_OF_A_KEY", 3)
    proofs, victim, flooder = Proofs(ADDRESS), proof(), ECKey.generate_key("P-256")
    check(proofs, victim)
    for _ in range(3):
        check(proofs, proof(key=flooder), key=flooder)
    with pytest.raises(ProofRefused):
        check(proofs, proof(key=flooder), key=flooder)
    with pytest.raises(ProofRefused):
        check(proofs, victim)
    later = time.time() + 61
    monkeypatch.setattr(time, "time", lambda: later)
    check(proofs, proof(key=flooder, iat=int(later)), key=flooder)
    assert list(proofs._seen) == [flooder.thumbprint()], "what is believed no more is forgotten"


def test_the_gateway_vouches_for_bound_tokens_only_to_each_subgraph_apart() -> None:
    tokens = ServiceTokens(KEY)
    assert tokens.headers("offre", None) == {}
    assert tokens.headers("offre", "Bearer x") == {}
    said = {name: tokens.headers(name, "DPoP x")["service-token"] for name in ("offre", "eleves")}
    for name, token in said.items():
        claims = jwt.decode(token, KEY, algorithms=["ES256"]).claims
        assert (claims["iss"], claims["aud"], claims["exp"] - claims["iat"]) == ("gateway", name, 60)
    assert tokens.headers("offre", "DPoP y")["service-token"] == said["offre"], "remembered"


def test_a_key_that_cannot_sign_is_named(tmp_path: Any) -> None:
    for content in (b"", KEY.as_pem(private=False), ECKey.generate_key("P-384").as_pem(private=True)):
        path = tmp_path / "cle.pem"
        path.write_bytes(content)
        with pytest.raises(KeyRefused, match="key"):
            ServiceTokens.read(path)
    with pytest.raises(KeyRefused, match="cannot be read"):
        ServiceTokens.read(tmp_path / "absente.pem")
