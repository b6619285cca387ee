"""Settings of `identity`."""

from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from kit.settings import Mode, Names, ServiceSettings
from services.identity.coffre import CleMaitreInvalide, Coffre, create_local_key
from services.identity.domain.facteurs import ROLES_A_TROIS_FACTEURS
from socle.rubriques import Role


class IdentitySettings(ServiceSettings):
    """What `identity` needs beside what every service does."""

    identity_port: int = Field(4001, description="HTTP port of `identity`.", ge=1, le=65535)
    identity_grpc_port: int = Field(5001, description="gRPC port of `identity`.", ge=1, le=65535)
    cle_maitre: SecretStr | None = Field(
        None, description="Master keys, `id:base64[,id:base64…]`, 256 bits each; the first seals, the others open."
    )
    cle_maitre_fichier: Path | None = Field(
        None, description="File that holds CLE_MAITRE instead; by default `identity-maitre.cle` in CLES_SERVICES."
    )
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

    @field_validator("identity_url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path not in ("", "/") or parts.query:
            raise ValueError("expected an address without path, such as https://identite.example.fr")
        return value.rstrip("/")

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

    @property
    def master_key_file(self) -> Path:
        return self.cle_maitre_fichier or self.cles_services / "identity-maitre.cle"

    def open_coffre(self) -> Coffre:
        """The vault of the master keys; on a developer's machine, one is made the first time.

        Raises:
            SystemExit: they are missing, unreadable, or made for a demonstration in another mode than the local one.
        """
        if self.mode is Mode.LOCAL and self.cle_maitre is None:
            create_local_key(self.master_key_file)
        try:
            coffre = Coffre.of(self._master_key())
        except CleMaitreInvalide as error:
            raise SystemExit(f"setting CLE_MAITRE: {error}") from None
        if coffre.for_demonstration and self.mode is not Mode.LOCAL:
            raise SystemExit("setting CLE_MAITRE: a key made for a demonstration is accepted in MODE=local only")
        return coffre

    def _master_key(self) -> str:
        if self.cle_maitre is not None:
            return self.cle_maitre.get_secret_value()
        try:
            return self.master_key_file.read_text(encoding="ascii")
        except OSError:
            raise SystemExit(f"setting CLE_MAITRE: not set, and {self.master_key_file} cannot be read") from None
