"""Who may see a report before it is public (domaine.md §1 and §7)."""

from datetime import datetime

from kit.errors import Forbidden, Unauthenticated
from services.rapports.domain import Formation
from socle.principal import Lieu, Principal
from socle.rubriques import Niveau, Rubrique


def require_read(principal: Principal | None, formation: Formation, *, now: datetime) -> None:
    """Whoever holds the rubric `RAPPORTS` for the establishment, or for the formation, or for the académie.

    Raises:
        Unauthenticated: nobody is signed in.
        Forbidden: the right is missing.
    """
    if principal is None:
        raise Unauthenticated
    lieu = Lieu(uai=formation.uai, academie=formation.academie)
    if not principal.holds(Rubrique.RAPPORTS, Niveau.LECTURE, lieu, now=now, formation=formation.id):
        raise Forbidden
