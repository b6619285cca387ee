"""What an employer's provider answers: believed where every part of it is right, and refused for each that is wrong."""

import base64
import hmac
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from joserfc.jwk import ECKey, Key, RSAKey
from pydantic import SecretStr

from kit.http import open_client
from kit.testing.serving import serve
from services.identity.domain.employeurs import EmployeurInjoignable, Fraicheur, Identite, RetourRefuse
from services.identity.domain.facteurs import Facteur
from services.identity.employeurs.declaration import Declaration, Employeur
from services.identity.employeurs.fournisseur import Fournisseur, Secrets
from services.identity.tests.employeur import SECRET, FournisseurDEssai

RETOUR = "https://identite.example/employeur/essai/retour"
SECRETS = Secrets(state="s" * 43, nonce="n" * 64, verificateur="v" * 64)
SESSION = timedelta(hours=10)


@pytest.fixture(scope="session")
async def served() -> AsyncIterator[FournisseurDEssai]:
    provider = FournisseurDEssai()
    async with serve(provider.app()) as serving:
        provider.url = serving.url
        yield provider


@pytest.fixture
def essai(served: FournisseurDEssai) -> FournisseurDEssai:
    served.reset()
    return served


def fournisseur(essai: FournisseurDEssai, **changed: Any) -> Fournisseur:
    cle = essai.cle_du_client
    declared: dict[str, Any] = {
        "nom": "Essai",
        "issuer": essai.url,
        "client_id": essai.client_id,
        "acr": {"fort": {"otp"}},
        **({"secret_variable": "S"} if cle is None else {"cle": Path("nous.pem")}),
        **changed,
    }
    secret = SecretStr(SECRET) if cle is None else None
    return Fournisseur(Employeur("essai", Declaration.model_validate(declared), cle, secret), RETOUR)


def since(age: timedelta = SESSION, *, nouvelle: bool = False) -> Fraicheur:
    return Fraicheur(depuis=datetime.now(UTC) - age, nouvelle=nouvelle)


async def go(theirs: Fournisseur, fraicheur: Fraicheur | None = None) -> dict[str, str]:
    """What comes back from where a person is sent."""
    url = await theirs.authorization_url(SECRETS, fraicheur or since(), now=datetime.now(UTC))
    async with open_client() as http:
        location = (await http.get(url)).headers["location"]
    assert location.startswith(RETOUR)
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


async def identify(theirs: Fournisseur, **retour: str) -> Identite:
    return await theirs.identify(await go(theirs) | retour, SECRETS, since())


@pytest.mark.exigence("ASVS 6.8.1", "ASVS 10.5.2")
async def test_whom_a_provider_shows_is_known_by_its_issuer_and_its_name_for_the_person(
    essai: FournisseurDEssai,
) -> None:
    essai.affirme = {"acr": "fort", "amr": ["inconnu"], "auth_time": int(time.time()) - 300}
    shown = await identify(fournisseur(essai))
    assert (shown.emetteur, shown.sujet) == (essai.url, "agent-1")
    assert shown.faits == {Facteur.EMPLOYEUR, Facteur.TOTP}
    assert 299 <= (datetime.now(UTC) - shown.authentifie_le).total_seconds() < 310


@pytest.mark.exigence("ASVS 10.2.1")
async def test_a_person_is_sent_with_pkce_state_nonce_and_an_age(essai: FournisseurDEssai) -> None:
    theirs = fournisseur(essai, scopes=["openid", "profile"])
    await go(theirs, since(timedelta(minutes=1)))
    await go(theirs, since(timedelta(0), nouvelle=True))
    usual, anew = essai.demandes
    assert usual["response_type"] == "code"
    assert usual["code_challenge_method"] == "S256"
    assert usual["redirect_uri"] == RETOUR
    assert usual["scope"] == "openid profile"
    assert (usual["state"], usual["nonce"]) == (SECRETS.state, SECRETS.nonce)
    assert (usual["max_age"], usual.get("prompt")) == ("60", None)
    assert (anew["max_age"], anew["prompt"]) == ("0", "login")
    assert SECRETS.verificateur not in str(usual)


async def test_a_key_of_ours_proves_who_we_are_for_one_minute(essai: FournisseurDEssai) -> None:
    essai.cle_du_client = ECKey.generate_key("P-256")
    assert (await identify(fournisseur(essai))).sujet == "agent-1"
    other = fournisseur(essai)
    other.employeur = Employeur("essai", other.employeur.declaration, ECKey.generate_key("P-256"), None)
    with pytest.raises(RetourRefuse):
        await identify(other)


