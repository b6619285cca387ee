"""Secrets that people and clients carry: made here, kept only as their hash."""

import hashlib
import secrets


def new_secret() -> str:
    """256 random bits, for a URL, a cookie or a form."""
    return secrets.token_urlsafe(32)


def condensat(secret: str) -> str:
    """What is kept of a secret made by `new_secret`: with so many random bits, a bare SHA-256 cannot be reversed."""
    return hashlib.sha256(secret.encode()).hexdigest()
