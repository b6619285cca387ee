"""Who may do what in an establishment, rubric by rubric: its matrix (issue 4). Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.identity.domain.comptes import Compte
from socle.principal import DROITS_DES_ROLES, Droit
from socle.rubriques import Niveau, Rubrique


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What one account may do in one rubric of an establishment.

    Args:
        niveau: on the whole establishment; None for nothing.
        par_role: whether a role gives that level, rather than a right given one by one.
        jusqu_au: when that level ends; None for without end, or for nothing.
        formations: rights on single formations that go further, or last longer.
    """

    rubrique: Rubrique
    niveau: Niveau | None = None
    par_role: bool = False
    jusqu_au: datetime | None = None
    formations: tuple[Droit, ...] = ()


def row_of(compte: Compte, uai: str, *, now: datetime) -> Sequence[Case]:
    """The row of an account: every rubric, in their order. What it holds, whether it is active or not yet."""
    here = [droit for droit in compte.droits if droit.uai == uai and (droit.jusqu_au is None or now < droit.jusqu_au)]
    return [_case(compte, uai, rubrique, here) for rubrique in Rubrique]


def _case(compte: Compte, uai: str, rubrique: Rubrique, here: Sequence[Droit]) -> Case:
    given = [DROITS_DES_ROLES[role.role] for role in compte.roles if role.uai == uai and role.role in DROITS_DES_ROLES]
    by_role = max((niveau for rubriques, niveau in given if rubrique in rubriques), default=None)
    mine = [droit for droit in here if droit.rubrique is rubrique]
    whole = next((droit for droit in mine if droit.formation is None), None)
    by_right = whole is not None and (by_role is None or whole.niveau > by_role)
    niveau = whole.niveau if whole is not None and by_right else by_role
    jusqu_au = whole.jusqu_au if whole is not None and by_right else None
    return Case(
        rubrique=rubrique,
        niveau=niveau,
        par_role=niveau is not None and not by_right,
        jusqu_au=jusqu_au,
        formations=tuple(
            droit for droit in mine if droit.formation is not None and _goes_beyond(droit, niveau, jusqu_au)
        ),
    )


def _goes_beyond(droit: Droit, niveau: Niveau | None, jusqu_au: datetime | None) -> bool:
    if niveau is None or droit.niveau > niveau:
        return True
    return jusqu_au is not None and (droit.jusqu_au is None or droit.jusqu_au > jusqu_au)
