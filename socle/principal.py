"""Who acts, and what that person holds: what each service's policy reads (domaine.md §1 and §3)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from kit.errors import Forbidden
from socle.rubriques import Niveau, Role, Rubrique

type RegionLookup = Callable[[str], frozenset[str]]
"""The académies (slugs) of a région académique (code)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleTenu:
    """A role and where it holds: an establishment, an académie, a région académique, or everywhere."""

    role: Role
    uai: str | None = None
    academie: str | None = None
    region_academique: str | None = None
    classes: frozenset[str] = frozenset()
    groupes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Droit:
    """A right given one by one, possibly on one formation only, possibly until a date."""

    uai: str
    rubrique: Rubrique
    niveau: Niveau
    formation: str | None = None
    jusqu_au: datetime | None = None


_ALL = frozenset(Rubrique)

DROITS_DES_ROLES: dict[Role, tuple[frozenset[Rubrique], Niveau]] = {
    # « permet d'effectuer tous les paramétrages et toutes les actions de suivi et de gestion » (lycée, I); signs alone.
    Role.CHEF_ETABLISSEMENT: (_ALL, Niveau.SIGNATURE),
    # « Le compte administrateur pourra attribuer les droits nécessaires à chaque utilisateur » (Créteil, 2023): it can
    # only give what it holds, so it holds every rubric, without the head's signature.
    Role.ADMIN_ETABLISSEMENT: (_ALL, Niveau.ECRITURE),
    # « mettra à disposition des équipes de direction » (lettre n° 9): tables and indicators; the rest is given.
    Role.ADJOINT: (frozenset({Rubrique.PILOTAGE}), Niveau.LECTURE),
    # Follow-up roles read the establishment's indicators (domaine.md §1); their students are their classes' only.
    Role.PROFESSEUR_PRINCIPAL: (frozenset({Rubrique.PILOTAGE}), Niveau.LECTURE),
    Role.REFERENT: (frozenset({Rubrique.PILOTAGE}), Niveau.LECTURE),
    Role.PSY_EN: (frozenset({Rubrique.PILOTAGE}), Niveau.LECTURE),
    Role.DIRECTEUR_CIO: (frozenset({Rubrique.PILOTAGE}), Niveau.LECTURE),
    # « see its académie's indicators and lists » (domaine.md §1).
    Role.ADMIN_ACADEMIQUE: (
        frozenset({Rubrique.PILOTAGE, Rubrique.ELEVES, Rubrique.RAPPORTS, Rubrique.UTILISATEURS}),
        Niveau.LECTURE,
    ),
    # What it steers (calendar, news, activation) is by role; it sees figures, and no student's file.
    Role.ADMIN_NATIONAL: (frozenset({Rubrique.PILOTAGE, Rubrique.RAPPORTS}), Niveau.LECTURE),
}
"""What a role holds within its scope without being given anything, and up to which level."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lieu:
    """Where a right is asked for: an establishment, with the académie it belongs to."""

    uai: str
    academie: str
    region_academique: str | None = None


ACTE_SENSIBLE = timedelta(minutes=10)
"""« always before a sensitive act (rights, certification, signature, export of nominative lists) older than 10
minutes » (domaine.md §3); the setting `ACTE_SENSIBLE_MINUTES` says otherwise where that must be."""
ACR_SENSIBLE = 2
"""And by all the factors: none is spared (ADR 032)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preuve:
    """How a person proved who it is: claims `acr` (how many different factors), `amr` (which), `auth_time`.

    Args:
        recente: how long after `le` it serves for a sensitive act.
    """

    acr: str
    amr: tuple[str, ...]
    le: datetime
    recente: timedelta = ACTE_SENSIBLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """An account in a session of sign-in, with its roles and rights as last known.

    Args:
        preuve: how it proved who it is; None proves nothing.
    """

    compte: str
    session: str
    actif: bool
    preuve: Preuve | None = None
    roles: tuple[RoleTenu, ...] = ()
    droits: tuple[Droit, ...] = ()

    def holds(
        self, rubrique: Rubrique, niveau: Niveau, lieu: Lieu, *, now: datetime, formation: str | None = None
    ) -> bool:
        """Whether it may act at `niveau` in `rubrique` for that establishment (and formation), now.

        A right on one formation does not count for the whole establishment.
        """
        if not self.actif:
            return False
        if any(_covers(role, lieu) and _gives(role.role, rubrique, niveau) for role in self.roles):
            return True
        return any(
            droit.uai == lieu.uai
            and droit.rubrique is rubrique
            and droit.niveau >= niveau
            and (droit.formation is None or droit.formation == formation)
            and (droit.jusqu_au is None or now < droit.jusqu_au)
            for droit in self.droits
        )

    def holds_everywhere(self, rubrique: Rubrique, niveau: Niveau, *, now: datetime) -> bool:
        """Whether it may act at `niveau` in `rubrique` for whatever establishment."""
        return self.holds(rubrique, niveau, _NOWHERE, now=now)

    def has_role(self, *roles: Role) -> bool:
        """Whether it is active and has one of these roles, anywhere."""
        return self.actif and any(held.role in roles for held in self.roles)

    def etablissements(self, rubrique: Rubrique, niveau: Niveau, *, now: datetime) -> frozenset[str]:
        """The establishments for which it holds the right by name (not through an académie)."""
        if not self.actif:
            return frozenset()
        by_role = {r.uai for r in self.roles if r.uai is not None and _gives(r.role, rubrique, niveau)}
        by_right = {
            d.uai
            for d in self.droits
            if d.rubrique is rubrique
            and d.niveau >= niveau
            and d.formation is None
            and (d.jusqu_au is None or now < d.jusqu_au)
        }
        return frozenset(by_role | by_right)

    def academies(self, rubrique: Rubrique, niveau: Niveau, in_region: RegionLookup) -> frozenset[str]:
        """The académies for whose establishments it holds the right."""
        if not self.actif:
            return frozenset()
        held = [r for r in self.roles if _gives(r.role, rubrique, niveau)]
        named = {r.academie for r in held if r.academie is not None}
        regions = {r.region_academique for r in held if r.region_academique is not None}
        return frozenset(named.union(*(in_region(region) for region in regions)))


