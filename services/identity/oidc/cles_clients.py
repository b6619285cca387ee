"""The public keys by which clients prove themselves: JWK sets of P-256 keys, never a private one."""

import contextlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import orjson
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from kit.auth.access_tokens import ALGORITHM


def parse_keys(jwks: object) -> Mapping[str, ECKey]:
    """The keys of a JWK set, by key id.

    Raises:
        ValueError: it is not one, or a key is private, of another kind, or without an id of its own.
    """
    try:
        keys = KeySet.import_key_set(jwks).keys  # type: ignore[arg-type] # whatever a file holds
    except (JoseError, KeyError, TypeError, AttributeError) as error:
        raise ValueError("expected a JWK set") from error
    found: dict[str, ECKey] = {}
    for key in keys:
        named = key.as_dict()
        if not isinstance(key, ECKey) or named.get("crv") != "P-256" or named.get("alg", ALGORITHM) != ALGORITHM:
            raise ValueError(f"only keys for {ALGORITHM}")
        if key.is_private:
            raise ValueError("a private key: keep it where it is, and declare its public half")
        kid = named.get("kid")
        if not isinstance(kid, str) or kid in found:
            raise ValueError("each key needs a kid of its own")
        found[kid] = key
    return found


def read_keys(path: Path) -> Mapping[str, ECKey]:
    """The keys of the JWK set in a file.

    Raises:
        OSError: it cannot be read.
        ValueError: see `parse_keys`.
    """
    return parse_keys(orjson.loads(path.read_bytes()))


def private_key_path(path: Path) -> Path:
    """Where a client of the demonstration finds the private half of the keys in `path`."""
    return path.with_name(path.name.partition(".")[0] + ".prive.json")


def create_demonstration_keys(path: Path) -> None:
    """Make a key pair for a client of the demonstration: the public half in `path`; those that are there stay."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = ECKey.generate_key("P-256", auto_kid=True)
    _write_once(private_key_path(path), orjson.dumps(key.as_dict(private=True)))
    # Of the private half that is there: another process may have been faster.
    held = ECKey.import_key(orjson.loads(private_key_path(path).read_bytes()))
    _write_once(path, orjson.dumps({"keys": [held.as_dict(private=False)]}))


def _write_once(path: Path, content: bytes) -> None:
    """Write a file that is seen whole or not at all, readable by its owner only, unless it is there."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".cle-") as file:
        file.write(content)
        file.flush()
        with contextlib.suppress(FileExistsError):
            os.link(file.name, path)
