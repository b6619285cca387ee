"""Recovery codes: made by who is signed in, used by who has lost what it signs in with (domaine.md §3)."""

from collections.abc import Sequence

from services.identity.deps import Deps
from services.identity.domain.audit import Acte, Partie
from services.identity.domain.facteurs import Facteur
from services.identity.mfa import secours
from services.identity.store.work import Work
from services.identity.usecases.audit import note
from services.identity.usecases.avis import notify
from services.identity.usecases.en_cours import ConnexionExpiree, EnCours, find_asking, with_account
from services.identity.usecases.jetons import Connecte
from services.identity.usecases.recence import require_held, sensitive_own
from services.identity.usecases.seconds_facteurs import CodeRefuse, judged


class CodeDeSecoursRefuse(CodeRefuse):
    """A recovery code that the account does not have, or that was used before."""

    code = "CODE_DE_SECOURS_REFUSE"

    def __init__(self) -> None:
        super().__init__("Ce code de secours ne convient pas, ou a déjà servi : saisissez-en un autre de votre liste.")


@sensitive_own(Acte.CODES_DE_SECOURS_CREES)
async def renew_codes(deps: Deps, connecte: Connecte) -> Sequence[str]:
    """New recovery codes in place of those the account had; the only time they are known. Its owner is told by e-mail.

    Raises:
        PreuveTropAncienne: see `sensitive_own`.
    """
    compte, codes = connecte.compte, secours.new_codes()
    empreintes = [_fingerprint(deps, compte.id, code) for code in codes]

    async def body(work: Work) -> None:
        now = deps.clock()
        await require_held(deps, work, connecte)
        await work.secours.replace(compte.id, empreintes, now=now)
        await note(deps, work, Acte.CODES_DE_SECOURS_CREES, par=Partie.of(compte))
        await notify(deps, work, compte, secours.letter_renewed(compte.prenom))

    await deps.transact(body)
    deps.mail_written()
    return codes


async def show_recovery_code(deps: Deps, secret: str, code: str) -> EnCours:
    """Prove oneself by a recovery code, in place of the application or of the e-mailed code; its owner is told.

    Raises:
        CodeDeSecoursRefuse: the account has no such code, or it was used.
        TropDEssais: too many codes were tried for this account.
        ConnexionExpiree: there is no sign-in at such a step, or no more.
    """
    en_cours = await find_asking(deps, secret, Facteur.SECOURS)
    compte, id = en_cours.compte, en_cours.connexion.condensat
    empreinte = _fingerprint(deps, compte.id, code)

    async def body(work: Work) -> None:
        now = deps.clock()
        if not await work.secours.use(compte.id, empreinte, now=now):
            raise CodeDeSecoursRefuse
        if not await work.connexions.add_factor(id, Facteur.SECOURS, now=now):
            raise ConnexionExpiree
        left = await work.secours.count_left(compte.id)
        await notify(deps, work, compte, secours.letter_used(compte.prenom, left))

    async with judged(deps, en_cours):
        await deps.transact(body)
    deps.mail_written()
    return await with_account(deps, await deps.connexions.find(id, now=deps.clock()))


def _fingerprint(deps: Deps, compte: str, code: str) -> str:
    """Fifty bits are too few for a bare hash: the fingerprint needs our key, and is of this account only."""
    return deps.trousseau.empreinte("secours", f"{compte}/{secours.normalize(code)}")
