"""`make jeton`: what it says when a demonstration account cannot be signed in."""

import pytest

from infra.local.courriels import Boite, create_app
from infra.local.jeton import access_token
from infra.local.platform import read_settings
from kit.testing.serving import free_port, serve
from services.identity.app import create_app as create_identity
from services.identity.tests.conftest import Identity, answers
from socle.principal import RoleTenu
from socle.rubriques import Role

pytestmark = pytest.mark.stack

GESTIONNAIRE = RoleTenu(role=Role.GESTIONNAIRE, uai="0940001A")


async def test_a_code_that_does_not_come_by_mail_is_said_with_where_to_look(
    identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.local.connexion._MAIL_SECONDS", 0.2)
    someone = await identity.account(GESTIONNAIRE, totp=False)
    port = free_port()
    # By the name that the platform gives it.
    url = f"http://localhost:{port}"
    by_name = {"identity_url": url, "identity_port": port, "identity_grpc_port": free_port()}
    provider = create_identity(identity.settings.model_copy(update=by_name))
    async with serve(create_app(Boite())) as empty, serve(provider, port=port):
        await answers(url)
        settings = read_settings({"IDENTITY_PORT": str(port), "PORT_COURRIELS": str(empty.port)})
        with pytest.raises(SystemExit, match=rf"make jeton: no code came by mail: look at {empty.url}/.*identity\.log"):
            await access_token(settings, someone.personne)


async def test_a_platform_that_is_not_there_is_said(identity: Identity) -> None:
    someone = await identity.account(GESTIONNAIRE)
    settings = read_settings({"IDENTITY_PORT": str(free_port()), "PORT_COURRIELS": str(free_port())})
    with pytest.raises(SystemExit, match=r"make jeton: .*; is the platform running \(make up\)\?"):
        await access_token(settings, someone.personne)