@pytest.mark.exigence("ASVS 10.5.1", "ASVS 10.5.4")
@pytest.mark.parametrize(
    "affirme",
    [
        {"iss": "https://autre.example"},
        {"aud": "autre"},
        {"aud": ["site-de-gestion", "autre"]},
        {"aud": ["site-de-gestion"], "azp": "autre"},
        {"exp": 1_700_000_000},
        {"exp": None},
        {"iat": 4_000_000_000},
        {"iat": None},
        {"nonce": "autre"},
        {"nonce": None},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 256},
        {"auth_time": None},
        {"auth_time": 1_700_000_000},
        {"auth_time": 4_000_000_000},
        {"auth_time": 1e300},
        {"auth_time": "hier"},
        {"amr": "otp"},
        {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
    ],
    ids=str,
)
async def test_an_id_token_that_is_not_for_us_now_is_refused(
    essai: FournisseurDEssai, affirme: dict[str, object]
) -> None:
    essai.affirme = affirme
    with pytest.raises(RetourRefuse):
        await identify(fournisseur(essai))


async def test_an_id_token_for_several_is_taken_where_it_says_that_it_was_given_to_us(essai: FournisseurDEssai) -> None:
    essai.affirme = {"aud": ["site-de-gestion", "autre"], "azp": "site-de-gestion"}
    assert (await identify(fournisseur(essai))).sujet == "agent-1"


@pytest.mark.exigence("ASVS 6.8.2")
async def test_a_token_signed_by_no_published_key_or_by_none_is_refused(essai: FournisseurDEssai) -> None:
    published = essai.cle
    assert isinstance(published, ECKey)
    essai.publiees = [published, ECKey.generate_key("P-256", {"kid": "k9"}), ECKey.generate_key("P-384", {"kid": "k8"})]
    theirs = fournisseur(essai)
    forged: list[tuple[Key, dict[str, object]]] = [
        (ECKey.generate_key("P-256", {"kid": "k1"}), {}),
        (ECKey.generate_key("P-256", {"kid": "k2"}), {}),
        (published, {"kid": None}),
        (essai.publiees[2], {"alg": "ES384"}),
    ]
    for key, header in forged:
        essai.cle, essai.entete = key, header
        with pytest.raises(RetourRefuse):
            await identify(theirs)
    essai.cle, essai.entete = published, {}
    claims = {"iss": essai.url, "sub": "agent-1", "aud": "site-de-gestion", "nonce": SECRETS.nonce}
    moment = int(time.time())
    said = _part(claims | {"iat": moment, "exp": moment + 60, "auth_time": moment})
    by_public_key = f"{_part({'alg': 'HS256', 'kid': 'k1'})}.{said}"
    signature = hmac.digest(published.as_pem(private=False), by_public_key.encode(), "sha256")
    for jeton in (
        f"{by_public_key}.{_encoded(signature)}",
        f"{_part({'alg': 'none', 'kid': 'k1'})}.{said}.",
        f"{_part({'alg': 'ES256', 'kid': 7})}.{said}.",
        f"{said}",
        "a.b.c",
        "",
    ):
        essai.jeton = jeton
        with pytest.raises(RetourRefuse):
            await identify(theirs)


def _part(content: object) -> str:
    return _encoded(orjson.dumps(content))


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


async def test_a_key_that_changed_is_read_again_but_not_at_each_unknown_id(essai: FournisseurDEssai) -> None:
    theirs = fournisseur(essai)
    await identify(theirs)
    # Of another kind, too.
    essai.cle = RSAKey.generate_key(2048, {"kid": "k2", "use": "sig"})
    for _ in range(2):
        with pytest.raises(RetourRefuse):
            await identify(theirs)
    assert essai.lectures.count("/cles") == 1
    theirs._keys_from -= 6
    assert (await identify(theirs)).sujet == "agent-1"
    assert essai.lectures.count("/cles") == 2
    assert essai.lectures.count("/.well-known/openid-configuration") == 1, "kept for ten minutes"


