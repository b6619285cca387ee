"""Who may see a report before it is public (domaine.md §1 and §7)."""

from datetime import datetime

from kit.errors import Forbidden, Unauthenticated
from services.rapports.domain import Formation
from socle.academies import academie_by_slug
from socle.principal import Lieu, Principal
from socle.rubriques import Niveau, Rubrique


def require_account(principal: Principal | None) -> Principal:
    """Nobody without an account is told anything, not even what does not exist.

    Raises:
        Unauthenticated: nobody is signed in.
    """
    if principal is None:
        raise Unauthenticated
    return principal


def require_read(principal: Principal, formation: Formation, *, now: datetime) -> None:
    """Whoever holds the rubric `RAPPORTS` for the establishment, or for the formation, or for the académie.

    Raises:
        Forbidden: the right is missing.
    """
    region = academie_by_slug(formation.academie).region_academique
    lieu = Lieu(uai=formation.uai, academie=formation.academie, region_academique=region)
    if not principal.holds(Rubrique.RAPPORTS, Niveau.LECTURE, lieu, now=now, formation=formation.id):
        raise Forbidden
