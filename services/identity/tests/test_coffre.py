"""The vault: what the store holds cannot be read without the master key, nor moved."""

import base64
import os
import stat
from pathlib import Path

import pytest

from services.identity.coffre import CleMaitreInvalide, Coffre, Indechiffrable, Scelle, create_local_key


def key(name: str) -> str:
    return f"{name}:{base64.b64encode(os.urandom(32)).decode()}"


def test_what_is_sealed_opens_for_its_purpose_only() -> None:
    coffre = Coffre.of(key("a"))
    sealed = coffre.seal(b"secret", pour="totp/01A")
    assert b"secret" not in sealed.contenu
    assert coffre.open(sealed, pour="totp/01A") == b"secret"
    with pytest.raises(Indechiffrable):
        coffre.open(sealed, pour="totp/01B")


def test_the_same_secret_is_never_sealed_twice_alike() -> None:
    coffre = Coffre.of(key("a"))
    assert coffre.seal(b"secret", pour="x").contenu != coffre.seal(b"secret", pour="x").contenu


def test_an_older_key_still_opens_and_a_removed_one_does_not() -> None:
    old, new = key("a"), key("b")
    sealed = Coffre.of(old).seal(b"secret", pour="x")
    rotated = Coffre.of(f"{new},{old}")
    assert rotated.open(sealed, pour="x") == b"secret"
    assert rotated.seal(b"secret", pour="x").cle == "b"
    with pytest.raises(Indechiffrable, match="'a'"):
        Coffre.of(new).open(sealed, pour="x")


def test_an_altered_value_does_not_open() -> None:
    coffre = Coffre.of(key("a"))
    sealed = coffre.seal(b"secret", pour="x")
    altered = Scelle(sealed.cle, sealed.contenu[:-1] + bytes([sealed.contenu[-1] ^ 1]))
    with pytest.raises(Indechiffrable):
        coffre.open(altered, pour="x")


@pytest.mark.parametrize("value", ["", "a", "a:", ":c2VjcmV0", "a:pas du base64", "a:c2VjcmV0", "cle"])
def test_a_master_key_that_is_none_is_refused_without_being_quoted(value: str) -> None:
    with pytest.raises(CleMaitreInvalide) as error:
        Coffre.of(value)
    assert "c2VjcmV0" not in str(error.value)


def test_a_local_key_is_made_once_and_read_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "cles" / "maitre.cle"
    create_local_key(path)
    written = path.read_text()
    create_local_key(path)
    assert path.read_text() == written
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Coffre.of(written).for_demonstration
