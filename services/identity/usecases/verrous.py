"""Accounts that are locked after too many tries: their owner is told, and unlocks them by a mailed link (domaine.md §3:
« unlocked by the level above or by e-mail »).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from services.identity.condensats import condensat, new_secret
from services.identity.courrier import PERSONNE, new_envoi
from services.identity.deps import Deps
from services.identity.domain.audit import Acte, Partie
from services.identity.domain.comptes import Compte
from services.identity.domain.liens import DUREES, LienInvalide, Usage
from services.identity.domain.tentatives import AVIS
from services.identity.lettres.verrou import locked
from services.identity.store.appareils import devices_of
from services.identity.store.work import Work
from services.identity.usecases.audit import note
from services.identity.usecases.comptes import fingerprint, owner_of_link
from services.identity.usecases.tentatives import CODE, MOT_DE_PASSE

PAGE = "/deblocage"
_NOBODY = "personne"


async def tell_locked(deps: Deps, compte: Compte | None, qui: str) -> None:
    """Tell the owner that the account is locked, with a link that unlocks it; at most once an hour.

    Of an address without account the same is written: a link that unlocks nothing, and a letter that never leaves.
    """
    if await deps.tentatives.take(f"avis-verrou/{qui}", AVIS, now=deps.clock()) is not None:
        return
    secret = new_secret()
    cible = None if compte is None else Partie.of(compte)
    whose = f"{_NOBODY}/{new_secret()}" if compte is None else compte.id
    lettre = locked("" if compte is None else compte.prenom, f"{deps.adresse}{PAGE}?lien={secret}")
    destinataire = PERSONNE if compte is None or not compte.actif else compte.courriel

    async def body(work: Work) -> None:
        now = deps.clock()
        await work.liens.issue(condensat(secret), Usage.DEBLOCAGE, whose, now=now)
        await note(deps, work, Acte.COMPTE_VERROUILLE, par=None, cible=cible)
        validite = DUREES[Usage.DEBLOCAGE]
        await work.send(new_envoi(deps.vault, lettre, destinataire=destinataire, now=now, validite=validite))

    await deps.transact(body)
    deps.mail_written()


async def owner_of_unlock_link(deps: Deps, secret: str) -> Compte:
    """The active account that a link unlocks; the link stays usable.

    Raises:
        LienInvalide: there is none.
    """
    compte = await owner_of_link(deps, secret, Usage.DEBLOCAGE)
    if not compte.actif:
        raise LienInvalide(Usage.DEBLOCAGE)
    return compte


async def unlock_by_link(deps: Deps, secret: str) -> None:
    """Use the link: the account may be tried again; nothing else of it changes.

    Raises:
        LienInvalide: the link works no more.
    """
    compte = await owner_of_unlock_link(deps, secret)

    async def body(work: Work) -> None:
        used = await work.liens.use(condensat(secret), Usage.DEBLOCAGE, now=deps.clock())
        if used is None or used.compte != compte.id:
            raise LienInvalide(Usage.DEBLOCAGE)
        await note(deps, work, Acte.COMPTE_DEVERROUILLE, par=Partie.of(compte))

    await deps.transact(body)
    await forgive_tries(deps, compte)


async def find_locks(deps: Deps, comptes: Sequence[tuple[str, str]]) -> Mapping[str, datetime]:
    """Which of these accounts, by id and address, are locked for whoever comes without a known device: until when."""
    keys = {id: _counters(deps, id, courriel) for id, courriel in comptes}
    locked = await deps.tentatives.locks([key for both in keys.values() for key in both], now=deps.clock())
    return {id: max(locked[key] for key in both if key in locked) for id, both in keys.items() if locked.keys() & both}


def _counters(deps: Deps, id: str, courriel: str) -> tuple[str, str]:
    """What the guesses of an account's password and codes are counted under, but on a known device."""
    return f"{MOT_DE_PASSE}/{fingerprint(deps, courriel)}", f"{CODE}/{id}"


async def forgive_tries(deps: Deps, compte: Compte) -> None:
    """Forget the tries that locked an account, wherever they were made from."""
    keys = [*_counters(deps, compte.id, compte.courriel)]
    for device in await devices_of(deps.database, compte.id):
        keys += [f"{MOT_DE_PASSE}-appareil/{device}", f"{CODE}-appareil/{device}"]
    for key in keys:
        await deps.tentatives.forgive(key)
