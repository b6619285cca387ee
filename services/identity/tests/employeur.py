"""The OpenID provider of an employer, as bad as a test wants it: it signs whatever it is told to say."""

import base64
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, KeySet
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from kit.testing.serving import free_port, serve
from services.identity.app import create_app
from services.identity.tests.conftest import Identity, answers

SECRET = "un secret que personne ne lit"


@dataclass(slots=True)
class FournisseurDEssai:
    """A provider that lets in whoever comes, as `sub`.

    Args:
        dit: what discovery says otherwise; `affirme`: what ID tokens do, where None leaves a claim out.
        entete: of ID tokens, otherwise.
        jeton: the ID token, whatever it would be.
        panne: the status with which each door answers.
    """

    url: str = ""
    client_id: str = "site-de-gestion"
    sub: str = "agent-1"
    dit: dict[str, object] = field(default_factory=dict)
    affirme: dict[str, object] = field(default_factory=dict)
    entete: dict[str, object] = field(default_factory=dict)
    panne: dict[str, int] = field(default_factory=dict)
    premiere: Key = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "k1", "use": "sig"}))
    cle: Key = field(init=False)
    jeton: str | None = None
    cle_du_client: ECKey | None = None
    publiees: list[Key] = field(default_factory=list)
    demandes: list[dict[str, str]] = field(default_factory=list)
    lectures: list[str] = field(default_factory=list)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.cle = self.premiere

    def reset(self) -> None:
        """As it was at first; whoever keeps its key still believes it."""
        other = FournisseurDEssai(url=self.url, premiere=self.premiere)
        for each in fields(self):
            setattr(self, each.name, getattr(other, each.name))

    def app(self) -> Starlette:
        doors: Mapping[str, Callable[[Request], Awaitable[Response]]] = {
            "/.well-known/openid-configuration": self._discovery,
            "/cles": self._keys,
            "/autoriser": self._authorize,
            "/jetons": self._token,
        }
        return Starlette(
            routes=[Route(path, self._door(door), methods=["GET", "POST"]) for path, door in doors.items()]
        )

    def _door(self, door: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            self.lectures.append(request.url.path)
            status = self.panne.get(request.url.path)
            return await door(request) if status is None else Response("<html>", status_code=status)

        return handle

    async def _discovery(self, _request: Request) -> Response:
        said = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/autoriser",
            "token_endpoint": f"{self.url}/jetons",
            "jwks_uri": f"{self.url}/cles",
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        }
        return JSONResponse(said | self.dit)

    async def _keys(self, _request: Request) -> Response:
        return JSONResponse(KeySet(self.publiees or [self.cle]).as_dict(private=False))

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        self.demandes.append(asked)
        code = f"code-{len(self.demandes)}"
        self._codes[code] = asked
        answer = {"code": code, "state": asked["state"], "iss": self.url}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(answer)}", status_code=302)

    async def _token(self, request: Request) -> Response:
        form = await request.form()
        given = {name: str(value) for name, value in form.items()}
        asked = self._codes.pop(given.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(given.get("code_verifier", "").encode()).digest())
        if (
            asked is None
            or asked["code_challenge"] != challenge.rstrip(b"=").decode()
            or asked["redirect_uri"] != given.get("redirect_uri")
            or not self._is_our_client(request, given)
        ):
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        return JSONResponse({"access_token": "jeton", "token_type": "Bearer", "id_token": self._id_token(asked)})

    def _is_our_client(self, request: Request, given: Mapping[str, str]) -> bool:
        if self.cle_du_client is None:
            basic = base64.b64encode(f"{self.client_id}:{SECRET}".encode()).decode()
            return request.headers.get("authorization") == f"Basic {basic}"
        try:
            token = jwt.decode(given["client_assertion"], self.cle_du_client, algorithms=["ES256"])
        except JoseError:
            return False
        if not 0 < token.claims["exp"] - time.time() <= 60:
            return False
        return (token.claims["aud"], token.claims["iss"]) == (f"{self.url}/jetons", self.client_id)

    def _id_token(self, asked: Mapping[str, str]) -> str:
        if self.jeton is not None:
            return self.jeton
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.url,
            "sub": self.sub,
            "aud": self.client_id,
            "iat": now,
            "exp": now + 60,
            "auth_time": now,
            "nonce": asked["nonce"],
        } | self.affirme
        header = {"alg": "ES256" if isinstance(self.cle, ECKey) else "RS256", "kid": self.cle.kid} | self.entete
        said = {name: value for name, value in claims.items() if value is not None}
        algorithms = [str(header["alg"])]
        return jwt.encode({k: v for k, v in header.items() if v is not None}, said, self.cle, algorithms=algorithms)


@asynccontextmanager
async def serve_declared(
    identity: Identity, folder: Path, *, uai: str, hote: str = "127.0.0.1"
) -> AsyncIterator[tuple[Identity, FournisseurDEssai]]:
    """Another process over the store of `identity`, under that name, to which the employer of an establishment is
    declared: it, and the employer's provider.
    """
    provider = FournisseurDEssai()
    (folder / "secret").write_text(SECRET)
    async with serve(provider.app()) as served:
        provider.url = served.url
        settings = identity.settings.model_copy(
            update={
                "identity_url": f"http://{hote}:{(port := free_port())}",
                "identity_port": port,
                "identity_grpc_port": free_port(),
                "identity_employeurs": _declare(folder, provider, uai),
            }
        )
        async with serve(create_app(settings), port=port):
            await answers(settings.identity_url)
            yield replace(identity, settings=settings), provider


def _declare(folder: Path, provider: FournisseurDEssai, uai: str) -> Path:
    path = folder / "employeurs.toml"
    path.write_text(
        f"""
        [lycee]
        nom = "Lycée d'essai"
        issuer = "{provider.url}"
        client_id = "{provider.client_id}"
        secret_fichier = "{folder / "secret"}"
        uais = ["{uai}"]
        amr = {{ otp = ["otp"] }}
        """
    )
    return path
