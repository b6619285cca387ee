"""A new password: for who knows the present one, or has forgotten it and proves the mailbox (domaine.md §3)."""

from collections.abc import Callable, Sequence

from kit.errors import Refusal
from services.identity.condensats import condensat, new_secret
from services.identity.courrier import PERSONNE, new_envoi
from services.identity.deps import Deps
from services.identity.domain.audit import Acte, Partie
from services.identity.domain.comptes import Compte, EtatCompte
from services.identity.domain.liens import DUREES, LienInvalide, Usage
from services.identity.domain.mots_de_passe import LONGUEUR_MAXIMALE, normalize
from services.identity.domain.tentatives import LIENS, LIENS_PAR_ORIGINE, SECONDS_FACTEURS
from services.identity.lettres.avertissements import invitation_again, password_changed, password_link
from services.identity.lettres.lettre import Lettre
from services.identity.origine import adresse
from services.identity.store.comptes import find_compte
from services.identity.store.courriels import find_owners
from services.identity.store.facteurs import find_facteurs
from services.identity.store.work import Work
from services.identity.usecases.audit import note, note_refused
from services.identity.usecases.avis import notify
from services.identity.usecases.comptes import choose_password, fingerprint, load, owner_of_link
from services.identity.usecases.jetons import Connecte
from services.identity.usecases.recence import require_held, sensitive_own
from services.identity.usecases.tentatives import TropDeDemandes, require_try
from services.identity.usecases.verrous import forgive_tries
from socle.courriels import CourrielInvalide, parse_courriel

_NOBODY = "personne"

_LETTRES: dict[EtatCompte, tuple[Usage, str, Callable[[str, str], Lettre]]] = {
    EtatCompte.ACTIF: (Usage.MOT_DE_PASSE, "/mot-de-passe", password_link),
    EtatCompte.INVITE: (Usage.ACTIVATION, "/activation", invitation_again),
}
"""Which link an account is sent: who never activated its own needs its invitation, and nobody above to send it again.
A disabled account is sent none."""


class AncienMotDePasseRefuse(Refusal):
    """Who would change the password does not know it."""

    code = "ANCIEN_MOT_DE_PASSE_REFUSE"

    def __init__(self) -> None:
        super().__init__("Ce n'est pas votre mot de passe actuel : vérifiez-le puis recommencez.", champ="ancien")


async def ask_link(deps: Deps, courriel: str) -> None:
    """Mail a link by which a new password is chosen, where the address has an account.

    Whether it has one is told by nothing, not even by time: for nobody the same is read and written, a link that
    opens nothing and a letter that never leaves.

    Raises:
        TropDeDemandes: too many were asked for that address, or from where this one comes.
    """
    key = fingerprint(deps, _normal(courriel))
    owner = (await find_owners(deps.database, [key])).get(key, _NOBODY)
    compte = await find_compte(deps.database, owner)
    cible = None if compte is None else Partie.of(compte)
    try:
        origine = deps.trousseau.empreinte("origine", adresse() or "")
        await require_try(deps, f"oubli-origine/{origine}", LIENS_PAR_ORIGINE, TropDeDemandes)
        await require_try(deps, f"oubli/{key}", LIENS, TropDeDemandes)
    except TropDeDemandes as refus:
        await note_refused(deps, Acte.MOT_DE_PASSE_OUBLIE, refus.code, cible=cible)
        raise
    secret = new_secret()
    reached = compte if compte is not None and compte.etat in _LETTRES else None
    usage, page, lettre = _LETTRES[EtatCompte.ACTIF if reached is None else reached.etat]
    if reached is None:
        # A row of its own each time: those of nobody are not in each other's way.
        whose, prenom, destinataire = f"{_NOBODY}/{new_secret()}", "", PERSONNE
    else:
        whose, prenom, destinataire = reached.id, reached.prenom, reached.courriel

    async def body(work: Work) -> None:
        now = deps.clock()
        await work.liens.issue(condensat(secret), usage, whose, now=now)
        await note(deps, work, Acte.MOT_DE_PASSE_OUBLIE, par=None, cible=cible)
        content = lettre(prenom, f"{deps.adresse}{page}?lien={secret}")
        await work.send(new_envoi(deps.vault, content, destinataire=destinataire, now=now, validite=DUREES[usage]))

    await deps.transact(body)
    deps.mail_written()


