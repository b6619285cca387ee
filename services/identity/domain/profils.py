"""Ready-made sets of rights, and what is copied from a colleague (issue 4). Pure; the profiles are declared here alone.

« L'attribution des comptes utilisateurs par l'administrateur permet de déléguer une partie des opérations de suivi et
de gestion à certains membres de votre équipe, comme par exemple intervenir sur le paramétrage d'une ou plusieurs
formations, l'accès aux candidatures, aux classements » (Amiens, 2023). Which rights go together is ≈ ours.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from kit.errors import Refusal
from services.identity.domain.comptes import Compte, check_role
from socle.principal import Droit, RoleTenu
from socle.rubriques import Niveau, Role, Rubrique


class ProfilInvalide(Refusal):
    """A profile without what it is about, or with what it is not."""

    code = "PROFIL_INVALIDE"


class Profil(StrEnum):
    """What a person does in an establishment."""

    SECRETARIAT = "SECRETARIAT"
    DIRECTION = "DIRECTION"
    PROFESSEUR_PRINCIPAL = "PROFESSEUR_PRINCIPAL"
    RESPONSABLE_FORMATION = "RESPONSABLE_FORMATION"
    COMMISSION_EXAMEN = "COMMISSION_EXAMEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contenu:
    """What a profile gives.

    Args:
        niveaux: rights on the whole establishment, or with `par_formation` on one formation.
        role: a role that comes with it, for the classes that are named.
    """

    niveaux: tuple[tuple[Rubrique, Niveau], ...]
    par_formation: bool = False
    role: Role | None = None


PROFILS = {
    # The operations of the school on its students: SIECLE, grades, and the files of candidates to read.
    Profil.SECRETARIAT: Contenu(
        niveaux=(
            (Rubrique.ETABLISSEMENT, Niveau.ECRITURE),
            (Rubrique.SIECLE, Niveau.ECRITURE),
            (Rubrique.ELEVES, Niveau.ECRITURE),
            (Rubrique.NOTES, Niveau.ECRITURE),
            (Rubrique.CANDIDATURES, Niveau.LECTURE),
        )
    ),
    # « mettra à disposition des équipes de direction » (lettre n° 9): tables, indicators, follow-up, reports to read.
    Profil.DIRECTION: Contenu(
        niveaux=tuple(
            (rubrique, Niveau.LECTURE)
            for rubrique in (Rubrique.ELEVES, Rubrique.CANDIDATURES, Rubrique.PILOTAGE, Rubrique.RAPPORTS)
        )
    ),
    # « read the follow-up of those students, write the teachers' part of the fiche Avenir » (domaine.md §1): by the
    # role, for its classes only. It holds no right on the whole establishment.
    Profil.PROFESSEUR_PRINCIPAL: Contenu(niveaux=(), role=Role.PROFESSEUR_PRINCIPAL),
    # « first in charge of requests and reports » (domaine.md §4).
    Profil.RESPONSABLE_FORMATION: Contenu(
        niveaux=(
            (Rubrique.PARAMETRAGE_FORMATIONS, Niveau.ECRITURE),
            (Rubrique.CAPACITES, Niveau.ECRITURE),
            (Rubrique.CANDIDATURES, Niveau.ECRITURE),
            (Rubrique.CLASSEMENTS, Niveau.ECRITURE),
            (Rubrique.RAPPORTS, Niveau.ECRITURE),
        ),
        par_formation=True,
    ),
    # Who examines the wishes of a formation and ranks them, and sets nothing.
    Profil.COMMISSION_EXAMEN: Contenu(
        niveaux=((Rubrique.CANDIDATURES, Niveau.LECTURE), (Rubrique.CLASSEMENTS, Niveau.ECRITURE)),
        par_formation=True,
    ),
}


class Motif(StrEnum):
    """Why a colleague's right was not copied."""

    NON_DETENU = "NON_DETENU"
    DEJA_DETENU_AUTREMENT = "DEJA_DETENU_AUTREMENT"


@dataclass(frozen=True, slots=True)
class NonCopie:
    """A colleague's right that was not copied, and why."""

    droit: Droit
    motif: Motif


@dataclass(frozen=True, slots=True, kw_only=True)
class Don:
    """What is given at once: rights, and roles."""

    droits: Sequence[Droit] = ()
    roles: Sequence[RoleTenu] = ()


