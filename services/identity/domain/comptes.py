"""Accounts and what they hold (domaine.md §1 and §3). Pure."""

import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from kit.errors import Refusal
from kit.versions import NEW, Version
from socle.principal import Droit, RoleTenu
from socle.rubriques import Niveau, Role, Rubrique

ROLES_D_ETABLISSEMENT = frozenset(
    {
        Role.CHEF_ETABLISSEMENT,
        Role.ADJOINT,
        Role.ADMIN_ETABLISSEMENT,
        Role.GESTIONNAIRE,
        Role.PROFESSEUR_PRINCIPAL,
        Role.REFERENT,
        Role.PSY_EN,
        Role.DIRECTEUR_CIO,
    }
)
"""Roles that hold for one UAI (domaine.md §1)."""

ROLES_DE_SUIVI = frozenset({Role.PROFESSEUR_PRINCIPAL, Role.REFERENT, Role.PSY_EN})
"""« one or more classes, or a named group of students » (domaine.md §1)."""
_CLASSE = re.compile(r"[\w .:/+°-]{1,20}")
_GROUPE = re.compile(r"[\w .:/+°'’()-]{1,60}")
_AU_PLUS = 60
"""≈ ours: classes, and groups, of one role. The largest lycée has 770 students of terminale."""

ROLES_AU_PLUS, DROITS_AU_PLUS = 60, 500
"""≈ ours: of one account, more than anybody holds who serves several establishments; whatever an account holds is told
to every service in one message, which has to stay small.
"""

_PAR_FORMATION = frozenset(
    {
        Rubrique.PARAMETRAGE_FORMATIONS,
        Rubrique.CAPACITES,
        Rubrique.CANDIDATURES,
        Rubrique.CLASSEMENTS,
        Rubrique.RAPPORTS,
    }
)
"""« intervenir sur le paramétrage d'une ou plusieurs formations, l'accès aux candidatures, aux classements » (Amiens,
2023): the rubrics of the offer, whose rights may be about one formation."""

_FORMATION = re.compile(r"\d{4}/[\w.:-]{1,64}")


class RoleInvalide(Refusal):
    """A role without the place where it holds, or with one that it cannot have."""

    code = "ROLE_INVALIDE"


class DroitInvalide(Refusal):
    """A right that cannot be: signed by delegation, of a formation in a rubric that has none, already over."""

    code = "DROIT_INVALIDE"


class TropDeDroits(Refusal):
    """The account would hold more than one may."""

    code = "TROP_DE_DROITS"

    def __init__(self) -> None:
        super().__init__(
            f"Un compte a au plus {ROLES_AU_PLUS} rôles et {DROITS_AU_PLUS} droits : retirez-en d'abord, ou donnez le "
            "droit pour toutes les formations à la fois."
        )


class CompteDesactive(Refusal):
    """The account is disabled: nothing is given to it."""

    code = "COMPTE_DESACTIVE"


class DernierAdministrateur(Refusal):
    """« the last administrator of a UAI cannot be removed » (issue 4); see `administrations_lost`."""

    code = "DERNIER_ADMINISTRATEUR"

    def __init__(self, uai: str) -> None:
        super().__init__(
            f"Ce compte est le dernier administrateur actif de l'établissement {uai} : nommez-en d'abord un autre, qui "
            "ait activé son compte.",
            champ="compte",
        )


