"""Clients hear that somebody has signed out (OpenID Connect Back-Channel Logout 1.0)."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from infra.local.connexion import Jetons, Navigateur
from kit.errors import Unauthenticated
from kit.http import open_client
from kit.testing.serving import free_port, serve
from kit.testing.waiting import eventually
from services.identity.domain.audit import OPERATEUR
from services.identity.oidc.deconnexions import Avertisseur
from services.identity.store.deconnexions import VALIDITE
from services.identity.tests.conftest import Identity, Titulaire
from services.identity.tests.declarations import declaring
from services.identity.tests.test_jetons import GESTIONNAIRE
from services.identity.usecases.comptes import disable

pytestmark = pytest.mark.stack


@dataclass(slots=True)
class Application:
    """A client that takes logout tokens over HTTP, and answers with the statuses that it is told, then with 200."""

    port: int
    statuses: list[int] = field(default_factory=list)
    received: list[str] = field(default_factory=list)
    elsewhere: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/fin-de-session"

    def app(self) -> Starlette:
        async def take(request: Request) -> Response:
            self.received.append(str((await request.form())["logout_token"]))
            status = self.statuses.pop(0) if self.statuses else 200
            return RedirectResponse("/ailleurs", status_code=307) if status == 307 else Response(status_code=status)

        async def elsewhere(_request: Request) -> Response:
            self.elsewhere += 1
            return Response()

        return Starlette(
            routes=[Route("/fin-de-session", take, methods=["POST"]), Route("/ailleurs", elsewhere, methods=["POST"])]
        )

    async def heard(self, identity: Identity) -> list[dict[str, Any]]:
        """What it was told, each token checked by the keys that the provider publishes."""
        async with open_client(base_url=identity.url) as http:
            keys = KeySet.import_key_set((await http.get("/jwks")).json())
        tokens = [jwt.decode(value, keys, algorithms=["ES256"]) for value in self.received]
        assert all(token.header["typ"] == "logout+jwt" for token in tokens)
        return [token.claims for token in tokens]


@pytest.fixture(scope="module")
async def application() -> AsyncIterator[Application]:
    """A client that wants to be told."""
    told = Application(free_port())
    async with serve(told.app(), port=told.port):
        yield told


@pytest.fixture(scope="module")
async def telling(
    identity: Identity, application: Application, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Identity]:
    """The provider to which it is declared."""
    declaration = (
        'nom = "Application"\nredirect_uris = ["http://127.0.0.1/retour"]\nboucle_locale = true\n'
        f'scopes = ["openid"]\nbackchannel_logout_uri = "{application.url}"\ndemonstration = true'
    )
    async with declaring(identity, tmp_path_factory.mktemp("clients"), application=declaration) as provider:
        yield provider


async def sign_in(someone: Titulaire) -> tuple[Navigateur, Jetons]:
    """Sign somebody in to the application."""
    browser = someone.browser()
    browser.client_id = "application"
    return browser, await browser.sign_in(scope="openid")


@pytest.mark.exigence("ASVS 7.6.1")
async def test_a_client_hears_of_a_sign_out_by_a_token_that_it_can_check(
    telling: Identity, application: Application
) -> None:
    someone = await telling.account(GESTIONNAIRE, totp=False)
    browser, jetons = await sign_in(someone)
    token = await telling.verifier.verify(jetons.access_token)
    await browser._http.get(f"{telling.url}/logout", params={"id_token_hint": jetons.id_token})
    (claims,) = await told(telling, application, token.sid, times=1)
    assert set(claims) == {"iss", "aud", "iat", "exp", "jti", "events", "sub", "sid"}
    assert (claims["iss"], claims["aud"]) == (telling.url, "application")
    assert (claims["sub"], claims["sid"]) == (someone.compte.id, token.sid)
    assert claims["events"] == {"http://schemas.openid.net/event/backchannel-logout": {}}
    assert claims["exp"] - claims["iat"] == 120
    with pytest.raises(Unauthenticated):
        await telling.verifier.verify(application.received[-1])

    async def nothing_waits() -> bool:
        return await telling.deps.database.deconnexions.count_documents({"famille": token.sid}) == 0

    await eventually(nothing_waits)


async def test_a_client_that_fails_or_redirects_is_told_again_of_an_account_that_an_operator_disabled(
    telling: Identity, application: Application
) -> None:
    someone = await telling.account(GESTIONNAIRE, totp=False)
    _, jetons = await sign_in(someone)
    sid = (await telling.verifier.verify(jetons.access_token)).sid
    application.statuses[:] = [503, 307]
    await disable(telling.deps, someone.compte.id, par=OPERATEUR)
    tokens = await told(telling, application, sid, times=3)
    assert application.elsewhere == 0, "a redirection is not followed"
    assert len({claims["jti"] for claims in tokens}) == 3


async def told(identity: Identity, application: Application, sid: str, *, times: int) -> list[dict[str, Any]]:
    """What the application hears of that session, once it has been told so often."""

    async def heard() -> list[dict[str, Any]]:
        found = [claims for claims in await application.heard(identity) if claims["sid"] == sid]
        return found if len(found) == times else []

    return await eventually(heard, within=20)


async def test_a_client_that_is_away_for_too_long_is_given_up(identity: Identity, application: Application) -> None:
    database = identity.deps.database
    long_ago = identity.deps.clock() - VALIDITE
    row = {
        "_id": "01ABANDON",
        "client": "parti",
        "famille": "01FAMILLE",
        "cree_le": long_ago,
        "expire_le": identity.deps.clock() - timedelta(seconds=1),
        "essayer_le": long_ago,
        "essais": 30,
    }
    await database.deconnexions.insert_one(row)
    avertisseur = Avertisseur(deps=identity.deps, issuer=identity.url, adresses={"parti": application.url})
    before = len(application.received)
    running = asyncio.create_task(avertisseur.run())

    async def gone() -> bool:
        return await database.deconnexions.count_documents({"_id": "01ABANDON"}) == 0

    try:
        await eventually(gone)
    finally:
        running.cancel()
    assert len(application.received) == before