def _normal(courriel: str) -> str:
    try:
        return parse_courriel(courriel)
    except CourrielInvalide:
        return ""


async def owner_of_password_link(deps: Deps, secret: str) -> Compte:
    """The active account whose password a link changes; the link stays usable.

    Raises:
        LienInvalide: there is none.
    """
    compte = await owner_of_link(deps, secret, Usage.MOT_DE_PASSE)
    if not compte.actif:
        raise LienInvalide(Usage.MOT_DE_PASSE)
    return compte


async def reset_password(deps: Deps, secret: str, mot_de_passe: str) -> Compte:
    """Use the link: the password is the one chosen, every session has ended, and its owner is told.

    It proves the mailbox and nothing else: until the password was shown with another factor, a code that comes to the
    same mailbox is none where the account has one (`Parcours.moyens`).

    Raises:
        LienInvalide: the link works no more.
        MotDePasseRefuse: the password breaks a rule; the link stays usable.
    """
    compte = await owner_of_password_link(deps, secret)
    hashes = await choose_password(deps, compte, mot_de_passe)

    async def body(work: Work) -> None:
        now = deps.clock()
        used = await work.liens.use(condensat(secret), Usage.MOT_DE_PASSE, now=now)
        held = await load(work, compte.id)
        if used is None or used.compte != compte.id or not held.actif:
            raise LienInvalide(Usage.MOT_DE_PASSE)
        await work.sign_out(held.id, now=now)
        await keep_password(deps, work, held, hashes, par_courriel=True)

    await deps.transact(body)
    deps.mail_written()
    # « unlocked by the level above or by e-mail » (domaine.md §3): the mailbox was just proved.
    await forgive_tries(deps, compte)
    return compte


@sensitive_own(Acte.MOT_DE_PASSE_CHOISI)
async def change_password(deps: Deps, connecte: Connecte, ancien: str, nouveau: str) -> None:
    """Change the password of who knows it; every other session ends, and its owner is told.

    Raises:
        PreuveTropAncienne: see `sensitive_own`.
        AncienMotDePasseRefuse: it does not know it.
        TropDEssais: too many were tried.
        MotDePasseRefuse: the new one breaks a rule.
    """
    compte = connecte.compte
    await prove_current(deps, compte, ancien)
    hashes = await choose_password(deps, compte, nouveau)

    async def body(work: Work) -> None:
        await require_held(deps, work, connecte)
        await work.sign_out(compte.id, now=deps.clock(), sauf=connecte.session.id)
        await keep_password(deps, work, await load(work, compte.id), hashes)

    await deps.transact(body)
    deps.mail_written()


async def prove_current(deps: Deps, compte: Compte, mot_de_passe: str) -> None:
    """Show the present password, before another takes its place: who holds the rest of an account does not get it too.

    Raises:
        AncienMotDePasseRefuse: it is not the present one.
        TropDEssais: too many were tried.
    """
    key = f"ancien-mot-de-passe/{compte.id}"
    await require_try(deps, key, SECONDS_FACTEURS)
    await _require_current(deps, compte, mot_de_passe)
    await deps.tentatives.forgive(key)


async def _require_current(deps: Deps, compte: Compte, mot_de_passe: str) -> None:
    facteurs = await find_facteurs(deps.database, compte.id)
    held = facteurs.mots_de_passe[0] if facteurs and facteurs.mots_de_passe else None
    too_long = len(mot_de_passe) > LONGUEUR_MAXIMALE
    if not await deps.hasher.verify(held, "" if too_long else normalize(mot_de_passe)):
        raise AncienMotDePasseRefuse


async def keep_password(
    deps: Deps,
    work: Work,
    compte: Compte,
    hashes: Sequence[str],
    *,
    en_cours: str | None = None,
    par_courriel: bool = False,
) -> None:
    """Keep another password; what was mailed before it works no more, and no sign-in goes on that was begun with the
    one before, but `en_cours`.
    """
    await work.connexions.end_all_of(compte.id, now=deps.clock(), sauf=en_cours)
    await work.facteurs.set_passwords(compte.id, hashes, par_courriel=par_courriel, now=deps.clock())
    await work.liens.void(compte.id, now=deps.clock())
    await note(deps, work, Acte.MOT_DE_PASSE_CHOISI, par=Partie.of(compte))
    await notify(deps, work, compte, password_changed(compte.prenom))
