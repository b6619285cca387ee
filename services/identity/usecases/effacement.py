"""Erasing a person: « deletion erases personal data, the audit trail keeps an opaque id » (domaine.md §3)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kit.outbox.rows import OUTBOX
from services.identity.courrier import is_to
from services.identity.deps import Deps
from services.identity.domain.audit import Acte, Partie, Recherche
from services.identity.domain.comptes import Compte
from services.identity.store.audit import count
from services.identity.store.comptes import find_compte
from services.identity.store.effacement import search
from services.identity.store.work import Work
from services.identity.usecases.audit import OPERATEUR_LECTEUR, note
from services.identity.usecases.changement import keep_administered
from services.identity.usecases.comptes import fingerprint, load, unknown_compte
from services.identity.usecases.en_cours import mobile_fingerprint


def _anybody(_compte: Compte) -> None:
    """An operator may erase anybody."""


async def erase(
    deps: Deps,
    id: str,
    *,
    par: Partie,
    require: Callable[[Compte], None] = _anybody,
    last_allowed: bool = True,
) -> None:
    """Erase an account and the person with it, as `par` asks, all or nothing.

    Its sessions end everywhere, a tombstone tells the other services, its address is free for a new account, and no
    message that waits reaches it. What stays is its identifier in the audit trail.

    Raises:
        NotFound: there is no such account, or no more.
        DernierAdministrateur: an establishment would have no administrator any more, unless `last_allowed`.
        Forbidden: as `require` says of the account as it is found.
    """

    async def body(work: Work) -> None:
        compte = await load(work, id)
        require(compte)
        await keep_administered(work, compte, None, last_allowed=last_allowed)
        await work.sign_out(id, now=deps.clock())
        await work.forget(id, _fingerprints(deps, compte))
        mine = [envoi.id for envoi in await work.waiting() if is_to(deps.vault, envoi, compte.courriel, compte.mobile)]
        await work.drop(mine)
        await note(deps, work, Acte.COMPTE_SUPPRIME, par=par, cible=Partie.of(compte))
        await work.comptes.delete(compte)

    await deps.transact(body)


def _fingerprints(deps: Deps, compte: Compte) -> set[str]:
    """What stands for its address and its number in keys."""
    mobile = set() if compte.mobile is None else {mobile_fingerprint(deps, compte.mobile)}
    return {fingerprint(deps, compte.courriel), *mobile}


@dataclass(frozen=True, slots=True)
class Preuve:
    """What a search for an erased person found: rows by collection, and events that still wait to tell the others."""

    restes: Mapping[str, int]
    a_publier: int


async def erase_and_prove(deps: Deps, id: str, *, par: Partie) -> Preuve:
    """Erase an account, unless that was done before, then look for what is left of it in the whole store.

    Once it is erased nobody knows its address any more: a later proof looks for the identifier alone.

    Raises:
        NotFound: there never was such an account.
    """
    needles = {id}
    compte = await find_compte(deps.database, id)
    if compte is not None:
        needles |= {compte.courriel, *_fingerprints(deps, compte)}
        needles |= set() if compte.mobile is None else {compte.mobile}
        await erase(deps, id, par=par)
    elif not await count(deps.database, Recherche(compte=id, acte=Acte.COMPTE_SUPPRIME), OPERATEUR_LECTEUR.lecture):
        raise unknown_compte()
    restes = dict(await search(deps.database, needles))
    return Preuve(restes, restes.pop(OUTBOX.name, 0))