@pytest.mark.exigence("ASVS 10.2.2")
@pytest.mark.parametrize(
    "retour", [{"iss": "https://autre.example"}, {"iss": ""}, {"error": "access_denied"}, {"code": ""}, {"code": "x"}]
)
async def test_an_answer_of_another_provider_or_without_a_good_code_is_refused(
    essai: FournisseurDEssai, retour: dict[str, str]
) -> None:
    with pytest.raises(RetourRefuse):
        await identify(fournisseur(essai), **retour)


async def test_a_provider_that_says_its_name_must_say_it_and_another_need_not(essai: FournisseurDEssai) -> None:
    for says, refused in ((True, True), (False, False)):
        essai.dit = {"authorization_response_iss_parameter_supported": says}
        theirs = fournisseur(essai)
        retour = await go(theirs)
        del retour["iss"]
        if refused:
            with pytest.raises(RetourRefuse):
                await theirs.identify(retour, SECRETS, since())
        else:
            assert (await theirs.identify(retour, SECRETS, since())).sujet == "agent-1"


async def test_a_code_serves_once_and_with_its_verifier_only(essai: FournisseurDEssai) -> None:
    theirs = fournisseur(essai)
    retour = await go(theirs)
    await theirs.identify(retour, SECRETS, since())
    with pytest.raises(RetourRefuse):
        await theirs.identify(retour, SECRETS, since())
    other = Secrets(state=SECRETS.state, nonce=SECRETS.nonce, verificateur="w" * 64)
    with pytest.raises(RetourRefuse):
        await theirs.identify(await go(theirs), other, since())


async def test_a_person_seen_too_long_ago_is_refused_however_the_provider_was_asked(essai: FournisseurDEssai) -> None:
    theirs = fournisseur(essai)
    essai.affirme = {"auth_time": int(time.time()) - 120}
    assert (await theirs.identify(await go(theirs), SECRETS, since(timedelta(minutes=2)))).sujet == "agent-1"
    with pytest.raises(RetourRefuse):
        await theirs.identify(await go(theirs), SECRETS, since(timedelta(minutes=1)))


@pytest.mark.parametrize("door", ["/.well-known/openid-configuration", "/jetons", "/cles"])
async def test_a_provider_that_is_away_is_said_to_be_with_what_to_do(essai: FournisseurDEssai, door: str) -> None:
    theirs = fournisseur(essai)
    essai.panne = {door: 503}
    with pytest.raises(EmployeurInjoignable, match="connectez-vous avec votre mot de passe"):
        await identify(theirs)
    essai.panne = {}
    assert (await identify(theirs)).sujet == "agent-1", "as soon as it is back"


async def test_a_provider_that_cannot_be_reached_is_said_to_be_away() -> None:
    with pytest.raises(EmployeurInjoignable):
        await go(fournisseur(FournisseurDEssai(url="http://127.0.0.1:1")))


@pytest.mark.exigence("ASVS 10.5.3")
@pytest.mark.parametrize(
    "dit",
    [
        {"issuer": "https://autre.example"},
        {"token_endpoint": "ftp://127.0.0.1/jetons"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": None},
        {"code_challenge_methods_supported": ["plain"]},
        {"authorization_endpoint": 7},
        {"beaucoup": "x" * 300_000},
    ],
    ids=["issuer", "token", "authorization", "jwks", "pkce", "number", "large"],
)
async def test_a_discovery_that_is_not_its_own_or_without_pkce_is_not_followed(
    essai: FournisseurDEssai, dit: dict[str, object]
) -> None:
    essai.dit = dit
    with pytest.raises(EmployeurInjoignable):
        await go(fournisseur(essai))


async def test_a_redirection_is_not_followed(essai: FournisseurDEssai) -> None:
    essai.panne = {"/.well-known/openid-configuration": 302}
    with pytest.raises(EmployeurInjoignable):
        await go(fournisseur(essai))


async def test_neither_secrets_nor_tokens_are_logged(
    essai: FournisseurDEssai, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    theirs = fournisseur(essai)
    retour = await go(theirs)
    await theirs.identify(retour, SECRETS, since())
    essai.affirme = {"nonce": "autre"}
    with pytest.raises(RetourRefuse):
        await identify(theirs)
    written = "".join(capfd.readouterr()) + caplog.text
    assert "employer_answer_refused" in written
    for secret in (SECRET, SECRETS.nonce, SECRETS.verificateur, retour["code"], "agent-1", "eyJ"):
        assert secret not in written
