"""Tokens that open no door: what anybody can make of a good one, and what was one for too short a time."""

import asyncio
import base64
import json
import os
import sys

from infra.local.processes import ROOT
from tests.e2e.running import Up


def forgeries(token: str) -> list[str]:
    """A token changed in its claims, in its signature, without one, and with a header that makes no sense."""
    header, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    other = base64.urlsafe_b64encode(json.dumps({**claims, "sub": "01AUTRE"}).encode()).decode().rstrip("=")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').decode().rstrip("=")
    fields = json.loads(base64.urlsafe_b64decode(header + "=="))
    odd = base64.urlsafe_b64encode(json.dumps({**fields, "crit": 5}).encode()).decode().rstrip("=")
    return [
        f"{header}.{other}.{signature}",
        f"{header}.{payload}.{signature[::-1]}",
        f"{none}.{payload}.",
        f"{odd}.{payload}.{signature}",
    ]


async def expired_token(up: Up) -> str:
    """A token of the platform's own issuer, signed with its own key, whose time is over."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _EXPIRED,
        cwd=ROOT,
        env={**os.environ, **up.settings.environment()},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode().strip()


_EXPIRED = """
import asyncio, time
from joserfc import jwt
from kit.mongo import open_database
from services.identity.settings import IdentitySettings
from services.identity.trousseau import Trousseau

async def main():
    settings = IdentitySettings()
    database = open_database(settings.mongodb_uri, f"{settings.prefixe_bases}identity")
    trousseau = Trousseau(database, settings.open_vault())
    await trousseau.load()
    key, past = trousseau.signing_key, int(time.time()) - 3600
    claims = {"iss": settings.identity_url, "aud": "site-de-gestion", "sub": "01A", "sid": "01S", "client_id": "x",
              "scope": "openid", "acr": "2", "amr": ["pwd", "otp"], "auth_time": past, "iat": past, "exp": past + 600}
    print(jwt.encode({"alg": "ES256", "typ": "at+jwt", "kid": key.kid}, claims, key, algorithms=["ES256"]))
    database.client.close()

asyncio.run(main())
"""
