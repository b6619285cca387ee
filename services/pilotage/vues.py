"""What someone is shown of the indicators of a school, beside its académie's and the nation's."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.pilotage import policy
from services.pilotage.indicateurs import Resultat, Tableau
from services.pilotage.secret import NOTHING_HIDDEN, Masque, masks
from socle.academies import Academie, academie_of_uai
from socle.principal import Principal

type Results = Callable[[Sequence[str]], Awaitable[Sequence[Resultat]]]
"""The results of these places: `session/uai`, `session/académie`, `session/nation`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vue:
    """A result, and what of it is hidden from whoever asks."""

    resultat: Resultat
    masque: Masque


@dataclass(frozen=True, slots=True, kw_only=True)
class VueEtablissement:
    """The indicators of a school in a session, and those beside them.

    Args:
        academie: with its name; None for a UAI that is of no académie.
    """

    session: int
    etablissement: Vue
    academie: tuple[Academie, Vue] | None
    nation: Vue


async def view_school(
    results: Results, principal: Principal | None, uai: str, session: int, *, now: datetime
) -> VueEtablissement:
    """The indicators of a school, exact for whoever holds the right within it, under statistical secrecy for others.

    Raises:
        Unauthenticated, Forbidden: see `policy.require_indicators`.
    """
    asking = policy.require_indicators(principal, uai, now=now)
    academie, exact = academie_of_uai(uai), policy.known_exactly(asking, now=now)
    others = sorted(exact - {uai})
    slug = academie.slug if academie else uai
    school, around, nation, *known = await results([f"{session}/{place}" for place in (uai, slug, "nation", *others)])
    tables = dict(zip(others, (resultat.comptage.tableau for resultat in known), strict=True))
    here = _sum(tables[other] for other in others if academie_of_uai(other) == academie)
    of_school, of_nation = school.comptage.tableau, nation.comptage.tableau
    parts = [of_school, of_nation - of_school - _sum(tables.values())]
    if academie is not None:
        of_academie, elsewhere = around.comptage.tableau, _sum(tables.values()) - here
        parts = [of_school, of_academie - of_school - here, of_nation - of_academie - elsewhere]
    masques = [NOTHING_HIDDEN, *masks(*parts[1:])] if uai in exact else masks(*parts)
    return VueEtablissement(
        session=session,
        etablissement=Vue(resultat=school, masque=masques[0]),
        academie=(academie, Vue(resultat=around, masque=masques[1])) if academie else None,
        nation=Vue(resultat=nation, masque=masques[-1]),
    )


def _sum(tables: Iterable[Tableau]) -> Tableau:
    return sum(tables, start=Tableau())
