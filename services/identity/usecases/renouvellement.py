"""Another password at the first connection of each session of the campaign (domaine.md §3)."""

from services.identity.deps import Deps
from services.identity.domain.facteurs import Etape
from services.identity.store.work import Work
from services.identity.usecases.comptes import choose_password, load
from services.identity.usecases.connexion import ConnexionExpiree, EnCours, find_at, find_in_progress
from services.identity.usecases.mots_de_passe import keep_password


async def renew_password(deps: Deps, secret: str, mot_de_passe: str) -> EnCours:
    """Choose another password within a sign-in that shows every factor; whatever the old one opened ends.

    Raises:
        MotDePasseRefuse: it breaks a rule, or is one of the last three.
        ConnexionExpiree: see `find_at`; or it was chosen meanwhile.
    """
    en_cours = await find_at(deps, secret, Etape.MOT_DE_PASSE)
    compte = en_cours.compte
    hashes = await choose_password(deps, compte, mot_de_passe)

    async def body(work: Work) -> None:
        now = deps.clock()
        if not await work.connexions.renewed(en_cours.connexion.condensat, now=now):
            raise ConnexionExpiree
        await work.sign_out(compte.id, now=now)
        await keep_password(deps, work, await load(work, compte.id), hashes)

    await deps.transact(body)
    deps.mail_written()
    return await find_in_progress(deps, secret)
