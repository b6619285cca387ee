"""What is read of accounts, always through the scope of who reads."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kit.auth.access_tokens import AccessToken
from kit.errors import NotFound, Unauthenticated
from services.identity import policy
from services.identity.deps import Deps
from services.identity.domain.comptes import Compte
from services.identity.store.comptes import Perimetre, find_compte, list_users, select_compte, select_comptes
from services.identity.store.etablissements import uais_of
from services.identity.store.sessions import find_famille
from socle.principal import Preuve, Principal


async def principal_of(deps: Deps, token: AccessToken) -> Principal:
    """Who calls, with the rights it holds at this instant.

    Raises:
        Unauthenticated: its session has ended, or its account is no more.
    """
    preuve = Preuve(acr=token.acr, amr=token.amr, le=token.auth_time, recente=deps.acte_sensible)
    return await _principal(deps, token.sub, token.sid, preuve)


async def as_now(deps: Deps, principal: Principal) -> Principal:
    """The same caller, with the rights it holds at this instant.

    Raises:
        Unauthenticated: its session has ended meanwhile, or its account is no more.
    """
    return await _principal(deps, principal.compte, principal.session, principal.preuve)


async def _principal(deps: Deps, id: str, session: str, preuve: Preuve | None) -> Principal:
    famille, compte = await asyncio.gather(find_famille(deps.database, session), find_compte(deps.database, id))
    if famille is None or compte is None or famille.compte != id or not famille.is_alive(deps.clock()):
        raise Unauthenticated
    return Principal(
        compte=compte.id,
        session=session,
        actif=compte.actif,
        preuve=preuve,
        roles=compte.roles,
        droits=compte.droits,
    )


async def is_active(deps: Deps, compte: str) -> bool:
    """Whether the account is there, and active."""
    found = await find_compte(deps.database, compte)
    return found is not None and found.actif


async def find_visible(deps: Deps, principal: Principal, id: str) -> Compte:
    """The account of that id, whole: `shown` says what of it may be told.

    Raises:
        NotFound: there is none, or it is out of sight.
    """
    compte = await select_compte(deps.database, id, await _perimetre(deps, principal))
    if compte is None:
        raise NotFound("Ce compte n'existe pas parmi ceux que vous gérez : vérifiez son identifiant.", champ="compte")
    return compte


async def find_all_visible(deps: Deps, principal: Principal | None, ids: Iterable[str]) -> Mapping[str, Compte]:
    """Those of these accounts that are in sight, by id."""
    perimetre = await _perimetre(deps, policy.require_active(principal))
    return {compte.id: perimetre.show(compte) for compte in await select_comptes(deps.database, ids, perimetre)}


async def shown(deps: Deps, principal: Principal, compte: Compte) -> Compte:
    """What `principal` may be told of an account within its sight: what it holds where these two meet."""
    return (await _perimetre(deps, principal)).show(compte)


@dataclass(frozen=True, slots=True)
class Page:
    """Accounts of a list, one more than asked for when there are more, and how many there are in all."""

    rows: Sequence[Compte]
    total: int


async def users_of(deps: Deps, principal: Principal, uai: str, *, first: int, after: tuple[str, str] | None) -> Page:
    """The accounts in sight that have a role or a right in that establishment, by name."""
    perimetre = await _perimetre(deps, principal)
    rows, total = await list_users(deps.database, uai, perimetre, first=first, after=after)
    return Page([perimetre.show(row) for row in rows], total)


async def _perimetre(deps: Deps, principal: Principal) -> Perimetre:
    portee = policy.scope(principal, now=deps.clock())
    administered = await uais_of(deps.database, portee.academies) if portee.academies else frozenset()
    return Perimetre(
        compte=portee.compte, uais=portee.uais, uais_administres=administered, academiques=portee.academiques
    )
