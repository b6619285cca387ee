"""One's own contact details (domaine.md §3: « a user keeps its own contact details up to date »).

A new address counts once it is validated from the new mailbox; the old one is told, when it is asked for and when it
is done. Whether it is another account's is told to nobody but who holds that mailbox: nothing is looked up before.
"""

from kit.vault.sealing import Sealed
from services.identity.condensats import condensat, new_secret
from services.identity.courrier import new_envoi
from services.identity.deps import Deps
from services.identity.domain.audit import Acte, Partie
from services.identity.domain.comptes import Compte
from services.identity.domain.courriels import CourrielInchange, CourrielPris, parse_address
from services.identity.domain.liens import DUREES, LienInvalide, Usage
from services.identity.domain.tentatives import ADRESSES_DEMANDEES
from services.identity.lettres.avertissements import address_asked, address_changed, address_link
from services.identity.store.comptes import find_compte
from services.identity.store.courriels import claim, free
from services.identity.store.liens import find_lien, find_pending
from services.identity.store.work import Work
from services.identity.usecases.audit import note, refusals_noted
from services.identity.usecases.avis import notify
from services.identity.usecases.comptes import fingerprint, load
from services.identity.usecases.jetons import Connecte
from services.identity.usecases.recence import require_held, sensitive_own
from services.identity.usecases.tentatives import TropDeDemandes, require_try


@sensitive_own(Acte.COURRIEL_DEMANDE)
async def ask_address(deps: Deps, connecte: Connecte, courriel: str) -> str:
    """Mail a link to the address that shall become the account's, in its normal form, and tell the present one.

    Raises:
        PreuveTropAncienne: see `sensitive_own`.
        CourrielRefuse: no account may have that address.
        CourrielInchange: the account has it.
        TropDeDemandes: the account asked for too many.
    """
    compte, address = connecte.compte, parse_address(courriel)
    if address == compte.courriel:
        raise CourrielInchange
    await require_try(deps, f"adresse/{compte.id}", ADRESSES_DEMANDEES, TropDeDemandes)
    secret = new_secret()
    id = condensat(secret)
    sealed = deps.vault.seal(address.encode(), purpose=_purpose(id))

    async def body(work: Work) -> None:
        now = deps.clock()
        await require_held(deps, work, connecte)
        await work.liens.issue(id, Usage.COURRIEL, compte.id, now=now, valeur=sealed)
        letter = address_link(compte.prenom, f"{deps.adresse}/adresse?lien={secret}")
        await work.send(new_envoi(deps.vault, letter, destinataire=address, now=now, validite=DUREES[Usage.COURRIEL]))
        await notify(deps, work, compte, address_asked(compte.prenom))
        await note(deps, work, Acte.COURRIEL_DEMANDE, par=Partie.of(compte))

    await deps.transact(body)
    deps.mail_written()
    return address


async def cancel_address(deps: Deps, connecte: Connecte) -> None:
    """Let the address that waits to be validated be no more than it was."""

    async def body(work: Work) -> None:
        await work.liens.void(connecte.compte.id, now=deps.clock(), usage=Usage.COURRIEL)
        await note(deps, work, Acte.COURRIEL_ABANDONNE, par=Partie.of(connecte.compte))

    await deps.transact(body)


async def pending_address(deps: Deps, compte: Compte) -> str | None:
    """The address that waits to be validated from its mailbox."""
    found = await find_pending(deps.database, compte.id, Usage.COURRIEL, now=deps.clock())
    if found is None or found[1].valeur is None:
        return None
    return _open(deps, found[0], found[1].valeur)


async def address_of_link(deps: Deps, secret: str) -> tuple[Compte, str]:
    """The account whose address a link changes, and the new one; the link stays usable.

    Raises:
        LienInvalide: it changes none.
    """
    id = condensat(secret)
    lien = await find_lien(deps.database, id, Usage.COURRIEL, now=deps.clock())
    compte = None if lien is None else await find_compte(deps.database, lien.compte)
    if lien is None or lien.valeur is None or compte is None or not compte.actif:
        raise LienInvalide(Usage.COURRIEL)
    return compte, _open(deps, id, lien.valeur)


async def validate_address(deps: Deps, secret: str) -> Compte:
    """Use the link: the address is the account's, and the one it had is free, and told.

    What was mailed to the old mailbox before, to choose a password for instance, works no more.

    Raises:
        LienInvalide: the link works no more.
        CourrielPris: another account has the address; the link stays usable.
    """
    compte, address = await address_of_link(deps, secret)
    async with refusals_noted(deps, Acte.COURRIEL_CHANGE, par=Partie.of(compte)):
        moved = await _move(deps, compte, address, secret)
    deps.mail_written()
    return moved


async def _move(deps: Deps, compte: Compte, address: str, secret: str) -> Compte:
    key = fingerprint(deps, address)
    owners = {key: compte.id}
    if await claim(deps.database, owners):
        raise CourrielPris("Un autre compte a cette adresse : utilisez ce compte, ou indiquez une autre adresse.")

    async def body(work: Work) -> Compte:
        now = deps.clock()
        used = await work.liens.use(condensat(secret), Usage.COURRIEL, now=now)
        held = await load(work, compte.id)
        if used is None or used.compte != held.id or not held.actif:
            raise LienInvalide(Usage.COURRIEL)
        if not await work.courriels.confirm([key], [held.id]):
            raise CourrielPris("Un autre compte vient de prendre cette adresse : indiquez-en une autre.")
        await work.courriels.release(fingerprint(deps, held.courriel), held.id)
        await work.liens.void(held.id, now=now)
        await notify(deps, work, held, address_changed(held.prenom))
        moved = await work.comptes.save(held.move_to(address))
        await note(deps, work, Acte.COURRIEL_CHANGE, par=Partie.of(moved))
        return moved

    try:
        return await deps.transact(body)
    except BaseException:
        await free(deps.database, owners)
        raise


def _open(deps: Deps, id: str, valeur: Sealed) -> str:
    return deps.vault.open(valeur, purpose=_purpose(id)).decode()


def _purpose(id: str) -> str:
    return f"lien/{id}"