class EtatCompte(StrEnum):
    """The life of an account (domaine.md §3)."""

    INVITE = "INVITE"
    ACTIF = "ACTIF"
    DESACTIVE = "DESACTIVE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compte:
    """One person, one account, one address in the whole country (domaine.md §1).

    Args:
        id: opaque and sortable by time; all that others ever know of the person.
        courriel: its address in its normal form.
        mobile: its mobile number (E.164), where it gave one.
    """

    id: str
    courriel: str
    nom: str
    prenom: str
    mobile: str | None = None
    etat: EtatCompte = EtatCompte.INVITE
    roles: tuple[RoleTenu, ...] = ()
    droits: tuple[Droit, ...] = ()
    version: Version = NEW

    @property
    def actif(self) -> bool:
        return self.etat is EtatCompte.ACTIF

    @property
    def etablissements(self) -> frozenset[str]:
        """The UAI it has a role or a right in."""
        by_role = {role.uai for role in self.roles if role.uai is not None}
        return frozenset(by_role | {droit.uai for droit in self.droits})

    def activate(self) -> "Compte":
        """Its owner proved the address and chose a password.

        Raises:
            CompteDesactive: the account was disabled meanwhile.
        """
        self._require_not_disabled()
        return replace(self, etat=EtatCompte.ACTIF)

    def disable(self) -> "Compte":
        """Nothing is allowed any more; what it held is kept, for whoever looks later."""
        return replace(self, etat=EtatCompte.DESACTIVE)

    def move_to(self, courriel: str) -> "Compte":
        """Its owner proved another address, which takes the place of the one it had."""
        return replace(self, courriel=courriel)

    def reach_at(self, mobile: str | None) -> "Compte":
        """Its owner has that mobile number, or none any more."""
        return replace(self, mobile=mobile)

    def invite_again(self) -> "Compte":
        """Disabled no more: what it held counts again once its owner has proved the address and chosen a password.

        Whoever knew the password of before is not let in by it.
        """
        return replace(self, etat=EtatCompte.INVITE) if self.etat is EtatCompte.DESACTIVE else self

    def administers(self, uai: str) -> bool:
        """Whether it is an administrator of that establishment, and active."""
        return self.actif and any(held.role is Role.ADMIN_ETABLISSEMENT and held.uai == uai for held in self.roles)

    def give_role(self, role: RoleTenu) -> "Compte":
        """Hold `role`, in place of the same held in the same place with other classes or groups.

        Raises:
            RoleInvalide: it is said to hold where such a role cannot.
            TropDeDroits: the account has as many roles as one may.
            CompteDesactive: the account is disabled.
        """
        self._require_not_disabled()
        check_role(role)
        if role in self.roles:
            return self
        others = tuple(held for held in self.roles if not same_place(held, role))
        if len(others) >= ROLES_AU_PLUS:
            raise TropDeDroits
        return replace(self, roles=(*others, role))

    def take_role(
        self, role: Role, *, uai: str | None = None, academie: str | None = None, region: str | None = None
    ) -> "Compte":
        """Hold `role` no more; everywhere, unless a UAI, an académie or a région académique is named."""

        def concerned(held: RoleTenu) -> bool:
            here = uai in (None, held.uai) and academie in (None, held.academie)
            return held.role is role and here and region in (None, held.region_academique)

        return replace(self, roles=tuple(held for held in self.roles if not concerned(held)))

    def give_right(self, droit: Droit, *, now: datetime) -> "Compte":
        """Hold `droit`, in place of the one held on the same UAI, rubric and formation.

        Raises:
            DroitInvalide: see `check_right`.
            TropDeDroits: the account has as many rights as one may.
            CompteDesactive: the account is disabled.
        """
        self._require_not_disabled()
        check_right(droit, now=now)
        others = tuple(held for held in self.droits if not _same_thing(held, droit))
        if len(others) < len(self.droits) and droit in self.droits:
            return self
        if len(others) >= DROITS_AU_PLUS:
            raise TropDeDroits
        return replace(self, droits=(*others, droit))

    def take_right(self, uai: str, rubrique: Rubrique, formation: str | None = None) -> "Compte":
        """Hold no right on that rubric of the UAI any more; with `formation`, on that formation only."""
        kept = tuple(
            held
            for held in self.droits
            if not (held.uai == uai and held.rubrique is rubrique and held.formation == formation)
        )
        return replace(self, droits=kept)

    def _require_not_disabled(self) -> None:
        if self.etat is EtatCompte.DESACTIVE:
            raise CompteDesactive("Ce compte est désactivé : réactivez-le avant de lui donner quoi que ce soit.")


def same_place(one: RoleTenu, other: RoleTenu) -> bool:
    """Whether these are one role in one place, whatever is followed there."""
    return (one.role, one.uai, one.academie, one.region_academique) == (
        other.role,
        other.uai,
        other.academie,
        other.region_academique,
    )


def _same_thing(one: Droit, other: Droit) -> bool:
    return (one.uai, one.rubrique, one.formation) == (other.uai, other.rubrique, other.formation)


