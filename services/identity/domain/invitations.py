"""Who is invited, as what (domaine.md §3). Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.identity.domain.profils import Profil
from socle.principal import Droit, RoleTenu


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """Who is invited, as what, and with which rights beside the role.

    Args:
        profil: a ready-made set of rights, given in the establishment of the role.
        formation: the one that the profile is about.
    """

    courriel: str
    nom: str
    prenom: str
    role: RoleTenu
    droits: Sequence[Droit] = ()
    profil: Profil | None = None
    formation: str | None = None
