"""The OpenID provider of an employer: where it is, what is asked of it, and whether its answer is to be believed.

Authlib does the protocol; its client for httpx is for another httpx by now, so its core is given the one request that
it makes.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.client import OAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey
from joserfc.jws import extract_compact

from kit.http import open_client
from kit.logs import get_logger
from services.identity.domain.employeurs import EmployeurInjoignable, Fraicheur, Identite, Perimetre, RetourRefuse
from services.identity.employeurs.declaration import Employeur

_ALGORITHMS = ("ES256", "RS256", "PS256")
_ASYMMETRIC = (ECKey, RSAKey)
_KEPT_SECONDS = 600.0
_KEYS_AT_MOST_EVERY_SECONDS = 5.0
_TIMEOUT_SECONDS = 5.0
_LONGEST_SECONDS = 12.0
"""Of all that is asked of it while a person waits."""
_LARGEST = 262_144
_LEEWAY = timedelta(seconds=30)
"""Between its clock and ours."""
_ASSERTION = timedelta(minutes=1)
_LONGEST_SUB = 255
"""OpenID Connect Core §2."""
_UNREADABLE = (OAuth2Error, JoseError, ValueError, TypeError, AttributeError, KeyError, OverflowError)
"""What Authlib and joserfc raise for what a provider may send: they use values before they know what they are."""

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What one request to the employer carries, each for that request alone."""

    state: str
    nonce: str
    verificateur: str


@dataclass(frozen=True, slots=True)
class _Adresses:
    """What its discovery says (OpenID Connect Discovery 1.0 §3)."""

    autorisation: str
    jetons: str
    cles: str
    says_iss: bool