def administrations_lost(before: Compte, after: Compte | None) -> frozenset[str]:
    """The establishments of which an account ceases to be an administrator; all of its own when it is erased.

    The head does not count for one, though it holds as much: a head leaves by a decision that is not taken here, and
    would then leave nobody behind to give the next one's colleagues their rights. An invited account does not either:
    nobody may ever answer.
    """
    uais = {role.uai for role in before.roles if role.uai is not None}
    return frozenset(uai for uai in uais if before.administers(uai) and not (after and after.administers(uai)))


def check_role(role: RoleTenu) -> None:
    """Whether the role holds where such a role may, and follows whom such a role follows (domaine.md §1).

    Raises:
        RoleInvalide: it does not.
    """
    check_place(role)
    _check_followed(role)


def check_place(role: RoleTenu) -> None:
    """Whether the role holds where such a role may (domaine.md §1).

    Raises:
        RoleInvalide: it does not.
    """
    if role.role in ROLES_D_ETABLISSEMENT:
        valid = role.uai is not None and role.academie is None and role.region_academique is None
        expected = "le numéro UAI d'un établissement"
    elif role.role is Role.ADMIN_NATIONAL:
        valid = role.uai is None and role.academie is None and role.region_academique is None
        expected = "aucune portée"
    elif role.role is Role.ADMIN_ACADEMIQUE:
        valid = role.uai is None and (role.academie is None) != (role.region_academique is None)
        expected = "une académie ou une région académique"
    elif role.role is Role.CAES:
        valid = role.uai is None and role.academie is not None and role.region_academique is None
        expected = "une académie"
    else:
        raise RoleInvalide(
            f"Le rôle {role.role} n'est pas celui d'une personne : choisissez-en un autre.", champ="role"
        )
    if not valid:
        raise RoleInvalide(f"Le rôle {role.role} demande {expected} : corrigez sa portée.", champ="role")


def _check_followed(role: RoleTenu) -> None:
    if role.role not in ROLES_DE_SUIVI:
        if role.classes or role.groupes:
            raise RoleInvalide(f"Le rôle {role.role} ne suit ni classe ni groupe : n'en indiquez pas.", champ="classes")
        return
    if not (role.classes or role.groupes):
        raise RoleInvalide(
            f"Le rôle {role.role} suit des élèves : indiquez leurs classes, ou leur groupe.", champ="classes"
        )
    for names, form, champ in ((role.classes, _CLASSE, "classes"), (role.groupes, _GROUPE, "groupes")):
        if len(names) > _AU_PLUS or not all(form.fullmatch(name) for name in names):
            raise RoleInvalide(
                f"Indiquez au plus {_AU_PLUS} {champ}, par leur nom dans l'établissement : corrigez la liste.",
                champ=champ,
            )


def check_right(droit: Droit, *, now: datetime) -> None:
    """Whether such a right can be given one by one.

    « alone the signatures » of the head (domaine.md §1): a signature is never delegated.

    Raises:
        DroitInvalide: it cannot.
    """
    if droit.niveau is Niveau.SIGNATURE:
        raise DroitInvalide(
            "La signature appartient au seul chef d'établissement : donnez la lecture ou l'écriture.", champ="niveau"
        )
    if droit.formation is not None and droit.rubrique not in _PAR_FORMATION:
        raise DroitInvalide(
            f"La rubrique {droit.rubrique} ne se donne pas par formation : donnez-la pour tout l'établissement.",
            champ="formation",
        )
    if droit.formation is not None and not _FORMATION.fullmatch(droit.formation):
        raise DroitInvalide("L'identifiant d'une formation s'écrit « session/code » : vérifiez-le.", champ="formation")
    if droit.jusqu_au is not None and droit.jusqu_au <= now:
        raise DroitInvalide("La date de fin du droit est déjà passée : choisissez une date à venir.", champ="jusquAu")


def personal_words(compte: Compte) -> frozenset[str]:
    """What a password must not contain of its owner: login, names and UAI (domaine.md §3), as `plain` writes them."""
    local_part = compte.courriel.partition("@")[0]
    words = {compte.courriel, local_part, compte.nom, compte.prenom, *compte.etablissements}
    parts = {part for word in words for part in re.split(r"[\W_]+", plain(word))}
    return frozenset(part for part in parts | {plain(word) for word in words} if len(part) >= 4)


def plain(text: str) -> str:
    """Small letters without accents, to compare what people write."""
    decomposed = unicodedata.normalize("NFD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))
