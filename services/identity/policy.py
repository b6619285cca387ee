"""Who may see accounts, who may give and take roles and rights, and who is above whom (domaine.md §1 and §3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from kit.errors import Forbidden, Refusal, Unauthenticated
from services.identity.domain.audit import Lecture, niveau_of
from services.identity.domain.audit import Niveau as Echelon
from services.identity.domain.comptes import ROLES_DE_SUIVI, Compte
from socle.academies import academies_of_region
from socle.principal import DROITS_DES_ROLES, Droit, Lieu, Principal, RoleTenu
from socle.rubriques import Niveau, Role, Rubrique

_FOR_EVER = datetime.max.replace(tzinfo=UTC)
_INSTANT = timedelta(microseconds=1)


class DroitNonDetenu(Refusal):
    """« An administrator can only give what it holds » (domaine.md §3)."""

    code = "DROIT_NON_DETENU"


@dataclass(frozen=True, slots=True, kw_only=True)
class Portee:
    """Which accounts someone may see: its own; all that have something in these UAI; of these académies, the heads and
    administrators of establishments; and with `academiques`, whoever works for an académie.
    """

    compte: str
    uais: frozenset[str]
    academies: frozenset[str]
    academiques: bool = False


def require_signed_in(principal: Principal | None) -> Principal:
    """Anyone whose token is valid, whatever its account has become.

    Raises:
        Unauthenticated: nobody is signed in.
    """
    if principal is None:
        raise Unauthenticated
    return principal


def require_active(principal: Principal | None) -> Principal:
    """Anyone signed in with an active account.

    Raises:
        Unauthenticated: nobody is signed in.
        Forbidden: the account is disabled.
    """
    signed_in = require_signed_in(principal)
    if not signed_in.actif:
        raise Forbidden
    return signed_in


def scope(principal: Principal, *, now: datetime) -> Portee:
    """Which accounts `principal` may see: whoever manages users sees theirs, everyone sees its own."""
    return Portee(
        compte=principal.compte,
        uais=principal.etablissements(Rubrique.UTILISATEURS, Niveau.ECRITURE, now=now),
        academies=principal.academies(Rubrique.UTILISATEURS, Niveau.LECTURE, academies_of_region),
        academiques=principal.has_role(Role.ADMIN_NATIONAL),
    )


def require_invites(principal: Principal, *, now: datetime) -> None:
    """Whoever may invite somebody, somewhere: each invitation is judged for itself.

    Raises:
        Forbidden: `principal` may invite nobody.
    """
    portee = scope(principal, now=now)
    if not (portee.uais or portee.academies or portee.academiques):
        raise Forbidden("Vous n'invitez personne : demandez-en le droit à l'administrateur de votre établissement.")


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
    if not (administers and _is_of_academie(principal, lieu)):
        raise Forbidden


_DU_SUIVI = ((Rubrique.ELEVES, Niveau.LECTURE), (Rubrique.FICHE_AVENIR, Niveau.ECRITURE))
"""What a follow-up role may do for its students, beside what `DROITS_DES_ROLES` says (domaine.md §1)."""


def require_name(principal: Principal, tenu: RoleTenu, lieu: Lieu | None, *, now: datetime) -> None:
    """Who may take that role away in that place: the level above (domaine.md §3).

    The national team names those of the académies. The académie names the heads, the administrators and the directors
    of CIO of its establishments. The administrators and the head of an establishment name its other administrators
    (« create and delete users of the UAI », domaine.md §1); and, as whoever manages its users, all the others. A
    national administrator is above everyone: only a command of the operator makes one.

    Raises:
        Forbidden: `principal` is not above.
    """
    if not _may_name(principal, tenu, lieu, now=now):
        raise Forbidden(_NOMME_PAR[niveau_of(tenu.role)])


def require_confer(principal: Principal, tenu: RoleTenu, lieu: Lieu | None, *, now: datetime) -> None:
    """Who may give that role in that place: whoever may take it, and within an establishment holds what it gives.

    A role has no end: what its giver holds until a date only does not count.

    Raises:
        Forbidden: see `require_name`.
        DroitNonDetenu: `principal` does not hold what the role gives.
    """
    require_name(principal, tenu, lieu, now=now)
    if lieu is None or _is_of_academie(principal, lieu):
        return
    rubriques, up_to = DROITS_DES_ROLES.get(tenu.role, (frozenset(), Niveau.LECTURE))
    given = [(rubrique, up_to) for rubrique in rubriques]
    given += _DU_SUIVI if tenu.role in ROLES_DE_SUIVI else ()
    if not all(principal.holds(rubrique, niveau, lieu, now=_FOR_EVER) for rubrique, niveau in given):
        raise DroitNonDetenu(
            "Ce rôle donne des droits que vous ne détenez pas vous-même sans date de fin : demandez à un "
            "administrateur de l'établissement de le donner.",
            champ="role",
        )


def require_other(principal: Principal, cible: Compte) -> None:
    """Nobody gives itself a role or a right: who names heads would sign as one, and who lets others in would keep in
    rights what it loses with its role.

    Raises:
        Forbidden: it is its own account.
    """
    if principal.compte == cible.id:
        raise Forbidden("Seule une autre personne peut vous donner un rôle ou un droit : adressez-vous à elle.")


_NOMME_PAR = {
    Echelon.NATIONAL: "Seul l'exploitant de la plateforme nomme un administrateur national : adressez-vous à lui.",
    Echelon.ACADEMIE: "Seule l'équipe nationale nomme les membres d'une académie : adressez-vous à elle.",
    Echelon.ETABLISSEMENT: "Le rectorat nomme les chefs d'établissement, les directeurs de CIO et les premiers "
    "administrateurs : adressez-vous à lui.",
    Echelon.UTILISATEUR: "Les administrateurs de l'établissement nomment ses utilisateurs : adressez-vous à eux.",
}


def _may_name(principal: Principal, tenu: RoleTenu, lieu: Lieu | None, *, now: datetime) -> bool:
    match niveau_of(tenu.role):
        case Echelon.NATIONAL:
            return False
        case Echelon.ACADEMIE:
            return principal.has_role(Role.ADMIN_NATIONAL)
        case Echelon.ETABLISSEMENT:
            equal = tenu.role is Role.ADMIN_ETABLISSEMENT and lieu is not None and _administers(principal, lieu)
            return equal or (lieu is not None and _is_of_academie(principal, lieu))
        case _:
            return lieu is not None and principal.holds(Rubrique.UTILISATEURS, Niveau.ECRITURE, lieu, now=now)


def _is_of_academie(principal: Principal, lieu: Lieu) -> bool:
    return lieu.academie in principal.academies(Rubrique.UTILISATEURS, Niveau.LECTURE, academies_of_region)


def _administers(principal: Principal, lieu: Lieu) -> bool:
    roles = (Role.CHEF_ETABLISSEMENT, Role.ADMIN_ETABLISSEMENT)
    return principal.actif and any(held.role in roles and held.uai == lieu.uai for held in principal.roles)


def require_above(
    principal: Principal, cible: Compte, lieux: Mapping[str, Lieu], *, now: datetime, everywhere: bool
) -> None:
    """Who may act on an account as such (disable, delete, unlock, reset its factors): the level above it.

    One account may serve in several places. What helps its owner (`everywhere` false) is done by whoever is above it
    where it stands highest, in one such place; what ends it, by whoever is above it in all its places: an
    establishment takes its own rights away from somebody it shares, and does not delete that person elsewhere.
    `lieux` says where its establishments are, for those that are known.

    Raises:
        Forbidden: `principal` is not above, or it is its own account.
    """
    if principal.compte == cible.id:
        raise Forbidden("Seul l'échelon supérieur peut le faire pour votre compte : adressez-vous à lui.")
    held = [(role, _is_above(principal, role, lieux, cible, now=now)) for role in _places(cible)]
    top = max((niveau_of(role.role) for role, _ in held), default=None)
    if everywhere:
        allowed = bool(held) and all(above for _, above in held)
    else:
        allowed = any(above for role, above in held if niveau_of(role.role) is top)
    if not allowed:
        raise Forbidden(
            "Ce compte dépend d'un autre échelon, ou sert aussi ailleurs : retirez-lui ce qu'il détient chez vous, ou "
            "adressez-vous à l'échelon supérieur."
        )


def _places(cible: Compte) -> tuple[RoleTenu, ...]:
    """Its roles; and its rights, as a plain user's of their establishments."""
    users = {droit.uai for droit in cible.droits} - {role.uai for role in cible.roles}
    return (*cible.roles, *(RoleTenu(role=Role.GESTIONNAIRE, uai=uai) for uai in sorted(users)))


