"""Tokens by which services recognise each other: signed by the caller, for one callee, one minute (architecture §5)."""

import time
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import ECKey

from kit.auth.access_tokens import ALGORITHM, NOT_A_TOKEN, Voucher
from kit.errors import Unauthenticated
from kit.logs import get_logger

HEADER = "service-token"
GATEWAY = frozenset({"gateway"})
_LIFETIME_SECONDS = 60
_LEEWAY_SECONDS = 5

_log = get_logger(__name__)


def private_key_path(folder: Path, service: str) -> Path:
    return folder / f"{service}.pem"


def public_key_path(folder: Path, service: str) -> Path:
    return folder / f"{service}.pub.pem"


def issue(folder: Path, *, caller: str, callee: str) -> str:
    """A token by which `caller` proves itself to `callee`, from its own private key."""
    key = ECKey.import_key(private_key_path(folder, caller).read_bytes())
    now = int(time.time())
    claims = {"iss": caller, "aud": callee, "iat": now, "exp": now + _LIFETIME_SECONDS}
    return jwt.encode({"alg": ALGORITHM, "typ": "service+jwt"}, claims, key, algorithms=[ALGORITHM])


def verify(folder: Path, token: str, *, callee: str, callers: frozenset[str]) -> str:
    """The service that calls, when it is one of `callers`.

    Raises:
        Unauthenticated: the token is not one of theirs for `callee`, or is expired.
    """
    for caller in callers:
        key = ECKey.import_key(public_key_path(folder, caller).read_bytes())
        try:
            claims = jwt.decode(token, key, algorithms=[ALGORITHM]).claims
        except NOT_A_TOKEN:
            continue
        fresh = float(claims.get("exp", 0)) > time.time() - _LEEWAY_SECONDS
        if claims.get("iss") == caller and claims.get("aud") == callee and fresh:
            return caller
    raise Unauthenticated


def vouched_by(folder: Path, *, callee: str, callers: frozenset[str]) -> Voucher:
    """Believes whoever of `callers` passes a bound token on to `callee`: it saw the proof of possession."""

    def check(service_token: str | None) -> None:
        try:
            verify(folder, service_token or "", callee=callee, callers=callers)
        except OSError as error:
            _log.warning("caller_key_missing", error=type(error).__name__)
            raise Unauthenticated from error

    return check


def create_keys(folder: Path, services: tuple[str, ...]) -> None:
    """Make the missing key pairs of `services`, readable by their owner only."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for service in services:
        private = private_key_path(folder, service)
        if private.exists():
            continue
        key = ECKey.generate_key("P-256")
        public_key_path(folder, service).write_bytes(key.as_pem(private=False))
        private.touch(mode=0o600)
        private.write_bytes(key.as_pem(private=True))
