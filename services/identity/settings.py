"""Settings of `identity`."""

from pathlib import Path
from typing import ClassVar, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from kit.settings import Mode, Names
from kit.vault.settings import VaultSettings
from services.identity.domain.facteurs import ROLES_A_TROIS_FACTEURS
from socle.rubriques import Role


class IdentitySettings(VaultSettings):
    """What `identity` needs beside what every service does."""

    service: ClassVar[str] = "identity"

    identity_port: int = Field(4001, description="HTTP port of `identity`.", ge=1, le=65535)
    identity_grpc_port: int = Field(5001, description="gRPC port of `identity`.", ge=1, le=65535)
    identity_clients: Path = Field(
        Path(__file__).with_name("clients.toml"), description="File that declares the OpenID Connect clients (TOML)."
    )
    smtp_url: SecretStr = Field(
        SecretStr("smtp://127.0.0.1:1025"),
        description="Mail server: `smtp://`, `smtp+starttls://` or `smtps://`, with `user:password@` where needed.",
    )
    courriel_expediteur: str = Field(
        "Site de gestion <ne-pas-repondre@site-de-gestion.invalid>", description="Sender of e-mails."
    )
    duree_session_minutes: int = Field(
        600, description="Longest time a person stays signed in, in minutes: a working day.", ge=10, le=1440
    )
    trois_facteurs: Names = Field(
        default=tuple(sorted(ROLES_A_TROIS_FACTEURS)),
        description="Roles that sign in with three factors, comma-separated; everyone else does with two.",
    )

    @field_validator("trois_facteurs")
    @classmethod
    def _check_roles(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(value) - set(Role))
        if unknown:
            raise ValueError(f"unknown roles: {', '.join(unknown)}")
        return value

    @model_validator(mode="after")
    def _check_smtp(self) -> Self:
        parts = urlsplit(self.smtp_url.get_secret_value())
        if parts.scheme not in ("smtp", "smtps", "smtp+starttls") or not parts.hostname:
            raise ValueError("SMTP_URL: expected smtp://, smtp+starttls:// or smtps://, then a host")
        return self

    @model_validator(mode="after")
    def _check_public_address(self) -> Self:
        if self.mode is not Mode.LOCAL and not self.identity_url.startswith("https://"):
            raise ValueError("IDENTITY_URL: only MODE=local may do without https")
        return self

    @property
    def secure(self) -> bool:
        """Whether browsers reach us over TLS."""
        return self.identity_url.startswith("https://")

    @property
    def roles_a_trois_facteurs(self) -> frozenset[Role]:
        return frozenset(Role(role) for role in self.trois_facteurs)
