"""What someone is shown of the indicators of a school, beside its académie's and the nation's."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.pilotage import policy
from services.pilotage.indicateurs import ALL_HIDDEN, CHIFFRES, NOTHING_HIDDEN, Masque, Resultat, Tableau
from services.pilotage.secret.publication import masks
from socle.academies import Academie, academie_of_uai
from socle.principal import Principal

type Results = Callable[[Sequence[str]], Awaitable[Sequence[Resultat]]]
"""The results of these places: `session/uai`, `session/académie`, `session/nation`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vue:
    """A result, and what of it is hidden from whoever asks.

    Args:
        exacte: whether who asks holds the right within that place; what waits of it is then shown too.
    """

    resultat: Resultat
    masque: Masque
    exacte: bool = False


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
    own = [*known, school] if uai in exact else known
    if not policy.reads_elsewhere(asking, now=now) and {academie_of_uai(held) for held in exact} == {academie}:
        of_academie, of_nation = _beside(own, around, nation, academie)
    else:
        hidden = [name for name in CHIFFRES if any(resultat.masque[name] for resultat in own)]
        of_academie, of_nation = (_without(hidden, resultat.masque) for resultat in (around, nation))
    within = uai in exact
    return VueEtablissement(
        session=session,
        etablissement=Vue(resultat=school, masque=NOTHING_HIDDEN if within else school.masque, exacte=within),
        academie=(academie, Vue(resultat=around, masque=of_academie)) if academie else None,
        nation=Vue(resultat=nation, masque=of_nation),
    )


def _beside(
    own: Iterable[Resultat], around: Resultat, nation: Resultat, academie: Academie | None
) -> tuple[Masque, Masque]:
    """What is hidden of académie and nation beside these schools, known exactly, from whoever opens no other page."""
    known = sum((resultat.comptage.tableau for resultat in own), start=Tableau())
    of_academie, of_nation = around.comptage.tableau, nation.comptage.tableau
    if academie is None:
        (masque,) = masks(of_nation - known)
        return masque, masque
    inside, outside = masks(of_academie - known, of_nation - of_academie)
    return inside, outside


def _without(hidden: Iterable[str], masque: Masque) -> Masque:
    """Without these figures at all: where one school is known exactly they would tell those that it is hidden with."""
    return {**masque, **{name: ALL_HIDDEN[name] for name in hidden}}
