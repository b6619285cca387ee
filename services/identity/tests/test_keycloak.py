"""An employer's identity given by a provider that was not written here: Keycloak, as it is served."""

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from typing import override

import orjson
import pytest
from joserfc.jwk import ECKey

from infra.local import jvm
from infra.local.connexion import Page
from infra.local.keycloak import ADMINISTRATEUR, MOT_DE_PASSE, keycloak
from infra.local.processes import Running, StartFailed, launch, wait_ready
from kit.http import open_client
from kit.testing.serving import free_port, serve
from services.identity.app import create_app
from services.identity.domain.audit import Acte, Issue
from services.identity.tests.conftest import Identity, answers
from services.identity.tests.employeur import FournisseurDEssai
from services.identity.tests.test_identites import COMPTE, GESTIONNAIRE, UAI, Chez, Personne

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.timeout(600)]

AGENT = "un agent de l'essai"


@pytest.fixture
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[str, Running]]:
    """A Keycloak, and where it is: each test has its own, since one takes it away."""
    try:
        jvm.require_java()
    except StartFailed as missing:
        pytest.skip(str(missing))
    port = free_port()
    running = launch(keycloak(port), tmp_path_factory.mktemp("keycloak"))
    try:
        await wait_ready(running)
        yield f"http://127.0.0.1:{port}", running
    finally:
        running.stop()


@pytest.fixture
async def chez(
    identity: Identity, running: tuple[str, Running], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Chez]:
    """A process of identity to which a realm of that Keycloak is declared."""
    url, folder, key, port = running[0], tmp_path_factory.mktemp("employeurs"), ECKey.generate_key("P-256"), free_port()
    (folder / "nous.pem").write_bytes(key.as_pem(private=True))
    await _create_realm(url, key, f"http://127.0.0.1:{port}/employeur/lycee/retour")
    changed = {
        "identity_url": f"http://127.0.0.1:{port}",
        "identity_port": port,
        "identity_grpc_port": free_port(),
        "identity_employeurs": _declare(folder, url),
    }
    settings = identity.settings.model_copy(update=changed)
    async with serve(create_app(settings), port=port):
        await answers(settings.identity_url)
        yield Chez(Identity(settings, identity.deps, identity.courriels, identity.browsers), FournisseurDEssai())


async def _create_realm(url: str, key: ECKey, redirect_uri: str) -> None:
    public = key.as_dict(private=False, kid=key.thumbprint(), use="sig", alg="ES256")
    client = {
        "clientId": "site-de-gestion",
        "clientAuthenticatorType": "client-jwt",
        "redirectUris": [redirect_uri],
        "directAccessGrantsEnabled": False,
        "attributes": {
            "use.jwks.string": "true",
            "jwks.string": orjson.dumps({"keys": [public]}).decode(),
            "token.endpoint.auth.signing.alg": "ES256",
            "pkce.code.challenge.method": "S256",
        },
    }
    realm = {"realm": "agents", "enabled": True, "clients": [client], "users": [_agent("lea"), _agent("yann")]}
    async with open_client(base_url=url, timeout=60) as http:
        asked = {"grant_type": "password", "client_id": "admin-cli", "username": ADMINISTRATEUR}
        given = await http.post("/realms/master/protocol/openid-connect/token", data=asked | {"password": MOT_DE_PASSE})
        token = given.raise_for_status().json()["access_token"]
        done = await http.post("/admin/realms", json=realm, headers={"authorization": f"Bearer {token}"})
        done.raise_for_status()


def _agent(nom: str) -> dict[str, object]:
    password = {"type": "password", "value": AGENT, "temporary": False}
    address = f"{nom}@lycee.example"
    return {
        "username": nom,
        "enabled": True,
        "email": address,
        "emailVerified": True,
        "firstName": nom.title(),
        "lastName": "Essai",
        "credentials": [password],
    }


