"""Whom tokens are for, as Authlib asks about it."""

from dataclasses import dataclass
from typing import override

from authlib.oauth2.rfc6749 import ClientMixin, TokenMixin
from authlib.oidc.core import AuthorizationCodeMixin

from services.identity.domain.sessions import CodeEmis, Famille, Preuve, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Titulaire:
    """An account in a session of sign-in.

    Args:
        sid: the family of the tokens; empty while there is only a code.
        cle: the thumbprint of the key that they are bound to.
    """

    compte: str
    session: Session | None
    sid: str
    preuve: Preuve
    cle: str | None = None

    def get_user_id(self) -> str:
        return self.compte


@dataclass(frozen=True, slots=True)
class Code(AuthorizationCodeMixin):
    """A code that a client presents."""

    emis: CodeEmis

    @property
    def code_challenge(self) -> str:
        return self.emis.defi

    @property
    def code_challenge_method(self) -> str:
        return "S256"

    @override
    def get_redirect_uri(self) -> str:
        return self.emis.redirect_uri

    @override
    def get_scope(self) -> str:
        return self.emis.scope

    @override
    def get_nonce(self) -> str | None:
        return self.emis.nonce

    @override
    def get_auth_time(self) -> int:
        return int(self.emis.preuve.le.timestamp())

    @override
    def get_acr(self) -> str:
        return self.emis.preuve.acr

    @override
    def get_amr(self) -> list[str]:
        return list(self.emis.preuve.amr)


@dataclass(frozen=True, slots=True)
class Jeton(TokenMixin):
    """A refresh or access token that a client presents."""

    famille: Famille

    @override
    def check_client(self, client: ClientMixin) -> bool:
        return self.famille.client == client.get_client_id()

    @override
    def get_scope(self) -> str:
        return self.famille.scope
