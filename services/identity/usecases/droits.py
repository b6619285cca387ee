"""Giving and taking roles and rights (domaine.md §3)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from services.identity import policy
from services.identity.deps import Deps
from services.identity.domain.audit import OPERATEUR, Acte, Partie
from services.identity.domain.comptes import Compte, DroitInvalide
from services.identity.store.work import Work
from services.identity.usecases.audit import note
from services.identity.usecases.changement import lieu_of, save_change, sensitive
from services.identity.usecases.comptes import load
from services.identity.usecases.lectures import find_visible
from socle.principal import Droit, Lieu, Principal
from socle.rubriques import Rubrique


@dataclass(frozen=True, slots=True, kw_only=True)
class Vise:
    """The right that is meant: of whom, where, on what."""

    compte: str
    uai: str
    rubrique: Rubrique
    formation: str | None = None


async def give_right(deps: Deps, principal: Principal | None, compte: str, droit: Droit) -> Compte:
    """Give `droit` to an account, in place of the one it held on the same thing.

    Raises:
        Unauthenticated, Forbidden: who asks may not manage that account's rights there.
        PreuveInsuffisante: who asks proved itself too long ago, or with too little.
        NotFound: no such account or establishment is in sight.
        DroitNonDetenu: who asks does not hold it.
        DroitInvalide, CompteDesactive: it cannot be given.
    """
    dated = droit if droit.jusqu_au is None else replace(droit, jusqu_au=exact(droit.jusqu_au))

    def change(held: Compte, lieu: Lieu, giver: Principal) -> Compte:
        policy.require_give(giver, dated, lieu, held, now=deps.clock())
        return held.give_right(dated, now=deps.clock())

    detail = {
        "rubrique": droit.rubrique,
        "niveau": droit.niveau.name,
        "formation": droit.formation or "",
        "jusqu_au": dated.jusqu_au.isoformat() if dated.jusqu_au else "",
    }
    return await _change(deps, principal, compte, droit.uai, change, acte=Acte.DROIT_DONNE, detail=detail)


async def take_right(deps: Deps, principal: Principal | None, vise: Vise) -> Compte:
    """Take a right away; one that is not held changes nothing.

    Raises:
        Unauthenticated, Forbidden: who asks may not manage that account's rights there.
        PreuveInsuffisante: who asks proved itself too long ago, or with too little.
        NotFound: no such account or establishment is in sight.
    """

    def change(held: Compte, lieu: Lieu, taker: Principal) -> Compte:
        policy.require_manage(taker, lieu, held, now=deps.clock())
        return held.take_right(vise.uai, vise.rubrique, vise.formation)

    detail = {"rubrique": vise.rubrique, "formation": vise.formation or ""}
    return await _change(deps, principal, vise.compte, vise.uai, change, acte=Acte.DROIT_RETIRE, detail=detail)


async def _change(
    deps: Deps,
    principal: Principal | None,
    compte: str,
    uai: str,
    change: Callable[[Compte, Lieu, Principal], Compte],
    *,
    acte: Acte,
    detail: Mapping[str, str],
) -> Compte:
    said = {name: value for name, value in detail.items() if value}
    async with sensitive(deps, principal, acte, uai=uai, detail={"compte": compte, **said}) as giver:
        await find_visible(deps, giver, compte)
        lieu = await lieu_of(deps, uai)

        async def body(work: Work) -> Compte:
            held = await load(work, compte)
            changed = await save_change(deps, work, held, change(held, lieu, giver))
            if changed.version != held.version:
                await note(deps, work, acte, par=Partie.of(giver), cible=Partie.of(changed), uai=uai, detail=said)
            return changed

        return await deps.transact(body)


async def change_compte(deps: Deps, id: str, change: Callable[[Compte], Compte]) -> Compte:
    """Change an account by an operator's command, which no policy limits."""

    async def body(work: Work) -> Compte:
        held = await load(work, id)
        changed = await save_change(deps, work, held, change(held), last_allowed=True)
        if changed.version != held.version:
            await note(deps, work, Acte.DROITS_MODIFIES, par=OPERATEUR, cible=Partie.of(changed))
        return changed

    return await deps.transact(body)


def exact(given: datetime) -> datetime:
    """A moment, as precise as the store and the message that tells it can both keep.

    Raises:
        DroitInvalide: nobody knows when it is.
    """
    if given.tzinfo is None:
        raise DroitInvalide(
            "La date de fin n'a pas de décalage horaire : écrivez-la comme 2025-07-10T18:00:00+02:00.", champ="jusquAu"
        )
    return given.replace(microsecond=0)
