"""Who may see a report before it is public (domaine.md §1 and §7)."""

from datetime import datetime

from kit.errors import Forbidden, Unauthenticated
from services.rapports.domain import Formation
from services.rapports.portee import Portee
from socle.academies import academies_of_region
from socle.principal import Principal
from socle.rubriques import Niveau, Rubrique


def require_account(principal: Principal | None) -> Principal:
    """Nobody without an account is told anything, not even what does not exist.

    Raises:
        Unauthenticated: nobody is signed in.
    """
    if principal is None:
        raise Unauthenticated
    return principal


def scope(principal: Principal, *, now: datetime) -> Portee:
    """Which drafts `principal` may see: those of the establishments, formations and académies for which it holds the
    rubric `RAPPORTS`.
    """
    if not principal.actif:
        return Portee()
    rights = [
        droit
        for droit in principal.droits
        if droit.rubrique is Rubrique.RAPPORTS and (droit.jusqu_au is None or now < droit.jusqu_au)
    ]
    return Portee(
        tout=principal.holds_everywhere(Rubrique.RAPPORTS, Niveau.LECTURE, now=now),
        uais=principal.etablissements(Rubrique.RAPPORTS, Niveau.LECTURE, now=now),
        academies=principal.academies(Rubrique.RAPPORTS, Niveau.LECTURE, academies_of_region),
        formations={
            uai: frozenset(d.formation for d in rights if d.uai == uai and d.formation is not None)
            for uai in {droit.uai for droit in rights}
        },
    )


def require_read(principal: Principal, formation: Formation, *, now: datetime) -> None:
    """Whoever has the formation in its scope.

    Raises:
        Forbidden: the right is missing.
    """
    if not scope(principal, now=now).holds(formation):
        raise Forbidden
