"""Addresses of accounts: a person's, and one account's only (domaine.md §1). Pure."""

from kit.errors import Refusal
from socle.courriels import CourrielInvalide, parse_courriel_nominatif


class CourrielRefuse(Refusal):
    """Not an address, or that of a function; the message says why, and gives an example of one that is a person's."""

    code = "COURRIEL_REFUSE"


class CourrielPris(Refusal):
    """Another account has this address: one address, one account in the whole country."""

    code = "COURRIEL_PRIS"


class CourrielInchange(Refusal):
    """The account has this address already."""

    code = "COURRIEL_INCHANGE"

    def __init__(self) -> None:
        super().__init__("Votre compte a déjà cette adresse : indiquez-en une autre.", champ="courriel")


def parse_address(courriel: str) -> str:
    """The normal form of the address that an account is given.

    Raises:
        CourrielRefuse: no account may have it.
    """
    try:
        return parse_courriel_nominatif(courriel)
    except CourrielInvalide as error:
        raise CourrielRefuse(f"Aucun compte ne peut avoir cette adresse : {error}.", champ="courriel") from error
