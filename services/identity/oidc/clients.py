"""The clients: applications that sign people in, and machines; declared in a file and checked at start."""

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, override
from urllib.parse import SplitResult, urlsplit

from authlib.oauth2.rfc6749 import ClientMixin, list_to_scope, scope_to_list
from joserfc.jwk import ECKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from services.identity.oidc.cles_clients import create_demonstration_keys, parse_keys, read_keys
from socle.flux import Flux

SCOPES = ("openid", "profile", "email")
FLUX = tuple(flux.value for flux in Flux)
_LOOPBACK = ("127.0.0.1", "::1")


class Declaration(BaseModel):
    """What the file says of a client."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    nom: str = Field(min_length=1)
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    scopes: tuple[str, ...] = Field(min_length=1)
    boucle_locale: bool = False
    par_obligatoire: bool = False
    dpop: bool = False
    backchannel_logout_uri: str | None = None
    introspection: tuple[str, ...] = ()
    machine: bool = False
    cles: Path | None = None
    jwks: dict[str, Any] | None = None
    demonstration: bool = False

    @field_validator("redirect_uris", "post_logout_redirect_uris")
    @classmethod
    def _check_uris(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for uri in value:
            _check_uri(uri)
        return value

    @field_validator("backchannel_logout_uri")
    @classmethod
    def _check_logout_uri(cls, value: str | None) -> str | None:
        if value is not None:
            _check_uri(value)
        return value

    @field_validator("scopes")
    @classmethod
    def _check_scopes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(value) - {*SCOPES, *FLUX})
        if unknown:
            raise ValueError(f"unknown scopes: {', '.join(unknown)}")
        return value

    @field_validator("jwks")
    @classmethod
    def _check_jwks(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        if value is not None:
            parse_keys(value)
        return value

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        if self.cles is not None and self.jwks is not None:
            raise ValueError("cles, jwks: one of them, not both")
        if self.introspection and self.cles is None and self.jwks is None:
            raise ValueError("introspection: who asks about tokens proves itself by a key (cles, or jwks)")
        if not self.machine:
            if not self.redirect_uris:
                raise ValueError("redirect_uris: an application that signs people in has one")
            if set(self.scopes) & set(FLUX):
                raise ValueError("scopes: that of a flow is for a machine")
        elif (
            self.redirect_uris or self.post_logout_redirect_uris or self.par_obligatoire or self.backchannel_logout_uri
        ):
            raise ValueError("redirect_uris and what goes with them: a machine signs nobody in")
        elif len(self.scopes) != 1 or self.scopes[0] not in FLUX:
            raise ValueError("scopes: a machine has exactly one, of a flow")
        elif self.cles is None and self.jwks is None:
            raise ValueError("cles: a machine proves itself by a key: name its file, or put it in jwks")
        return self


def _check_uri(uri: str) -> None:
    parts = urlsplit(uri)
    if parts.fragment or not parts.hostname or "*" in uri:
        raise ValueError(f"{uri!r}: expected an absolute address, without fragment or wildcard")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise ValueError(f"{uri!r}: only https, or http on the loopback address")


@dataclass(frozen=True, slots=True)
class Client(ClientMixin):
    """A client as Authlib asks about it. None has a secret: it is public, or proves itself by one of its keys.

    Args:
        cles: its public keys by key id; none for a public client.
    """

    id: str
    declaration: Declaration
    cles: Mapping[str, ECKey] = field(default_factory=dict)

    @property
    def client_metadata(self) -> dict[str, object]:
        return {"post_logout_redirect_uris": self.declaration.post_logout_redirect_uris}

    @override
    def get_client_id(self) -> str:
        return self.id

    @override
    def get_default_redirect_uri(self) -> str:
        """None stands for any: a request names its own."""
        return ""

    @override
    def get_allowed_scope(self, scope: Collection[str] | str) -> str:
        if self.declaration.machine:
            return list_to_scope(self.declaration.scopes)
        asked = scope_to_list(scope or "")
        return list_to_scope([name for name in asked if name in self.declaration.scopes])

    @override
    def check_redirect_uri(self, redirect_uri: str) -> bool:
        if redirect_uri in self.declaration.redirect_uris:
            return True
        return self.declaration.boucle_locale and any(
            _same_but_port(declared, redirect_uri) for declared in self.declaration.redirect_uris
        )

    @override
    def check_client_secret(self, client_secret: str) -> bool:
        return False

    @override
    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == ("private_key_jwt" if self.cles else "none")

    @override
    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code" and not self.declaration.machine

    @override
    def check_grant_type(self, grant_type: str) -> bool:
        if self.declaration.machine:
            return grant_type == "client_credentials"
        return grant_type in ("authorization_code", "refresh_token")


def _same_but_port(declared: str, asked: str) -> bool:
    """RFC 8252 §7.3: any port of the loopback address, everything else exact."""
    try:
        one, other = urlsplit(declared), urlsplit(asked)
        named = other.port
    except ValueError:
        return False
    if one.hostname not in _LOOPBACK or one.hostname != other.hostname or named is None:
        return False
    return asked == _with_port(one, named)


def _with_port(parts: SplitResult, port: int) -> str:
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return parts._replace(netloc=f"{host}:{port}").geturl()


type Clients = Mapping[str, Client]


def load_clients(path: Path, *, demonstration: bool, cles: Path) -> Clients:
    """The clients that the file declares, by id.

    Args:
        path: of the file.
        demonstration: whether those of a demonstration are accepted; their keys are made the first time.
        cles: the folder in which a client's file of keys is looked for.

    Raises:
        SystemExit: it cannot be read, or a client is not well declared; the message says which and why.
    """
    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SystemExit(f"setting IDENTITY_CLIENTS: {path} cannot be read: {error}") from None
    clients = {id: _client(id, declared, cles) for id, declared in content.items()}
    for id, client in clients.items():
        if unknown := sorted(set(client.declaration.introspection) - set(clients)):
            raise SystemExit(f"setting IDENTITY_CLIENTS: {id}.introspection: no such client: {', '.join(unknown)}")
    known = sorted(id for id, client in clients.items() if client.declaration.demonstration)
    if known and not demonstration:
        raise SystemExit(f"setting IDENTITY_CLIENTS: {', '.join(known)}: demonstration clients are for MODE=local only")
    if not clients:
        raise SystemExit(f"setting IDENTITY_CLIENTS: {path} declares no client")
    return clients


def _client(id: str, declared: object, folder: Path) -> Client:
    declaration = _declaration(id, declared)
    if declaration.jwks is not None:
        return Client(id, declaration, parse_keys(declaration.jwks))
    if declaration.cles is None:
        return Client(id, declaration)
    path = folder / declaration.cles
    try:
        if declaration.demonstration:
            create_demonstration_keys(path)
        return Client(id, declaration, read_keys(path))
    except (OSError, ValueError) as error:
        raise SystemExit(f"setting IDENTITY_CLIENTS: {id}.cles: {path}: {error}") from None


def _declaration(id: str, declared: object) -> Declaration:
    try:
        return Declaration.model_validate(declared)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join([id, *(str(part) for part in problem["loc"])])
        raise SystemExit(f"setting IDENTITY_CLIENTS: {where}: {problem['msg']}") from None


def origins(clients: Clients) -> frozenset[str]:
    """Where people are sent back to: what the pages' policy must let their forms end at."""
    found = set()
    for client in clients.values():
        for uri in (*client.declaration.redirect_uris, *client.declaration.post_logout_redirect_uris):
            parts = urlsplit(uri)
            any_port = client.declaration.boucle_locale and parts.hostname in _LOOPBACK
            found.add(f"{parts.scheme}://{parts.hostname}:*" if any_port else f"{parts.scheme}://{parts.netloc}")
    return frozenset(found)
