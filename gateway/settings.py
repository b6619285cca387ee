"""Settings of the gateway: read once from the environment."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from gateway.limits import Limits


def _split(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _pairs(value: object) -> object:
    return dict(part.partition("=")[::2] for part in _split(value)) if isinstance(value, str) else value  # type: ignore[attr-defined]


def _address(value: str) -> str:
    """An address of HTTP; what is wrong with another is said without it, for it may hold a password."""
    try:
        parts = urlsplit(value)
        wrong = parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0
    except ValueError:
        wrong = True
    if wrong:
        raise ValueError("expected an address such as https://offre.example.fr/graphql")
    return value


def _optional_address(value: str | None) -> str | None:
    return None if value is None else _address(value)


def _issuer(value: str) -> str:
    """The address without the last slash that people add: an issuer is compared letter for letter."""
    return _address(value).rstrip("/")


def _addresses(value: dict[str, str]) -> dict[str, str]:
    for name, address in value.items():
        if not name:
            raise ValueError("expected `name=address`, comma-separated")
        try:
            _address(address)
        except ValueError as wrong:
            raise ValueError(f"{name}: {wrong}") from wrong
    return value


class Settings(BaseSettings):
    """Names are those of the environment variables, in small letters after `PASSERELLE_` (but for `IDENTITY_URL`)."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_prefix="PASSERELLE_")

    host: str = Field("127.0.0.1", description="Address the server binds to.")
    port: int = Field(4000, ge=1, le=65535, description="HTTP port.")
    supergraphe: Path = Field(description="File of the composed supergraph.")
    sous_graphes: Annotated[dict[str, str], NoDecode, BeforeValidator(_pairs), AfterValidator(_addresses)] = Field(
        description="Address of each subgraph: `offre=http://127.0.0.1:4002/graphql, …`."
    )
    identity_url: Annotated[str, AfterValidator(_issuer)] = Field(
        validation_alias="IDENTITY_URL", description="Issuer of access tokens."
    )
    audience: str = Field("site-de-gestion", description="Audience that access tokens must name.")
    adresse: Annotated[str | None, AfterValidator(_optional_address)] = Field(
        None,
        description="Public address at which clients ask, such as `https://api.example.fr/graphql`: what proofs of "
        "possession (DPoP) are made for. With PASSERELLE_CLE; without them, tokens bound to a key are refused.",
    )
    cle: Path | None = Field(
        None, description="Private ES256 key (PEM) by which the gateway vouches to subgraphs for tokens bound to a key."
    )
    origines: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)] = Field(
        default=(), description="Origins of the web frontends (CORS), comma-separated."
    )
    delai_sous_graphe: float = Field(10.0, gt=0, description="Seconds a subgraph may take to answer.")
    taille_requete: int = Field(200_000, gt=0, description="Bytes a request may have.")
    taille_reponse: int = Field(20_000_000, gt=0, description="Bytes an answer of a subgraph may have.")
    caracteres: int = Field(50_000, gt=0, description="Characters a document may have.")
    jetons: int = Field(5_000, gt=0, description="Tokens a document may have.")
    profondeur: int = Field(15, gt=0, description="Levels an operation may have.")
    alias: int = Field(30, ge=0, description="Aliases an operation may have.")
    champs: int = Field(1_000, gt=0, description="Fields an operation may have, its fragments opened.")
    racines: int = Field(20, gt=0, description="Root fields an operation may have.")
    valeurs: int = Field(
        20_000, gt=0, description="Values an answer may hold, each list counted for the elements that `first` asks."
    )

    @model_validator(mode="after")
    def _check_possession(self) -> Self:
        if (self.adresse is None) != (self.cle is None):
            raise ValueError("needs PASSERELLE_CLE, and is needed by it")
        return self

    def limits(self) -> Limits:
        return Limits(
            characters=self.caracteres,
            tokens=self.jetons,
            depth=self.profondeur,
            aliases=self.alias,
            fields=self.champs,
            root_fields=self.racines,
            values=self.valeurs,
        )

    def urls(self, subgraphs: Iterable[str]) -> dict[str, str]:
        """The address of each subgraph.

        Raises:
            SystemExit: one has none.
        """
        missing = sorted(set(subgraphs) - set(self.sous_graphes))
        if missing:
            raise SystemExit(f"setting PASSERELLE_SOUS_GRAPHES: no address for {', '.join(missing)}")
        return self.sous_graphes


def load() -> Settings:
    """Read the settings, or say which variable is missing or wrong and exit with status 2."""
    try:
        return Settings()
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            # What is wrong with two together is told by one of them.
            name = str(problem["loc"][0]).upper() if problem["loc"] else "ADRESSE"
            shown = name if name == "IDENTITY_URL" else f"PASSERELLE_{name}"
            sys.stderr.write(f"setting {shown}: {problem['msg']}\n")
        raise SystemExit(2) from None