def _declare(folder: Path, url: str) -> Path:
    path = folder / "employeurs.toml"
    path.write_text(
        f"""
        [lycee]
        nom = "Lycée d'essai"
        issuer = "{url}/realms/agents"
        client_id = "site-de-gestion"
        cle = "{folder / "nous.pem"}"
        uais = ["{UAI}"]
        acr = {{ "1" = ["pwd"] }}
        """
    )
    return path


class Agent(Personne):
    """Somebody who also has an account at Keycloak, and fills its page in."""

    nom = "lea"

    @override
    async def at_employer(self, address: str) -> str:
        page = await self.http.get(address)
        while "/employeur/lycee/retour" not in page.headers.get("location", ""):
            for cookie in self.http.cookies.jar:
                # As browsers do: the loopback address is as good as TLS.
                cookie.secure = False
            if page.is_redirect:
                page = await self.http.get(page.headers["location"])
                continue
            form = re.search(r' action="([^"]+/login-actions/authenticate[^"]*)"', page.text)
            assert form is not None, page.text
            page = await self.http.post(unescape(form[1]), data={"username": self.nom, "password": AGENT})
        location: str = page.headers["location"]
        return location


async def account(chez: Chez, nom: str = "lea") -> Agent:
    someone = Agent(chez, await chez.identity.account(GESTIONNAIRE))
    someone.nom = nom
    return someone


def again(someone: Agent) -> Agent:
    other = Agent(someone.chez, someone.who)
    other.nom = someone.nom
    return other


async def test_an_agent_links_its_identity_once_signs_in_with_it_and_unlinks_it(
    chez: Chez, running: tuple[str, Running]
) -> None:
    someone = await account(chez)
    await someone.signed_in()
    assert (await someone.link()).headers["location"] == COMPTE
    assert await someone.audit(Acte.IDENTITE_LIEE) == [(Issue.FAITE, None)]

    elsewhere = again(someone)
    back = await elsewhere.at_employer(await elsewhere.begin())
    assert f"iss={running[0].replace(':', '%3A').replace('/', '%2F')}" in back
    assert (await elsewhere.http.get(back)).headers["location"] == "/connexion/code", "the second factor is asked here"
    await elsewhere.browser._fill(await elsewhere.get("/connexion/code"), 0)
    assert await elsewhere.amr() == ["fed", "otp"]
    assert (await elsewhere.http.get(back)).status_code == 422, "an answer serves once"

    for changed in (
        re.sub(r"state=[^&]+", "state=autre", back),
        re.sub(r"iss=[^&]+", "iss=https%3A%2F%2Fautre.example", await elsewhere.at_employer(await elsewhere.begin())),
        re.sub(r"code=[^&]+", "code=autre", await elsewhere.at_employer(await elsewhere.begin())),
    ):
        refused = await elsewhere.http.get(changed)
        assert "n'a pas abouti" in Page(refused.text).refus
    thief = again(someone)
    await thief.get("/connexion")
    assert (await thief.http.get(await elsewhere.at_employer(await elsewhere.begin()))).status_code == 422

    stranger = await account(chez, "yann")
    assert "Aucun compte n'est lié" in Page((await stranger.come()).text).refus

    answer = await someone.submit(await someone.get(COMPTE), f"{COMPTE}/retrait")
    assert answer.headers["location"] == COMPTE
    assert "Aucun compte n'est lié" in Page((await again(someone).come()).text).refus


async def test_while_keycloak_is_away_the_password_goes_on(chez: Chez, running: tuple[str, Running]) -> None:
    someone = await account(chez)
    back = await someone.at_employer(await someone.begin("?client_id=web"))
    running[1].kill()
    answer = await someone.http.get(back)
    assert "ne répond pas : connectez-vous avec votre mot de passe" in Page(answer.text).refus
    answer = await someone.submit(
        answer, "/connexion", courriel=someone.who.personne.courriel, mot_de_passe=someone.who.personne.mot_de_passe
    )
    assert answer.headers["location"] == "/connexion/code"
