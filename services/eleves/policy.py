"""Who may send SIECLE files, and whose students a person may see (domaine.md §1 and §3)."""

from collections.abc import Mapping
from datetime import datetime

from kit.errors import Forbidden, Unauthenticated
from services.eleves.portee import Portee
from socle.academies import academies_of_region
from socle.principal import Lieu, Principal
from socle.rubriques import Niveau, Role, Rubrique

_SUIVI = frozenset({Role.PROFESSEUR_PRINCIPAL, Role.REFERENT, Role.PSY_EN})


def require_account(principal: Principal | None) -> Principal:
    """Nobody without an account is told anything.

    Raises:
        Unauthenticated: nobody is signed in.
    """
    if principal is None:
        raise Unauthenticated
    return principal


def scope(principal: Principal, *, now: datetime) -> Portee:
    """Which students `principal` may see.

    Whoever holds the rubric `ELEVES`; and who follows classes, their students: « read the follow-up of those students »
    (domaine.md §1).
    """
    if not principal.actif:
        return Portee()
    return Portee(
        uais=principal.etablissements(Rubrique.ELEVES, Niveau.LECTURE, now=now),
        academies=principal.academies(Rubrique.ELEVES, Niveau.LECTURE, academies_of_region),
        classes=_followed(principal),
    )


def _followed(principal: Principal) -> Mapping[str, frozenset[str]]:
    followed: dict[str, frozenset[str]] = {}
    for held in principal.roles:
        if held.role in _SUIVI and held.uai is not None and held.classes:
            followed[held.uai] = followed.get(held.uai, frozenset()) | held.classes
    return followed


def require_see(principal: Principal, lieu: Lieu, *, now: datetime) -> Portee:
    """What `principal` may see of the students of a lycée.

    Raises:
        Forbidden: none of them.
    """
    portee = scope(principal, now=now)
    if not portee.reaches(lieu):
        raise Forbidden
    return portee


def require_deposit(principal: Principal, lieu: Lieu, *, now: datetime) -> None:
    """« rubrique Élèves > SIECLE »: whoever may write in the rubric `SIECLE` of that lycée.

    Raises:
        Forbidden: the right is missing.
    """
    if not principal.holds(Rubrique.SIECLE, Niveau.ECRITURE, lieu, now=now):
        raise Forbidden(
            "Vous n'avez pas le droit d'envoyer les fichiers SIECLE de cet établissement : demandez le droit "
            "« SIECLE » à son administrateur."
        )


def require_follow(principal: Principal, lieu: Lieu, *, now: datetime) -> None:
    """Whoever may read the rubric `SIECLE` of that lycée follows its imports; their reports name students.

    Raises:
        Forbidden: the right is missing.
    """
    if not principal.holds(Rubrique.SIECLE, Niveau.LECTURE, lieu, now=now):
        raise Forbidden
