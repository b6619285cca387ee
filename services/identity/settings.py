"""Settings of `identity`."""

from ipaddress import ip_address
from pathlib import Path
from typing import ClassVar, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from kit.settings import Mode, Names
from kit.vault.settings import VaultSettings
from services.identity.domain.facteurs import ROLES_A_TROIS_FACTEURS
from socle.rubriques import Role

_MEMOIRE_MINIMALE = 19_456
"""19 MiB with two passes: the least that OWASP's password storage guide and ASVS 5.0 V11.4.2 take for safe."""


class IdentitySettings(VaultSettings):
    """What `identity` needs beside what every service does."""

    service: ClassVar[str] = "identity"

    identity_port: int = Field(4001, description="HTTP port of `identity`.", ge=1, le=65535)
    identity_grpc_port: int = Field(5001, description="gRPC port of `identity`.", ge=1, le=65535)
    identity_clients: Path = Field(
        Path(__file__).with_name("clients.toml"), description="File that declares the OpenID Connect clients (TOML)."
    )
    identity_employeurs: Path | None = Field(
        None, description="File that declares the employers whose identity signs people in (TOML); none without it."
    )
    smtp_url: SecretStr = Field(
        SecretStr("smtp://127.0.0.1:1025"),
        description="Mail server: `smtp://`, `smtp+starttls://` or `smtps://`, with `user:password@` where needed.",
    )
    courriel_expediteur: str = Field(
        "Site de gestion <ne-pas-repondre@site-de-gestion.invalid>", description="Sender of e-mails."
    )
    sms_url: str = Field(
        "",
        description='Door of the SMS operator, which takes `{"numero": "+33…", "texte": "…"}` by POST; where it is '
        "empty no code is sent by SMS.",
    )
    sms_jeton: SecretStr = Field(SecretStr(""), description="Bearer token of the SMS operator; none where it is empty.")
    sms_par_heure: int = Field(
        1000, description="Most SMS sent within an hour, to everyone: what a fraud may cost.", ge=1, le=10_000
    )
    adresses_connues_jours: int = Field(
        0,
        description="For how many days a known device is spared the factors after the password at each address where "
        "it showed them; 0: at the last one only.",
        ge=0,
        le=90,
    )
    appareil_connu_jours: int = Field(
        90,
        description="For how many days after its last sign-in by every factor a device is known; then it shows each "
        "of them again.",
        ge=1,
        le=365,
    )
    essais_par_adresse: int = Field(
        100, description="Passwords and codes that may fail from one address within ten minutes.", ge=10, le=100_000
    )
    essais_par_reseau: int = Field(
        500,
        description="Passwords and codes that may fail from one network (/24, IPv6 /48) within ten minutes.",
        ge=10,
        le=100_000,
    )
    argon2_memoire_kio: int = Field(
        65_536, description="Memory that the hash of a password takes, in KiB (RFC 9106 §4).", ge=64, le=4_194_304
    )
    argon2_passes: int = Field(3, description="Passes that the hash of a password takes (RFC 9106 §4).", ge=1, le=100)
    duree_session_minutes: int = Field(
        600, description="Longest time a person stays signed in, in minutes: a working day.", ge=10, le=1440
    )
    pause_session_minutes: int = Field(
        60,
        description="Minutes without use after which a person signs in again (NIST SP 800-63B-4 §2.2.3: an hour).",
        ge=15,
        le=1440,
    )
    invitations_par_fichier: int = Field(
        2000, description="Most persons that a list of invitations names, in one file.", ge=1, le=5000
    )
    invitations_par_jour: int = Field(
        5000, description="Most persons that one account invites by lists within a day.", ge=1, le=100_000
    )
    inactivite_mois: int = Field(
        13, description="Months without use after which an account is flagged and its owner warned.", ge=1, le=120
    )
    inactivite_preavis_jours: int = Field(
        30, description="Days from that warning until the account is disabled, unless it was used.", ge=1, le=365
    )
    trois_facteurs: Names = Field(
        default=tuple(sorted(ROLES_A_TROIS_FACTEURS)),
        description="Roles that sign in with three factors, comma-separated; everyone else does with two.",
    )

    facteur_fort: bool = Field(
        True, description="Whether one of three factors is neither an e-mailed code nor one by SMS."
    )
    mobile_obligatoire: Names = Field(
        default=tuple(sorted(ROLES_A_TROIS_FACTEURS)),
        description="Roles whose mobile number is given, and proved where `SMS_URL` is set, before they go on; "
        "comma-separated; empty while no SMS arrives.",
    )

    @field_validator("trois_facteurs", "mobile_obligatoire")
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
    def _check_sms(self) -> Self:
        if not self.sms_url:
            return self
        parts = urlsplit(self.sms_url)
        if not parts.hostname or parts.scheme not in ("http", "https"):
            raise ValueError("SMS_URL: expected https://, then a host")
        if self.mode is not Mode.LOCAL and parts.scheme != "https":
            raise ValueError("SMS_URL: only MODE=local may do without https")
        return self

    @model_validator(mode="after")
    def _check_cost(self) -> Self:
        if self.mode is not Mode.LOCAL and (self.argon2_memoire_kio < _MEMOIRE_MINIMALE or self.argon2_passes < 2):
            raise ValueError(f"ARGON2_MEMOIRE_KIO, ARGON2_PASSES: at least {_MEMOIRE_MINIMALE} and 2 but in MODE=local")
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
    def hote(self) -> str | None:
        """The host that passkeys are made for; None for a number, of which browsers make none."""
        host = urlsplit(self.identity_url).hostname or ""
        try:
            ip_address(host)
        except ValueError:
            return host
        return None

    @property
    def roles_a_mobile(self) -> frozenset[Role]:
        return frozenset(Role(role) for role in self.mobile_obligatoire)

    @property
    def roles_a_trois_facteurs(self) -> frozenset[Role]:
        return frozenset(Role(role) for role in self.trois_facteurs)
