"""Who steers the campaign, and who sees its calendar (domaine.md §1)."""

from kit.errors import Forbidden, Unauthenticated
from socle.principal import Principal
from socle.rubriques import Role


def require_read(principal: Principal | None) -> None:
    """Any active account may read the calendar.

    Raises:
        Unauthenticated: nobody is signed in.
        Forbidden: the account is disabled.
    """
    if principal is None:
        raise Unauthenticated
    if not principal.actif:
        raise Forbidden


def require_steer(principal: Principal | None) -> None:
    """« everything that steers a campaign: calendar… »: the national team, and nobody else (domaine.md §1).

    Raises:
        Unauthenticated: nobody is signed in.
        Forbidden: the account is not of the national team.
    """
    if principal is None:
        raise Unauthenticated
    if not principal.has_role(Role.ADMIN_NATIONAL):
        raise Forbidden("Seule l'équipe nationale modifie le calendrier : écrivez-lui pour demander un changement.")
