"""`make code COMPTE=national`: the six digits that the authenticator of an account of the demonstration shows now.

For whoever signs in with a browser: there is no telephone that holds these secrets.
"""

import sys

import pyotp

from infra.local.demonstration import totp
from infra.local.jeton import asked_account


def main() -> None:
    """Print the code of the account that COMPTE names, or say which there are."""
    _, compte = asked_account("make code")
    sys.stdout.write(pyotp.TOTP(totp(compte.nom_court)).now() + "\n")


if __name__ == "__main__":
    main()