def _gives(role: Role, rubrique: Rubrique, niveau: Niveau) -> bool:
    rubriques, up_to = DROITS_DES_ROLES.get(role, (frozenset(), Niveau.LECTURE))
    return rubrique in rubriques and up_to >= niveau


_NOWHERE = Lieu(uai="", academie="")
"""A place that only a right on all places covers."""


def _covers(role: RoleTenu, lieu: Lieu) -> bool:
    if role.uai is not None:
        return role.uai == lieu.uai
    if role.academie is not None:
        return role.academie == lieu.academie
    if role.region_academique is not None:
        return role.region_academique == lieu.region_academique
    return role.role is Role.ADMIN_NATIONAL


class PreuveInsuffisante(Forbidden):
    """The act asks for a fuller or more recent proof: `extensions` says what to ask `/authorize` for (RFC 9470)."""

    code: ClassVar[str] = "PREUVE_INSUFFISANTE"

    def __init__(self, recente: timedelta) -> None:
        super().__init__(
            "Cette opération demande de confirmer qui vous êtes, par tous vos facteurs, depuis moins de "
            f"{recente // timedelta(minutes=1)} minutes : reconnectez-vous puis recommencez.",
            extensions={"acrValues": str(ACR_SENSIBLE), "maxAge": recente // timedelta(seconds=1)},
        )


def require_recent(principal: Principal, *, now: datetime) -> None:
    """A sensitive act needs all the factors of the account, shown a moment ago (domaine.md §3, ADR 032).

    identity gives no token to who showed fewer factors than its roles ask for, but on a known device: its `acr` is 1.

    Raises:
        PreuveInsuffisante: the proof is older, or was spared.
    """
    preuve = principal.preuve
    full = preuve is not None and preuve.acr.isdecimal() and int(preuve.acr) >= ACR_SENSIBLE
    if preuve is None or not full or now - preuve.le > preuve.recente:
        raise PreuveInsuffisante(ACTE_SENSIBLE if preuve is None else preuve.recente)
