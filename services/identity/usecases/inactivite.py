"""Flagging accounts that nobody uses, warning their owners, then disabling them (domaine.md §3)."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from services.identity.deps import Deps
from services.identity.domain.audit import PLATEFORME, Acte, Partie
from services.identity.domain.comptes import Compte
from services.identity.domain.inactivite import Suite
from services.identity.lettres.inactivite import letter
from services.identity.store.facteurs import list_unused
from services.identity.store.work import Work
from services.identity.usecases.audit import note
from services.identity.usecases.avis import notify


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """What a passage over the accounts did, in numbers of accounts."""

    avertis: int = 0
    desactives: int = 0

    def plus(self, suite: Suite) -> "Passage":
        """With one account more."""
        return Passage(
            avertis=self.avertis + (suite is Suite.AVERTIR),
            desactives=self.desactives + (suite is Suite.DESACTIVER),
        )


async def flag_unused(deps: Deps, *, still_ours: Callable[[], Awaitable[bool]]) -> Passage | None:
    """Warn and disable whom the rule says; None when it was left unfinished, since another process does it.

    Each account is judged and changed in a transaction of its own: whatever else happens to it at this moment, and
    wherever a process dies, it is warned once for each time without use, and disabled after that only.
    """
    passage = Passage()
    async for ids in _unused(deps):
        if not await still_ours():
            return None
        for id in ids:
            passage = passage.plus(await _judge(deps, id))
        if passage.avertis:
            deps.mail_written()
    return passage


async def _unused(deps: Deps) -> AsyncIterator[list[str]]:
    limit = deps.inactivite.limit(deps.clock())
    after = None
    while rows := await list_unused(deps.database, before=limit, after=after):
        yield [row.compte for row in rows]
        after = rows[-1]


async def _judge(deps: Deps, id: str) -> Suite:
    async def body(work: Work) -> Suite:
        now = deps.clock()
        compte, usage = (await work.comptes.find([id])).get(id), await work.facteurs.usage(id)
        if compte is None or usage is None:
            return Suite.RIEN
        suite = deps.inactivite.suite(usage, compte.etat, now=now)
        if suite is Suite.AVERTIR:
            await _warn(deps, work, compte)
        elif suite is Suite.DESACTIVER:
            await _disable(deps, work, compte)
        return suite

    return await deps.transact(body)


async def _warn(deps: Deps, work: Work, compte: Compte) -> None:
    now, regle = deps.clock(), deps.inactivite
    await work.facteurs.set_warned(compte.id, now)
    warning = letter(
        compte.prenom,
        mois=regle.mois,
        fin=now + regle.preavis,
        active=compte.actif,
        adresse=f"{deps.adresse}/connexion",
    )
    await notify(deps, work, compte, warning, validite=regle.preavis)
    await note(deps, work, Acte.COMPTE_SIGNALE_INACTIF, par=PLATEFORME, cible=Partie.of(compte))


async def _disable(deps: Deps, work: Work, compte: Compte) -> None:
    # In the row that a sign-in writes too: of the two at one moment one comes after the other, and sees it.
    await work.facteurs.set_warned(compte.id, None)
    await work.sign_out(compte.id, now=deps.clock())
    await note(
        deps,
        work,
        Acte.COMPTE_DESACTIVE,
        par=PLATEFORME,
        cible=Partie.of(compte),
        detail={"motif": Acte.COMPTE_SIGNALE_INACTIF},
    )
    await work.comptes.save(compte.disable())
