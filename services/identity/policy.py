"""Who may see accounts, and who may give and take rights (domaine.md §1 and §3)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from kit.errors import Forbidden, Refusal, Unauthenticated
from services.identity.domain.audit import Lecture
from services.identity.domain.comptes import Compte
from socle.academies import academies_of_region
from socle.principal import Droit, Lieu, Principal
from socle.rubriques import Niveau, Role, Rubrique

_FOR_EVER = datetime.max.replace(tzinfo=UTC)
_INSTANT = timedelta(microseconds=1)


class DroitNonDetenu(Refusal):
    """« An administrator can only give what it holds » (domaine.md §3)."""

    code = "DROIT_NON_DETENU"


@dataclass(frozen=True, slots=True, kw_only=True)
class Portee:
    """Which accounts someone may see: its own; all that have something in these UAI; and of these académies, the
    administrators of establishments.
    """

    compte: str
    uais: frozenset[str]
    academies: frozenset[str]


def require_active(principal: Principal | None) -> Principal:
    """Anyone signed in with an active account.

    Raises:
        Unauthenticated: nobody is signed in.
        Forbidden: the account is disabled.
    """
    if principal is None:
        raise Unauthenticated
    if not principal.actif:
        raise Forbidden
    return principal


def scope(principal: Principal, *, now: datetime) -> Portee:
    """Which accounts `principal` may see: whoever manages users sees theirs, everyone sees its own."""
    return Portee(
        compte=principal.compte,
        uais=principal.etablissements(Rubrique.UTILISATEURS, Niveau.ECRITURE, now=now),
        academies=principal.academies(Rubrique.UTILISATEURS, Niveau.LECTURE, academies_of_region),
    )


def audit_scope(principal: Principal, *, now: datetime) -> Lecture:
    """Which lines of the audit trail `principal` may read: « readable by the level above » (domaine.md §3).

    Whoever manages the users of an establishment reads what these do, not what its own equals do; an académie what is
    done in its establishments; the national team everything, for nobody is above it. Everyone reads what it did, and
    what was done to it.
    """
    portee = scope(principal, now=now)
    return Lecture(
        tout=principal.has_role(Role.ADMIN_NATIONAL),
        compte=portee.compte,
        uais=portee.uais,
        academies=portee.academies,
    )


def require_manage(principal: Principal, lieu: Lieu, cible: Compte, *, now: datetime) -> None:
    """Whoever manages the users of that establishment; and the académie, for its establishments' administrators.

    Raises:
        Forbidden: `principal` is neither.
    """
    if principal.holds(Rubrique.UTILISATEURS, Niveau.ECRITURE, lieu, now=now):
        return
    administers = any(held.role is Role.ADMIN_ETABLISSEMENT and held.uai == lieu.uai for held in cible.roles)
    if not (administers and lieu.academie in scope(principal, now=now).academies):
        raise Forbidden


def require_give(principal: Principal, droit: Droit, lieu: Lieu, cible: Compte, *, now: datetime) -> None:
    """Whoever may manage rights there, for what it holds itself, for no longer than it holds it.

    Raises:
        Forbidden: `principal` may not manage that account's rights there.
        DroitNonDetenu: it does not hold what it would give.
    """
    require_manage(principal, lieu, cible, now=now)
    last = _FOR_EVER if droit.jusqu_au is None else max(droit.jusqu_au - _INSTANT, now)
    if not principal.holds(droit.rubrique, droit.niveau, lieu, now=last, formation=droit.formation):
        raise DroitNonDetenu(
            "Vous ne pouvez donner que les droits que vous détenez vous-même, et pas au-delà de leur date de fin : "
            "choisissez une autre rubrique, un autre niveau ou une autre date.",
            champ="rubrique",
        )
