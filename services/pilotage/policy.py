"""Who steers the campaign, and who sees its calendar and indicators (domaine.md §1)."""

from dataclasses import replace
from datetime import datetime

from kit.errors import Forbidden, Unauthenticated
from socle.academies import academie_of_uai, academies_of_region
from socle.principal import Lieu, Principal, require_recent
from socle.rubriques import Niveau, Role, Rubrique


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


def require_steer(principal: Principal | None, *, now: datetime) -> None:
    """« everything that steers a campaign: calendar… »: the national team, and nobody else (domaine.md §1); a window
    moves the whole campaign, and so is as sensitive an act as a signature (ADR 032).

    Raises:
        Unauthenticated: nobody is signed in.
        Forbidden: the account is not of the national team.
        PreuveInsuffisante: see `require_recent`.
    """
    if principal is None:
        raise Unauthenticated
    if not principal.has_role(Role.ADMIN_NATIONAL):
        raise Forbidden("Seule l'équipe nationale modifie le calendrier : écrivez-lui pour demander un changement.")
    require_recent(principal, now=now)


def require_indicators(principal: Principal | None, uai: str, *, now: datetime) -> Principal:
    """Whoever holds the rubric `PILOTAGE` for the establishment, or for its académie, or for all.

    Raises:
        Unauthenticated: nobody is signed in.
        Forbidden: the right is missing.
    """
    if principal is None:
        raise Unauthenticated
    academie = academie_of_uai(uai)
    lieu = Lieu(
        uai=uai,
        academie=academie.slug if academie else "",
        region_academique=academie.region_academique if academie else None,
    )
    if not principal.holds(Rubrique.PILOTAGE, Niveau.LECTURE, lieu, now=now):
        raise Forbidden
    return principal


def known_exactly(principal: Principal, *, now: datetime) -> frozenset[str]:
    """The establishments whose small figures are no secret to `principal`, because it holds the right within them.

    Small figures « are not shown outside the school » (domaine.md §6): académie and nation are outside, and so is the
    head of a CIO, who follows schools that are not its own (domaine.md §1: « indicators, no names »).
    """
    within = replace(principal, roles=tuple(held for held in principal.roles if held.role is not Role.DIRECTEUR_CIO))
    return within.etablissements(Rubrique.PILOTAGE, Niveau.LECTURE, now=now)


def reads_elsewhere(principal: Principal, *, now: datetime) -> bool:
    """Whether `principal` may also open the page of an establishment within which it does not hold the right."""
    return bool(
        principal.holds_everywhere(Rubrique.PILOTAGE, Niveau.LECTURE, now=now)
        or principal.academies(Rubrique.PILOTAGE, Niveau.LECTURE, academies_of_region)
        or principal.etablissements(Rubrique.PILOTAGE, Niveau.LECTURE, now=now) - known_exactly(principal, now=now)
    )
