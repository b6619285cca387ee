"""The employers whose identity signs people in: declared in a file and checked at start."""

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from services.identity.domain.employeurs import Correspondance, Perimetre
from services.identity.domain.facteurs import Facteur
from socle.academies import ACADEMIES
from socle.identifiants import IdentifiantInvalide, parse_uai_accueil

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_DOMAINE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
_LOOPBACK = ("127.0.0.1", "::1")
_NEVER_THEIRS = frozenset({Facteur.EMPLOYEUR, Facteur.SECOURS})
_LONGEST_SECRET = 4096


class Declaration(BaseModel):
    """What the file says of an employer.

    Args:
        nom: as the pages name it.
        cle: file of the ES256 private key (PEM) that proves who we are there; or else
        secret_fichier, secret_variable: where the secret is. It never stands in this file.
        academies, uais: where it has a say; everywhere when none is named.
        domaines: of the addresses of its people.
        acr, amr: what its words are worth here, in our factors (`pwd`, `otp`, `hwk`, `sms`, `email`).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    nom: str = Field(min_length=1, max_length=80)
    issuer: str
    client_id: str = Field(min_length=1, max_length=255)
    cle: Path | None = None
    secret_fichier: Path | None = None
    secret_variable: str | None = None
    scopes: tuple[str, ...] = ("openid",)
    academies: frozenset[str] = frozenset()
    uais: frozenset[str] = frozenset()
    domaines: frozenset[str] = frozenset()
    acr: dict[str, frozenset[Facteur]] = Field(default_factory=dict)
    amr: dict[str, frozenset[Facteur]] = Field(default_factory=dict)

    @field_validator("issuer")
    @classmethod
    def _check_issuer(cls, value: str) -> str:
        parts = urlsplit(value)
        if not parts.hostname or parts.query or parts.fragment or parts.username is not None:
            raise ValueError("expected an absolute address, without query, fragment or user")
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise ValueError("only https, or http on the loopback address")
        return value

    @field_validator("scopes")
    @classmethod
    def _check_scopes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "openid" not in value:
            raise ValueError("expected 'openid' among them")
        return value

    @field_validator("academies")
    @classmethod
    def _check_academies(cls, value: frozenset[str]) -> frozenset[str]:
        return _known(value, {academie.slug for academie in ACADEMIES}, "académies")

    @field_validator("uais")
    @classmethod
    def _check_uais(cls, value: frozenset[str]) -> frozenset[str]:
        for uai in value:
            try:
                parse_uai_accueil(uai)
            except IdentifiantInvalide as error:
                raise ValueError(str(error)) from error
        return frozenset(parse_uai_accueil(uai)[0] for uai in value)

    @field_validator("domaines")
    @classmethod
    def _check_domaines(cls, value: frozenset[str]) -> frozenset[str]:
        return _known(value, {domaine for domaine in value if _DOMAINE.fullmatch(domaine)}, "domains")

    @field_validator("acr", "amr")
    @classmethod
    def _check_factors(cls, value: dict[str, frozenset[Facteur]]) -> dict[str, frozenset[Facteur]]:
        if any(not factors.isdisjoint(_NEVER_THEIRS) for factors in value.values()):
            raise ValueError(f"an employer cannot show {', '.join(sorted(_NEVER_THEIRS))}")
        return value

    @model_validator(mode="after")
    def _check_proof(self) -> Self:
        if sum(given is not None for given in (self.cle, self.secret_fichier, self.secret_variable)) != 1:
            raise ValueError("expected one of 'cle', 'secret_fichier', 'secret_variable'")
        return self

    @property
    def correspondance(self) -> Correspondance:
        return Correspondance(acr=self.acr, amr=self.amr)

    @property
    def perimetre(self) -> Perimetre:
        return Perimetre(academies=self.academies, uais=self.uais)

    @property
    def in_clear(self) -> bool:
        """Whether it is reached without TLS, which only a local platform may do."""
        return not self.issuer.startswith("https://")


def _known(value: frozenset[str], known: set[str], what: str) -> frozenset[str]:
    if unknown := sorted(value - known):
        raise ValueError(f"unknown {what}: {', '.join(unknown)}")
    return value


@dataclass(frozen=True, slots=True)
class Employeur:
    """An employer that is well declared, with what proves there who we are: a key of ours, or a secret."""

    id: str
    declaration: Declaration
    cle: ECKey | None
    secret: SecretStr | None


def load_employeurs(path: Path | None, *, local: bool) -> list[Employeur]:
    """The employers that the file declares, in its order; none without a file.

    Raises:
        SystemExit: it cannot be read, or an employer is not well declared; the message says which and why, and never
            what a secret is.
    """
    if path is None:
        return []
    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise _bad(f"{path} cannot be read: {error}") from None
    employeurs = [_employeur(id, declared) for id, declared in content.items()]
    issuers = [employeur.declaration.issuer for employeur in employeurs]
    if len(set(issuers)) != len(issuers):
        raise _bad("two employers have the same issuer")
    in_clear = sorted(employeur.id for employeur in employeurs if employeur.declaration.in_clear)
    if in_clear and not local:
        raise _bad(f"{', '.join(in_clear)}: only MODE=local may do without https")
    return employeurs


def _employeur(id: str, declared: object) -> Employeur:
    if not _ID.fullmatch(id):
        raise _bad(f"{id!r}: expected small letters, digits and hyphens, 32 at most")
    try:
        declaration = Declaration.model_validate(declared)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        raise _bad(f"{'.'.join([id, *(str(part) for part in problem['loc'])])}: {problem['msg']}") from None
    return Employeur(id, declaration, _key(id, declaration), _secret(id, declaration))


def _key(id: str, declaration: Declaration) -> ECKey | None:
    if declaration.cle is None:
        return None
    try:
        key = ECKey.import_key(declaration.cle.read_bytes())
    except (OSError, ValueError, JoseError):
        raise _bad(f"{id}.cle: {declaration.cle} cannot be read as a private key (PEM)") from None
    if not key.is_private or key.curve_name != "P-256":
        raise _bad(f"{id}.cle: {declaration.cle}: expected a private key of the curve P-256")
    return key


def _secret(id: str, declaration: Declaration) -> SecretStr | None:
    if declaration.secret_variable is not None:
        secret = os.environ.get(declaration.secret_variable, "")
        where = f"{id}.secret_variable: {declaration.secret_variable}"
    elif declaration.secret_fichier is not None:
        where = f"{id}.secret_fichier: {declaration.secret_fichier}"
        try:
            secret = declaration.secret_fichier.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise _bad(f"{where} cannot be read") from None
    else:
        return None
    if not 0 < len(secret) <= _LONGEST_SECRET:
        raise _bad(f"{where} holds no secret")
    return SecretStr(secret)


def _bad(problem: str) -> SystemExit:
    return SystemExit(f"setting IDENTITY_EMPLOYEURS: {problem}")
