"""What every change of an account brings with it, whoever asks for it."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from kit.errors import NotFound
from services.identity import policy
from services.identity.deps import Deps
from services.identity.domain.audit import Acte, Partie
from services.identity.domain.comptes import Compte, DernierAdministrateur, administrations_lost
from services.identity.domain.facteurs import required_factors
from services.identity.store.etablissements import find_lieu, find_lieux
from services.identity.store.work import Work
from services.identity.usecases.audit import refusals_noted
from socle.principal import Lieu, Principal, require_recent


@asynccontextmanager
async def sensitive(
    deps: Deps,
    principal: Principal | None,
    acte: Acte,
    *,
    uai: str | None = None,
    detail: Mapping[str, str] | None = None,
) -> AsyncIterator[Principal]:
    """A sensitive act on accounts is judged within, by who has just proved who it is; what is refused is written.

    Raises:
        Unauthenticated, Forbidden: nobody is signed in, or the account is disabled.
        PreuveInsuffisante: who asks proved itself too long ago, or with too little.
    """
    signed_in = policy.require_signed_in(principal)
    async with refusals_noted(deps, acte, par=Partie.of(signed_in), uai=uai, detail=detail):
        active = policy.require_active(signed_in)
        require_recent(active, now=deps.clock())
        yield active


async def above(deps: Deps, principal: Principal, cible: Compte, *, everywhere: bool) -> Callable[[Compte], None]:
    """What a transaction calls with that account as it finds it: see `policy.require_above`."""
    lieux = await find_lieux(deps.database, cible.etablissements)

    def require(held: Compte) -> None:
        policy.require_above(principal, held, lieux, now=deps.clock(), everywhere=everywhere)

    return require


async def save_change(deps: Deps, work: Work, held: Compte, changed: Compte, *, last_allowed: bool = False) -> Compte:
    """Save what became of an account, and what comes with it.

    Who has to show more factors than before (« `ADMIN_*`: three », domaine.md §3) signs in again: what was given on
    fewer ends in the same instant, everywhere.

    Raises:
        DernierAdministrateur: an establishment would have no administrator any more, unless `last_allowed`.
    """
    await keep_administered(work, held, changed, last_allowed=last_allowed)
    if _required(deps, changed) > _required(deps, held):
        await work.sign_out(held.id, now=deps.clock())
    return await work.comptes.save(changed)


async def keep_administered(work: Work, held: Compte, changed: Compte | None, *, last_allowed: bool = False) -> None:
    """Before an account is saved otherwise, or erased (None): no establishment loses its last administrator.

    An operator's command may take it (`last_allowed`), and is seen by whoever takes another at the same moment.

    Raises:
        DernierAdministrateur: one would.
    """
    for uai in sorted(administrations_lost(held, changed)):
        await work.administrateurs.hold(uai)
        if not last_allowed and not await work.administrateurs.has_another(uai, than=held.id):
            raise DernierAdministrateur(uai)


async def lieu_of(deps: Deps, uai: str) -> Lieu:
    """Where that establishment is.

    Raises:
        NotFound: `offre` does not know it, or not yet.
    """
    lieu = await find_lieu(deps.database, uai)
    if lieu is None:
        raise NotFound("Cet établissement n'existe pas : vérifiez son numéro UAI.", champ="uai")
    return lieu


def _required(deps: Deps, compte: Compte) -> int:
    return required_factors(compte.roles, a_trois=deps.a_trois_facteurs)