def _is_above(principal: Principal, tenu: RoleTenu, lieux: Mapping[str, Lieu], cible: Compte, *, now: datetime) -> bool:
    niveau = niveau_of(tenu.role)
    if niveau < Echelon.NATIONAL and principal.has_role(Role.ADMIN_NATIONAL):
        return True
    lieu = None if tenu.uai is None else lieux.get(tenu.uai)
    if lieu is None:
        return False
    if _is_of_academie(principal, lieu):
        return True
    # Whoever was given the management of users is above those to whom it was not.
    manager = Principal(compte=cible.id, session="", actif=True, roles=cible.roles, droits=cible.droits)
    equal = manager.holds(Rubrique.UTILISATEURS, Niveau.ECRITURE, lieu, now=now)
    return niveau is Echelon.UTILISATEUR and (
        _administers(principal, lieu)
        or (principal.holds(Rubrique.UTILISATEURS, Niveau.ECRITURE, lieu, now=now) and not equal)
    )


def require_give(principal: Principal, droit: Droit, lieu: Lieu, cible: Compte, *, now: datetime) -> None:
    """Whoever may manage rights there, for what it holds itself, for no longer than it holds it.

    Raises:
        Forbidden: `principal` may not manage that account's rights there, or it is its own.
        DroitNonDetenu: it does not hold what it would give.
    """
    require_manage(principal, lieu, cible, now=now)
    require_other(principal, cible)
    last = _FOR_EVER if droit.jusqu_au is None else max(droit.jusqu_au - _INSTANT, now)
    if not principal.holds(droit.rubrique, droit.niveau, lieu, now=last, formation=droit.formation):
        raise DroitNonDetenu(
            "Vous ne pouvez donner que les droits que vous détenez vous-même, et pas au-delà de leur date de fin : "
            "choisissez une autre rubrique, un autre niveau ou une autre date.",
            champ="rubrique",
        )