@dataclass(slots=True)
class Fournisseur:
    """The provider of a declared employer; what it publishes is kept for ten minutes.

    Args:
        redirect_uri: where it sends people back to: an address of its own, so that no answer of another is taken for
            its (RFC 9700 §4.4.2).
    """

    employeur: Employeur
    redirect_uri: str
    _adresses: _Adresses | None = None
    _until: float = 0.0
    _cles: KeySet | None = None
    _keys_from: float = 0.0
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def id(self) -> str:
        return self.employeur.id

    @property
    def nom(self) -> str:
        return self.employeur.declaration.nom

    @property
    def issuer(self) -> str:
        return self.employeur.declaration.issuer

    @property
    def perimetre(self) -> Perimetre:
        return self.employeur.declaration.perimetre

    @property
    def domaines(self) -> frozenset[str]:
        return self.employeur.declaration.domaines

    async def authorization_url(self, secrets: Secrets, fraicheur: Fraicheur, *, now: datetime) -> str:
        """Where to send the person to.

        Raises:
            EmployeurInjoignable: the provider does not answer, or not as one.
        """
        async with self._asking() as http:
            adresses = await self._discover(http)
        asked = {"nonce": secrets.nonce, "max_age": str(fraicheur.max_age(now))}
        if fraicheur.nouvelle:
            asked["prompt"] = "login"
        url, _state = self._client(None).create_authorization_url(
            adresses.autorisation, state=secrets.state, code_verifier=secrets.verificateur, **asked
        )
        return str(url)

    async def identify(self, retour: Mapping[str, str], secrets: Secrets, fraicheur: Fraicheur) -> Identite:
        """Who it says the person is, once its answer has been checked whole; its tokens are forgotten.

        Raises:
            EmployeurInjoignable: the provider does not answer, or not as one.
            RetourRefuse: it said no; or its answer is another's, or not to this request, or not to be believed.
        """
        async with self._asking() as http:
            adresses = await self._discover(http)
            self._require_own_answer(retour, adresses)
            try:
                tokens = await self._client(http).fetch_token(
                    adresses.jetons,
                    grant_type="authorization_code",
                    code=retour["code"],
                    code_verifier=secrets.verificateur,
                    redirect_uri=self.redirect_uri,
                    auth=self._client(http).client_auth(self._proof(adresses.jetons)),
                )
                return await self._read(http, adresses, tokens, secrets.nonce, fraicheur)
            except _UNREADABLE as error:
                raise self._refuse(type(error).__name__) from error

    def _require_own_answer(self, retour: Mapping[str, str], adresses: _Adresses) -> None:
        """Its issuer, where it names one or said that it would (RFC 9207); and a code."""
        iss = retour.get("iss")
        if iss != self.issuer and (iss is not None or adresses.says_iss):
            raise self._refuse("another_issuer")
        if "error" in retour or not retour.get("code"):
            raise self._refuse("denied")

    async def _read(
        self, http: httpx.AsyncClient, adresses: _Adresses, tokens: Mapping[str, Any], nonce: str, fraicheur: Fraicheur
    ) -> Identite:
        value = tokens["id_token"]
        kid = extract_compact(value.encode()).headers().get("kid")
        token = jwt.decode(value, await self._key(http, adresses, kid), algorithms=list(_ALGORITHMS))
        client_id = self.employeur.declaration.client_id
        claims = CodeIDToken(
            token.claims,
            token.header,
            options={"iss": {"essential": True, "value": self.issuer}, "aud": {"essential": True, "value": client_id}},
            params={"nonce": nonce, "client_id": client_id, "access_token": tokens.get("access_token")},
        )
        claims.validate(now=int(time.time()), leeway=_LEEWAY // timedelta(seconds=1))
        return self._identite(token.claims, fraicheur)

    def _identite(self, claims: Mapping[str, Any], fraicheur: Fraicheur) -> Identite:
        sub, acr, amr = claims["sub"], claims.get("acr"), claims.get("amr") or []
        if not isinstance(sub, str) or not 0 < len(sub) <= _LONGEST_SUB:
            raise ValueError("sub")
        seen, now = datetime.fromtimestamp(claims["auth_time"], UTC), datetime.now(UTC)
        if not fraicheur.depuis - _LEEWAY <= seen <= now + _LEEWAY:
            raise self._refuse("auth_time")
        return Identite(
            emetteur=self.issuer,
            sujet=sub,
            faits=self.employeur.declaration.correspondance.factors(
                acr if isinstance(acr, str) else None, [method for method in amr if isinstance(method, str)]
            ),
            # Its clock may be a little behind, which must not have the person asked again.
            authentifie_le=min(max(seen, fraicheur.depuis), now),
        )

    async def _discover(self, http: httpx.AsyncClient) -> _Adresses:
        async with self._reading:
            if self._adresses is None or time.monotonic() >= self._until:
                found = await _get(http, f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
                self._adresses, self._until = self._checked(found), time.monotonic() + _KEPT_SECONDS
            return self._adresses

    def _checked(self, found: Mapping[str, Any]) -> _Adresses:
        """What it publishes, where it is its own to publish.

        Raises:
            ValueError: it names another issuer, an address without TLS, or cannot do PKCE with S256.
        """
        adresses = _Adresses(
            autorisation=found["authorization_endpoint"],
            jetons=found["token_endpoint"],
            cles=found["jwks_uri"],
            says_iss=found.get("authorization_response_iss_parameter_supported") is True,
        )
        schemes = {urlsplit(address).scheme for address in (adresses.autorisation, adresses.jetons, adresses.cles)}
        if found["issuer"] != self.issuer or not schemes <= {"https", urlsplit(self.issuer).scheme}:
            raise ValueError("issuer")
        if "S256" not in found.get("code_challenge_methods_supported", ["S256"]):
            raise ValueError("code_challenge_methods_supported")
        return adresses

    async def _key(self, http: httpx.AsyncClient, adresses: _Adresses, kid: object) -> ECKey | RSAKey:
        """The key of that id; an unknown one is looked for again, for keys change, but not at each forged token.

        Raises:
            ValueError: it publishes none such.
        """
        async with self._reading:
            now = time.monotonic()
            if self._held(kid) is None and now >= self._keys_from + _KEYS_AT_MOST_EVERY_SECONDS:
                published: Any = await _get(http, adresses.cles)
                self._cles, self._keys_from = KeySet.import_key_set(published), now
            key = self._held(kid)
        if key is None:
            raise ValueError("kid")
        return key

    def _held(self, kid: object) -> ECKey | RSAKey | None:
        """A key withdrawn by the provider is believed for as long as what it publishes is kept."""
        if self._cles is None or time.monotonic() >= self._keys_from + _KEPT_SECONDS:
            return None
        signing = [key for key in self._cles.keys if isinstance(key, _ASYMMETRIC) and key.get("use") in (None, "sig")]
        if kid is None:
            # RFC 7517 §4.5: an id is optional where there is one key.
            return signing[0] if len(signing) == 1 else None
        return next((key for key in signing if key.kid == kid), None)

    def _client(self, http: httpx.AsyncClient | None) -> "_Client":
        declaration, secret = self.employeur.declaration, self.employeur.secret
        return _Client(
            http,
            client_id=declaration.client_id,
            client_secret=self.employeur.cle if secret is None else secret.get_secret_value(),
            scope=" ".join(declaration.scopes),
            redirect_uri=self.redirect_uri,
            code_challenge_method="S256",
        )

    def _proof(self, endpoint: str) -> Any:
        """How we prove there who we are: by the key, else by the secret."""
        if self.employeur.cle is None:
            return "client_secret_basic"
        kid = self.employeur.cle.thumbprint()
        expires = int((datetime.now(UTC) + _ASSERTION).timestamp())
        return PrivateKeyJWT(endpoint, claims={"exp": expires}, headers={"kid": kid}, alg="ES256")

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[httpx.AsyncClient]:
        """Whatever fails within is that it does not answer, or not as a provider."""
        try:
            async with asyncio.timeout(_LONGEST_SECONDS), open_client(timeout=_TIMEOUT_SECONDS) as http:
                yield http
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, *_UNREADABLE) as error:
            _log.warning("employer_unavailable", employer=self.id, error=type(error).__name__)
            raise EmployeurInjoignable(self.nom) from error

    def _refuse(self, reason: str) -> RetourRefuse:
        _log.warning("employer_answer_refused", employer=self.id, reason=reason)
        return RetourRefuse(self.nom)


class _Client(OAuth2Client):
    """Authlib's client, whose only request is made by the kit's."""

    session: httpx.AsyncClient

    async def _fetch_token(
        self, url: str, body: str = "", headers: Any = None, auth: Any = None, method: str = "POST", **_kwargs: Any
    ) -> Any:
        url, headers, body = auth.prepare(method, url, dict(headers), body)
        answer: Any = await _ask(self.session, method, url, content=body, headers=headers)
        return self.parse_response_token(answer)  # type: ignore[no-untyped-call]


async def _get(http: httpx.AsyncClient, url: str) -> Mapping[str, Any]:
    """A JSON object that the provider publishes; a redirection is not followed.

    Raises:
        httpx.HTTPError: it is not there.
        ValueError: it is none, or too large.
    """
    content = orjson.loads((await _ask(http, "GET", url)).raise_for_status().content)
    if not isinstance(content, dict):
        raise ValueError("not an object")  # noqa: TRY004 - what is read, not a bug
    return content


async def _ask(http: httpx.AsyncClient, method: str, url: str, **request: Any) -> httpx.Response:
    """An answer that was read within bounds, whatever it says its length is.

    Raises:
        httpx.HTTPError: there is none.
        ValueError: it is too large.
    """
    content = bytearray()
    async with http.stream(method, url, **request) as answer:
        async for part in answer.aiter_bytes():
            content += part
            if len(content) > _LARGEST:
                raise ValueError("too large")
    return httpx.Response(answer.status_code, content=bytes(content), request=answer.request)


def open_fournisseurs(employeurs: Iterable[Employeur], *, identity_url: str) -> Mapping[str, Fournisseur]:
    """The providers of these employers, by id; nothing is asked of them yet."""
    return {
        employeur.id: Fournisseur(employeur, f"{identity_url}/employeur/{employeur.id}/retour")
        for employeur in employeurs
    }
