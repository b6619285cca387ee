"""Another password at the first connection of each session of the campaign (domaine.md §3)."""

from services.identity.deps import Deps
from services.identity.domain.audit import Acte, Partie
from services.identity.domain.facteurs import Etape, Facteur
from services.identity.store.work import Work
from services.identity.usecases.audit import refusals_noted
from services.identity.usecases.comptes import choose_password, load
from services.identity.usecases.en_cours import ConnexionExpiree, EnCours, find_at, find_in_progress
from services.identity.usecases.mots_de_passe import keep_password, prove_current


def asks_for_old(en_cours: EnCours) -> bool:
    """Whether the old password is to be shown, which this sign-in did without."""
    return Facteur.MOT_DE_PASSE not in en_cours.parcours.faits


async def renew_password(deps: Deps, secret: str, mot_de_passe: str, *, ancien: str = "") -> EnCours:
    """Choose another password within a sign-in that shows every factor; whatever the old one opened ends.

    The old one is shown first (`ancien`), unless this sign-in began with it: who found a key choose no password with
    it. Its owner, who may have forgotten it, chooses another by a mailed link.

    Raises:
        AncienMotDePasseRefuse, TropDEssais: the old one is not that, or too many were tried.
        MotDePasseRefuse: it breaks a rule, or is one of the last three.
        ConnexionExpiree: see `find_at`; or it was chosen meanwhile.
    """
    en_cours = await find_at(deps, secret, Etape.MOT_DE_PASSE)
    compte = en_cours.compte
    async with refusals_noted(deps, Acte.MOT_DE_PASSE_CHOISI, par=Partie.of(compte)):
        if asks_for_old(en_cours):
            await prove_current(deps, compte, ancien)
        hashes = await choose_password(deps, compte, mot_de_passe)

    async def body(work: Work) -> None:
        now = deps.clock()
        if not await work.connexions.renewed(en_cours.connexion.condensat, now=now):
            raise ConnexionExpiree
        await work.sign_out(compte.id, now=now)
        held = await load(work, compte.id)
        await keep_password(deps, work, held, hashes, en_cours=en_cours.connexion.condensat)

    await deps.transact(body)
    deps.mail_written()
    return await find_in_progress(deps, secret)
