"""Settings: read once from the environment, frozen, passed down. A missing or wrong one is named, and stops all."""

import re
import sys
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, NoReturn, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

_ADDRESS = re.compile(r"[^\s,]+:([0-9]{1,5})")


class Mode(StrEnum):
    """Where the process runs: it decides what is allowed (reflection, demonstration dates), never what a rule says."""

    LOCAL = "local"
    PRODUCTION = "production"


def split_list(value: object) -> object:
    """Turn `a, b` as written in an environment variable into `("a", "b")`."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


type Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_list)]


def _origin(value: str) -> str:
    """The address without the last slash that people add: an issuer is compared letter for letter."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path not in ("", "/") or parts.query:
        raise ValueError("expected an address without path, such as https://identite.example.fr")
    return value.rstrip("/")


def _addresses(value: str) -> str:
    """`host:port`, or several, comma-separated, as they were given."""
    for address in value.split(","):
        found = _ADDRESS.fullmatch(address.strip())
        if found is None or not 1 <= int(found[1]) <= 65535:
            raise ValueError("expected host:port, with a port from 1 to 65535")
    return value


class ServiceSettings(BaseSettings):
    """What every service needs; each adds its own. Names are the environment variables', in small letters."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    mode: Mode = Field(Mode.PRODUCTION, description="`local` allows what only a demonstration may do.")
    mongodb_uri: str = Field(
        description="MongoDB, a replica set (one member is enough).", pattern=r"^mongodb(\+srv)?://."
    )
    kafka_bootstrap_servers: Annotated[str, AfterValidator(_addresses)] = Field(
        description="Kafka brokers, `host:port`, comma-separated."
    )
    prefixe_topics: str = Field("", description="Put before every topic and group name; isolates tests.")
    prefixe_bases: str = Field("", description="Put before the database's name; isolates tests.")
    identity_url: Annotated[str, AfterValidator(_origin)] = Field(
        description="Issuer of access tokens: the public address of `identity`."
    )
    identity_grpc: Annotated[str, AfterValidator(_addresses)] = Field(
        "127.0.0.1:5001", description="Address of identity's gRPC service."
    )
    http_host: str = Field("127.0.0.1", description="Address the HTTP server binds to.")
    grpc_host: str = Field("127.0.0.1", description="Address the gRPC server binds to.")
    grpc_certificat: Path | None = Field(
        None,
        description="Certificate (PEM, with its chain) of our gRPC server; who has one needs it outside `local`.",
    )
    grpc_cle: Path | None = Field(None, description="Private key (PEM) of GRPC_CERTIFICAT.")
    grpc_autorite: Path | None = Field(
        None,
        description="Authority (PEM) of the peers' gRPC servers; who calls them needs it outside `local`.",
    )
    cles_services: Path = Field(
        description="Folder of the services' ES256 keys: own `<service>.pem`, and each peer's `<service>.pub.pem`."
    )
    campagne_date: datetime | None = Field(
        None, description="Sets the campaign clock (ISO 8601 with offset); `local` mode only."
    )
    acte_sensible_minutes: int = Field(
        10,
        description="For how many minutes a sign-in by every factor serves for a sensitive act; the same everywhere.",
        ge=1,
        le=60,
    )
    session_courante: int = Field(2025, description="Year of the session that is meant where none is named.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level that is logged.")
    proxys_de_confiance: Names = Field(
        default=(), description="Addresses whose `X-Forwarded-For` is believed, comma-separated."
    )

    @model_validator(mode="after")
    def _check_campagne_date(self) -> Self:
        if self.campagne_date is None:
            return self
        if self.mode is not Mode.LOCAL:
            raise ValueError("CAMPAGNE_DATE is accepted in MODE=local only")
        if self.campagne_date.tzinfo is None:
            raise ValueError("CAMPAGNE_DATE needs an offset, such as 2025-01-06T09:00:00+01:00")
        return self


def refuse(problems: Iterable[tuple[str, str]]) -> NoReturn:
    """Say what is wrong, by the name of the setting, and exit with status 2."""
    for name, problem in problems:
        sys.stderr.write(f"setting {name}: {problem}\n")
    sys.stderr.write("See docs/variables-environnement.md for what each variable means.\n")
    raise SystemExit(2)


def load[S: BaseSettings](settings: type[S]) -> S:
    """Read `settings` from the environment, or say which variable is missing or wrong and exit with status 2."""
    try:
        return settings()
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        refuse(("_".join(map(str, problem["loc"])).upper() or "settings", problem["msg"]) for problem in problems)
