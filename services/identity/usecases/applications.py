"""One's own application of codes, once signed in: another in its place, or none (domaine.md §3)."""

from services.identity.deps import Deps
from services.identity.domain.audit import Acte, Partie
from services.identity.domain.facteurs import Facteur, require_dispensable, required_factors
from services.identity.lettres.avertissements import application_added, application_removed
from services.identity.mfa import totp
from services.identity.store.epreuves import Epreuve, Genre
from services.identity.store.facteurs import Totp
from services.identity.store.work import Work
from services.identity.usecases.audit import note
from services.identity.usecases.avis import notify
from services.identity.usecases.comptes import load
from services.identity.usecases.epreuves import CodeInexact, digits, judged, purpose
from services.identity.usecases.jetons import Connecte
from services.identity.usecases.recence import require_held, sensitive_own
from services.identity.usecases.seconds_facteurs import totp_purpose


@sensitive_own(Acte.APPLICATION_ENROLEE)
async def propose_application(deps: Deps, connecte: Connecte) -> str:
    """The secret of another application; the same each time it is asked for within ten minutes, in this session.

    Raises:
        PreuveTropAncienne: see `sensitive_own`.
    """
    what = purpose(Genre.APPLICATION, connecte)
    epreuve = Epreuve(
        genre=Genre.APPLICATION,
        lieu=connecte.session.id,
        compte=connecte.compte.id,
        valeur=deps.vault.seal(totp.new_secret().encode(), purpose=what),
    )
    return deps.vault.open(await deps.epreuves.propose(epreuve, now=deps.clock()), purpose=what).decode()


@sensitive_own(Acte.APPLICATION_ENROLEE)
async def replace_application(deps: Deps, connecte: Connecte, code: str) -> None:
    """Take the application that was proposed, by a code it shows, in place of the one there was; its owner is told.

    Raises:
        PreuveTropAncienne: see `sensitive_own`.
        CodeInexact: it is not its code, or nothing is proposed any more.
        TropDEssais: too many codes were tried for this account.
    """
    compte, lieu = connecte.compte, connecte.session.id
    async with judged(deps, connecte):
        sealed = await deps.epreuves.find_value(Genre.APPLICATION, lieu, now=deps.clock())
        if sealed is None:
            raise CodeInexact
        secret = deps.vault.open(sealed, purpose=purpose(Genre.APPLICATION, connecte))
        step = totp.matching_step(secret.decode(), digits(code), now=deps.clock())
        if step is None:
            raise CodeInexact
    enrolled = Totp(secret=deps.vault.seal(secret, purpose=totp_purpose(compte.id)), dernier_pas=step)

    async def body(work: Work) -> None:
        await require_held(deps, work, connecte)
        if not await work.epreuves.use(Genre.APPLICATION, lieu, now=deps.clock()):
            raise CodeInexact
        await work.facteurs.set_totp(compte.id, enrolled)
        await note(deps, work, Acte.APPLICATION_ENROLEE, par=Partie.of(compte))
        await notify(deps, work, compte, application_added(compte.prenom))

    await deps.transact(body)
    deps.mail_written()


@sensitive_own(Acte.APPLICATION_RETIREE)
async def remove_application(deps: Deps, connecte: Connecte) -> None:
    """Let the account have no application any more; its owner is told.

    Raises:
        PreuveTropAncienne: see `sensitive_own`.
        MoyenIndispensable: its roles ask for one, and it has nothing else that does.
    """

    async def body(work: Work) -> None:
        await require_held(deps, work, connecte)
        await work.facteurs.touch(connecte.compte.id)
        compte = await load(work, connecte.compte.id)
        requis = required_factors(compte.roles, a_trois=deps.a_trois_facteurs)
        require_dispensable(Facteur.TOTP, await work.enrolled(compte.id), requis=requis, fort=deps.facteur_fort)
        await work.facteurs.set_totp(compte.id, None)
        await note(deps, work, Acte.APPLICATION_RETIREE, par=Partie.of(compte))
        await notify(deps, work, compte, application_removed(compte.prenom))

    await deps.transact(body)
    deps.mail_written()
