"""Codes of an application (RFC 6238)."""

from datetime import UTC, datetime

import pytest

from services.identity.mfa import totp

# RFC 6238, appendix B, SHA-1: the last six of the eight digits.
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


@pytest.mark.parametrize(
    ("seconds", "code"), [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")]
)
def test_the_codes_are_those_of_the_standard(seconds: int, code: str) -> None:
    now = datetime.fromtimestamp(seconds, UTC)
    assert totp.matching_step(SECRET, code, now=now) == seconds // 30


@pytest.mark.exigence("ASVS 6.5.5")
def test_one_step_before_and_after_is_accepted_and_two_are_not() -> None:
    step = 1111111109 // 30
    accepted = [
        offset
        for offset in range(-3, 4)
        if totp.matching_step(SECRET, "081804", now=datetime.fromtimestamp((step + offset) * 30, UTC)) == step
    ]
    assert accepted == [-1, 0, 1]


@pytest.mark.parametrize("code", ["", "081805", "81804", "0818040", "abcdef", "０８１８０４"])
def test_anything_else_is_refused(code: str) -> None:
    assert totp.matching_step(SECRET, code, now=datetime.fromtimestamp(1111111109, UTC)) is None


@pytest.mark.exigence("ASVS 6.5.3", "ANSSI generation")
def test_a_secret_has_160_random_bits_and_shorter_ones_are_known_as_such() -> None:
    assert totp.new_secret() != totp.new_secret()
    assert totp.is_secret(totp.new_secret())
    assert not totp.is_secret("GEZDGNBV")
    assert not totp.is_secret("pas du base 32 !")


def test_the_qr_code_is_an_element_without_style_or_script() -> None:
    svg = totp.qr_svg(totp.uri(SECRET, "lea.petit@ac-creteil.fr"))
    assert svg.startswith("<svg")
    assert "viewBox" in svg, "shown whole, at whatever size the page has room for"
    assert "style=" not in svg
    assert "<script" not in svg


def test_the_key_is_shown_in_groups_of_four() -> None:
    assert totp.spaced("GEZDGNBVGY") == "GEZD GNBV GY"
