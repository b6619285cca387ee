"""Who may see the offer. It is public in the end; until a session is, it is for the people who prepare it."""

from kit.errors import Forbidden, Unauthenticated
from socle.principal import Principal


def require_read(principal: Principal | None) -> Principal:
    """Any active account may read establishments and formations; the site de gestion has no anonymous part.

    Raises:
        Unauthenticated: nobody is signed in.
        Forbidden: the account is disabled.
    """
    if principal is None:
        raise Unauthenticated
    if not principal.actif:
        raise Forbidden
    return principal
