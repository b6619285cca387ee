"""One-time codes of an application (RFC 6238): six digits, thirty seconds, SHA-1, as every application has them."""

import hmac
from datetime import datetime

import pyotp
import segno

_PERIOD_SECONDS = 30
_DRIFT = 1
"""One step before and after: RFC 6238 §5.2 recommends to allow for the network and a clock slightly off."""
_EMETTEUR = "Site de gestion"


def new_secret() -> str:
    """160 random bits in base32, as RFC 4226 §4 recommends."""
    return pyotp.random_base32()


def is_secret(value: str) -> bool:
    """Whether an application could use this secret: at least 128 bits in base32 (RFC 4226 §4)."""
    try:
        return len(pyotp.TOTP(value).byte_secret()) * 8 >= 128
    except ValueError:
        return False


def step_at(moment: datetime) -> int:
    """The time step of that moment."""
    return int(moment.timestamp()) // _PERIOD_SECONDS


def matching_step(secret: str, code: str, *, now: datetime) -> int | None:
    """The time step whose code this is, around now; None when it is none of theirs."""
    totp = pyotp.TOTP(secret)
    current = step_at(now)
    found = None
    for step in range(current - _DRIFT, current + _DRIFT + 1):
        if hmac.compare_digest(totp.generate_otp(step).encode(), code.encode()):
            found = step
    return found


def uri(secret: str, courriel: str) -> str:
    """What an application reads from the QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=courriel, issuer_name=_EMETTEUR)


def qr_svg(text: str) -> str:
    """The QR code of a text, as an SVG element of no size, style or script of its own: the page gives it one, and its
    policy allows none of the others.
    """
    return segno.make(text, error="m", micro=False).svg_inline(border=4, omitsize=True, dark="#000", light="#fff")


def spaced(secret: str) -> str:
    """The secret in groups of four, as a person copies it."""
    return " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))