def contents(
    profil: Profil,
    uai: str,
    *,
    formation: str | None = None,
    classes: frozenset[str] = frozenset(),
    jusqu_au: datetime | None = None,
) -> Don:
    """What that profile gives there.

    Raises:
        ProfilInvalide: it is about a formation or classes that are not named, or is not and they are.
        RoleInvalide: classes cannot be called so.
    """
    held = PROFILS[profil]
    if held.par_formation != (formation is not None):
        raise ProfilInvalide(
            "Ce profil porte sur une formation : indiquez laquelle."
            if held.par_formation
            else "Ce profil ne porte pas sur une formation : n'en indiquez pas.",
            champ="formation",
        )
    if (held.role is not None) != bool(classes):
        raise ProfilInvalide(
            "Ce profil suit des classes : indiquez lesquelles."
            if held.role is not None
            else "Ce profil ne suit pas de classes : n'en indiquez pas.",
            champ="classes",
        )
    if held.role is not None and jusqu_au is not None:
        raise ProfilInvalide(
            "Ce profil donne un rôle, qui n'a pas de date de fin : n'en indiquez pas, et retirez-le le moment venu.",
            champ="jusquAu",
        )
    roles = () if held.role is None else (RoleTenu(role=held.role, uai=uai, classes=classes),)
    for role in roles:
        check_role(role)
    droits = tuple(
        Droit(uai=uai, rubrique=rubrique, niveau=niveau, formation=formation, jusqu_au=jusqu_au)
        for rubrique, niveau in held.niveaux
    )
    return Don(droits=droits, roles=roles)


def rights_with(profil: Profil | None, role: RoleTenu, *, formation: str | None = None) -> Sequence[Droit]:
    """What a profile gives beside the role that somebody is invited as, where that role holds; none without profile.

    Raises:
        ProfilInvalide: that role holds in no establishment, or the profile comes with another; see `contents`.
    """
    if profil is None:
        if formation is not None:
            raise ProfilInvalide("Une formation s'indique avec un profil : indiquez lequel.", champ="profil")
        return ()
    if role.uai is None:
        raise ProfilInvalide(
            "Un profil se donne dans un établissement : n'en indiquez pas pour ce rôle.", champ="profil"
        )
    comes_with = PROFILS[profil].role
    if comes_with not in (None, role.role):
        raise ProfilInvalide(
            f"Ce profil est celui du rôle {comes_with} : indiquez ce rôle, ou un autre profil.", champ="profil"
        )
    classes = role.classes if comes_with is not None else frozenset[str]()
    return contents(profil, role.uai, formation=formation, classes=classes).droits


def rights_to_copy(de: Compte, uai: str, *, now: datetime, jusqu_au: datetime | None) -> Sequence[Droit]:
    """The rights that a colleague holds there one by one and that have not ended, until `jusqu_au` at the latest."""
    return [
        replace(droit, jusqu_au=_sooner(droit.jusqu_au, jusqu_au))
        for droit in de.droits
        if droit.uai == uai and (droit.jusqu_au is None or now < droit.jusqu_au)
    ]


def adds_to(held: Compte, droit: Droit) -> bool:
    """Whether `droit` goes beyond what the account holds on the same thing, and neither lowers nor shortens it.

    An account holds one right on one thing: given many at once, none takes the place of a better one.
    """
    return droit not in held.droits and all(_exceeds(droit, same) for same in _on_the_same(held, droit))


def is_within(held: Compte, droit: Droit) -> bool:
    """Whether the account holds as much on the same thing already, for as long."""
    return any(_exceeds(same, droit) for same in _on_the_same(held, droit))


def _on_the_same(held: Compte, droit: Droit) -> Iterable[Droit]:
    thing = (droit.uai, droit.rubrique, droit.formation)
    return (same for same in held.droits if (same.uai, same.rubrique, same.formation) == thing)


def _exceeds(one: Droit, other: Droit) -> bool:
    return one.niveau >= other.niveau and _lasts(one.jusqu_au, other.jusqu_au)


def _lasts(one: datetime | None, other: datetime | None) -> bool:
    """Whether the first does not end before the second."""
    return one is None or (other is not None and one >= other)


def _sooner(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((moment for moment in (one, other) if moment is not None), default=None)


def said(droits: Iterable[Droit]) -> str:
    """Rights in one line of the trail."""
    return " ".join(
        f"{d.rubrique}:{d.niveau.name}" + (f":{d.formation}" if d.formation is not None else "") for d in droits
    )
