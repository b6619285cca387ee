"""What the level above does with an account as such: disable, invite again, delete, unlock, sign out, reset factors."""

from collections.abc import Awaitable, Callable

from kit.errors import Refusal
from services.identity.deps import Deps
from services.identity.domain.audit import Acte, Partie
from services.identity.domain.comptes import Compte, EtatCompte
from services.identity.lettres import gestion as lettres
from services.identity.store.work import Work
from services.identity.usecases.audit import note
from services.identity.usecases.avis import notify
from services.identity.usecases.changement import above, sensitive
from services.identity.usecases.comptes import end_use, load
from services.identity.usecases.effacement import erase
from services.identity.usecases.invitations import send_link
from services.identity.usecases.lectures import find_visible
from services.identity.usecases.verrous import forgive_tries
from socle.principal import Principal


class PasDesactive(Refusal):
    """Only a disabled account is reactivated."""

    code = "COMPTE_NON_DESACTIVE"

    def __init__(self) -> None:
        super().__init__("Ce compte n'est pas désactivé : il n'y a rien à réactiver.", champ="compte")


async def disable_account(deps: Deps, principal: Principal | None, id: str) -> Compte:
    """Disable an account; its sessions end everywhere, and its owner is told. Twice changes nothing.

    Raises:
        Unauthenticated, Forbidden, PreuveInsuffisante: who asks is not above that account in all its places.
        NotFound: it is out of sight.
        DernierAdministrateur: an establishment would have no administrator any more.
    """

    async def change(work: Work, held: Compte, par: Partie) -> Compte:
        if held.etat is EtatCompte.DESACTIVE:
            return held
        await notify(deps, work, held, lettres.disabled(held.prenom))
        return await end_use(deps, work, held, par=par)

    return await _act(deps, principal, id, Acte.COMPTE_DESACTIVE, change, everywhere=True)


async def reactivate(deps: Deps, principal: Principal | None, id: str) -> Compte:
    """Invite the owner of a disabled account again: it counts once that person has chosen a new password.

    Raises:
        Unauthenticated, Forbidden, PreuveInsuffisante: who asks is not above that account in all its places.
        NotFound: it is out of sight.
        PasDesactive: it is not disabled.
    """

    async def change(work: Work, held: Compte, par: Partie) -> Compte:
        if held.etat is not EtatCompte.DESACTIVE:
            raise PasDesactive
        invited = await work.comptes.save(held.invite_again())
        await send_link(deps, work, invited, again=True)
        await note(deps, work, Acte.COMPTE_REACTIVE, par=par, cible=Partie.of(invited))
        return invited

    return await _act(deps, principal, id, Acte.COMPTE_REACTIVE, change, everywhere=True)


async def delete(deps: Deps, principal: Principal | None, id: str) -> None:
    """Delete an account, and with it all that is known of its person (« supprimer les comptes utilisateurs qui ne sont
    plus actifs », Amiens, 2023).

    Raises:
        Unauthenticated, Forbidden, PreuveInsuffisante: who asks is not above that account in all its places.
        NotFound: it is out of sight.
        DernierAdministrateur: an establishment would have no administrator any more.
    """
    async with sensitive(deps, principal, Acte.COMPTE_SUPPRIME, detail={"compte": id}) as acting:
        require = await above(deps, acting, await find_visible(deps, acting, id), everywhere=True)
        await erase(deps, id, par=Partie.of(acting), require=require, last_allowed=False)


async def unlock(deps: Deps, principal: Principal | None, id: str) -> Compte:
    """Let an account be tried again that too many tries have locked; its owner is told (domaine.md §3: « unlocked by
    the level above or by e-mail »).

    Raises:
        Unauthenticated, Forbidden, PreuveInsuffisante: who asks is not above that account.
        NotFound: it is out of sight.
    """

    async def change(work: Work, held: Compte, par: Partie) -> Compte:
        await notify(deps, work, held, lettres.unlocked(held.prenom))
        await note(deps, work, Acte.COMPTE_DEVERROUILLE, par=par, cible=Partie.of(held))
        return held

    unlocked = await _act(deps, principal, id, Acte.COMPTE_DEVERROUILLE, change, everywhere=False)
    # After the commit: a counter is no part of the account, and to forget it twice is harmless.
    await forgive_tries(deps, unlocked)
    return unlocked


async def sign_out(deps: Deps, principal: Principal | None, id: str) -> Compte:
    """End every session of an account, and all that they gave, everywhere; its owner is told, and signs in again.

    For a telephone that was lost or a computer left open: nothing of the account changes, and its devices are known no
    more, so that whoever holds one shows every factor.

    Raises:
        Unauthenticated, Forbidden, PreuveInsuffisante: who asks is not above that account.
        NotFound: it is out of sight.
    """

    async def change(work: Work, held: Compte, par: Partie) -> Compte:
        now = deps.clock()
        await work.sign_out(id, now=now)
        await work.connexions.end_all_of(id, now=now)
        await notify(deps, work, held, lettres.signed_out(held.prenom))
        await note(deps, work, Acte.COMPTE_DECONNECTE, par=par, cible=Partie.of(held))
        return held

    return await _act(deps, principal, id, Acte.COMPTE_DECONNECTE, change, everywhere=False)


async def reset_factors(deps: Deps, principal: Principal | None, id: str) -> Compte:
    """Forget all that an account is proved by beside its password and its mailbox: its owner has lost a factor.

    An employer's identity is unlinked too: it stands for the password. Sessions and sign-ins end everywhere, and the
    owner is always told (issue 4). At its next sign-in a code is e-mailed, then what its roles ask for is enrolled
    again.

    Raises:
        Unauthenticated, Forbidden, PreuveInsuffisante: who asks is not above that account.
        NotFound: it is out of sight.
    """

    async def change(work: Work, held: Compte, par: Partie) -> Compte:
        now = deps.clock()
        await work.forget_factors(id, now=now)
        await work.sign_out(id, now=now)
        await notify(deps, work, held, lettres.factors_reset(held.prenom))
        await note(deps, work, Acte.FACTEURS_REINITIALISES, par=par, cible=Partie.of(held))
        return await work.comptes.save(held.reach_at(None))

    return await _act(deps, principal, id, Acte.FACTEURS_REINITIALISES, change, everywhere=False)


async def _act(
    deps: Deps,
    principal: Principal | None,
    id: str,
    acte: Acte,
    change: Callable[[Work, Compte, Partie], Awaitable[Compte]],
    *,
    everywhere: bool,
) -> Compte:
    async with sensitive(deps, principal, acte, detail={"compte": id}) as acting:
        require = await above(deps, acting, await find_visible(deps, acting, id), everywhere=everywhere)

        async def body(work: Work) -> Compte:
            held = await load(work, id)
            require(held)
            return await change(work, held, Partie.of(acting))

        changed = await deps.transact(body)
    deps.mail_written()
    return changed
