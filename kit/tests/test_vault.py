"""The vault: what the store holds cannot be read without the master key, nor moved."""

import base64
import os
import stat
from pathlib import Path

import pytest

from kit.vault.sealing import BadMasterKey, Sealed, Unopenable, Vault, create_local_key


def key(name: str) -> str:
    return f"{name}:{base64.b64encode(os.urandom(32)).decode()}"


def test_what_is_sealed_opens_for_its_purpose_only() -> None:
    vault = Vault.of(key("a"))
    sealed = vault.seal(b"secret", purpose="totp/01A")
    assert b"secret" not in sealed.content
    assert vault.open(sealed, purpose="totp/01A") == b"secret"
    with pytest.raises(Unopenable):
        vault.open(sealed, purpose="totp/01B")


def test_the_same_secret_is_never_sealed_twice_alike() -> None:
    vault = Vault.of(key("a"))
    assert vault.seal(b"secret", purpose="x").content != vault.seal(b"secret", purpose="x").content


def test_an_older_key_still_opens_and_a_removed_one_does_not() -> None:
    old, new = key("a"), key("b")
    sealed = Vault.of(old).seal(b"secret", purpose="x")
    rotated = Vault.of(f"{new},{old}")
    assert rotated.open(sealed, purpose="x") == b"secret"
    assert rotated.seal(b"secret", purpose="x").key == "b"
    with pytest.raises(Unopenable, match="'a'"):
        Vault.of(new).open(sealed, purpose="x")


def test_an_altered_value_does_not_open() -> None:
    vault = Vault.of(key("a"))
    sealed = vault.seal(b"secret", purpose="x")
    altered = Sealed(sealed.key, sealed.content[:-1] + bytes([sealed.content[-1] ^ 1]))
    with pytest.raises(Unopenable):
        vault.open(altered, purpose="x")


@pytest.mark.parametrize("value", ["", "a", "a:", ":c2VjcmV0", "a:pas du base64", "a:c2VjcmV0", "a:clé", "cle"])
def test_a_master_key_that_is_none_is_refused_without_being_quoted(value: str) -> None:
    with pytest.raises(BadMasterKey) as error:
        Vault.of(value)
    assert "c2VjcmV0" not in str(error.value)


def test_a_local_key_is_made_once_and_read_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "cles" / "maitre.cle"
    create_local_key(path)
    written = path.read_text()
    create_local_key(path)
    assert path.read_text() == written
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Vault.of(written).for_demonstration
