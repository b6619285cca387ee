"""Mobile numbers of accounts (domaine.md §3). Pure."""

from collections.abc import Iterable

from kit.errors import Refusal
from services.identity.domain.facteurs import ROLES_A_TROIS_FACTEURS
from socle.principal import RoleTenu
from socle.rubriques import Role
from socle.telephones import MobileInvalide, parse_mobile


class MobileRefuse(Refusal):
    """Not a number that receives SMS; the message gives an example of one that does."""

    code = "MOBILE_REFUSE"


class MobileObligatoire(Refusal):
    """An administrator has a number."""

    code = "MOBILE_OBLIGATOIRE"

    def __init__(self) -> None:
        super().__init__(
            "Le numéro de mobile est obligatoire pour un administrateur : remplacez-le par un autre.", champ="mobile"
        )


def parse_number(numero: str) -> str:
    """The number in its normal form.

    Raises:
        MobileRefuse: no account may have it.
    """
    try:
        return parse_mobile(numero)
    except MobileInvalide as error:
        raise MobileRefuse(f"Ce numéro ne peut être enregistré : {error}.", champ="mobile") from error


def parse_given(
    numero: str, roles: Iterable[RoleTenu], *, a_mobile: frozenset[Role] = ROLES_A_TROIS_FACTEURS
) -> str | None:
    """The number that an account with these roles gives at its activation; None where it gives none, and need not.

    Raises:
        MobileRefuse: no account may have it; or an administrator gives none.
    """
    if numero.strip():
        return parse_number(numero)
    if is_mandatory(roles, a_mobile=a_mobile):
        raise MobileRefuse("Donnez votre numéro de mobile : il est obligatoire pour un administrateur.", champ="mobile")
    return None


def is_mandatory(roles: Iterable[RoleTenu], *, a_mobile: frozenset[Role] = ROLES_A_TROIS_FACTEURS) -> bool:
    """« Numéro de téléphone portable à renseigner pour l'administrateur du site de gestion » (Amiens, 2023).

    The setting `MOBILE_OBLIGATOIRE` says otherwise where that must be.
    """
    return any(held.role in a_mobile for held in roles)


def require_dispensable(roles: Iterable[RoleTenu], *, a_mobile: frozenset[Role] = ROLES_A_TROIS_FACTEURS) -> None:
    """Whether an account with these roles may have no number.

    Raises:
        MobileObligatoire: it may not.
    """
    if is_mandatory(roles, a_mobile=a_mobile):
        raise MobileObligatoire
