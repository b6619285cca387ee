"""Passkeys: made and forgotten by who is signed in, shown by who signs in (ADR 033)."""

from collections.abc import Awaitable, Callable

from kit.errors import Refusal
from services.identity.condensats import condensat
from services.identity.deps import Deps
from services.identity.domain.audit import Acte, Partie
from services.identity.domain.cles_d_acces import NOMBRE_MAXIMAL, Cle, TropDeCles, is_clone, name_key
from services.identity.domain.comptes import Compte
from services.identity.domain.facteurs import Facteur, require_dispensable, required_factors
from services.identity.lettres.avertissements import key_added, key_removed
from services.identity.mfa import cles_d_acces as cles
from services.identity.mfa.cles_d_acces import CleInvalide, Geste, Site
from services.identity.store.cles_d_acces import find_cle, list_cles
from services.identity.store.comptes import find_compte
from services.identity.store.epreuves import Epreuve, Genre
from services.identity.store.work import Work
from services.identity.usecases.audit import note, note_refused, refusals_noted
from services.identity.usecases.avis import notify
from services.identity.usecases.comptes import load
from services.identity.usecases.connexion import begin_by_key
from services.identity.usecases.en_cours import (
    ConnexionExpiree,
    EnCours,
    find_asking,
    find_at,
    find_in_progress,
    with_account,
)
from services.identity.usecases.enrolement import ENROLEMENT
from services.identity.usecases.jetons import Connecte
from services.identity.usecases.recence import require_held, sensitive_own
from services.identity.usecases.seconds_facteurs import CodeRefuse, judged
from services.identity.usecases.tentatives import require_entry


class ClesNonOffertes(Refusal):
    """Browsers make keys for names of hosts only: identity is reached by a number."""

    code = "CLES_NON_OFFERTES"

    def __init__(self) -> None:
        super().__init__("Les clés d'accès ne sont pas offertes à cette adresse : utilisez un autre moyen.")


class CleRefusee(CodeRefuse):
    """A key whose answer does not hold, which is unknown, or whose page has expired: which of them is not told."""

    code = "CLE_REFUSEE"

    def __init__(
        self, message: str = "Cette clé d'accès n'a pas été reconnue : réessayez, ou changez de moyen."
    ) -> None:
        super().__init__(message)
        self.champ = None


class CleCopiee(CleRefusee):
    """A key that signed less often than it had already: there are two of them."""

    code = "CLE_COPIEE"

    def __init__(self) -> None:
        super().__init__(
            "Cette clé d'accès semble avoir été copiée : connectez-vous par un autre moyen, puis retirez-la."
        )


def require_site(deps: Deps) -> Site:
    """Whom keys are made for.

    Raises:
        ClesNonOffertes: no key can be.
    """
    if deps.site is None:
        raise ClesNonOffertes
    return deps.site


@sensitive_own(Acte.CLE_ENROLEE)
async def propose_key(deps: Deps, connecte: Connecte) -> str:
    """What the browser of a person signed in is asked, to make a key; each time something else.

    Raises:
        PreuveTropAncienne: see `sensitive_own`.
        ClesNonOffertes: see `require_site`.
    """
    site, compte, challenge = require_site(deps), connecte.compte, cles.new_challenge()
    await _await(deps, Genre.CLE_NOUVELLE, connecte.session.id, challenge, compte=compte.id)
    held = await list_cles(deps.database, compte.id)
    return cles.ask_creation(site, challenge, compte=compte.id, courriel=compte.courriel, cles=held)


@sensitive_own(Acte.CLE_ENROLEE)
async def add_key(deps: Deps, connecte: Connecte, answer: str, nom: str) -> None:
    """Keep the key that the browser made, under the name its owner gives it; who is told by e-mail.

    Raises:
        PreuveTropAncienne: see `sensitive_own`.
        NomDeCleRefuse: it has no such name.
        TropDeCles: the account has as many as one may have.
        CleRefusee: it does not hold, or was made before.
    """

    async def holds(work: Work) -> None:
        await require_held(deps, work, connecte)

    await _keep(deps, connecte.compte, connecte.session.id, answer, nom, holds)


async def propose_first_key(deps: Deps, secret: str) -> tuple[EnCours, str]:
    """What the browser is asked within a sign-in that enrols a means, to make a key.

    Raises:
        ClesNonOffertes: see `require_site`.
        ConnexionExpiree: see `find_at`.
    """
    en_cours, site, challenge = await find_at(deps, secret, *ENROLEMENT), require_site(deps), cles.new_challenge()
    compte = en_cours.compte
    await _await(deps, Genre.CLE_NOUVELLE, en_cours.connexion.condensat, challenge, compte=compte.id)
    held = await list_cles(deps.database, compte.id)
    return en_cours, cles.ask_creation(site, challenge, compte=compte.id, courriel=compte.courriel, cles=held)


async def enrol_first_key(deps: Deps, secret: str, answer: str, nom: str) -> EnCours:
    """Keep the key that the browser made within a sign-in, after its other factors; its owner is told.

    It counts once it is shown: where a factor is missing, it is asked for next.

    Raises:
        NomDeCleRefuse, TropDeCles, CleRefusee: see `add_key`.
        ConnexionExpiree: see `find_at`.
    """
    en_cours = await find_at(deps, secret, *ENROLEMENT)
    id = en_cours.connexion.condensat

    async def holds(work: Work) -> None:
        if not await work.connexions.hold(id, now=deps.clock()):
            raise ConnexionExpiree

    async with refusals_noted(deps, Acte.CLE_ENROLEE, par=Partie.of(en_cours.compte)):
        await _keep(deps, en_cours.compte, id, answer, nom, holds)
    return await find_in_progress(deps, secret)


async def _keep(
    deps: Deps, compte: Compte, lieu: str, answer: str, nom: str, holds: Callable[[Work], Awaitable[None]]
) -> None:
    """Keep the key that was made in that place, where it still `holds`."""
    named = name_key(nom)
    try:
        challenge = cles.read_challenge(answer)
        made = cles.verify_creation(require_site(deps), answer, challenge)
    except CleInvalide:
        raise CleRefusee from None
    cle = Cle(
        id=cles.key_id(made.identifiant),
        compte=compte.id,
        identifiant=made.identifiant,
        publique=made.publique,
        compteur=made.compteur,
        transports=made.transports,
        modele=made.modele,
        nom=named,
        cree_le=deps.clock(),
    )

    async def body(work: Work) -> None:
        await holds(work)
        shown = cles.fingerprint(challenge)
        if not await work.epreuves.use(Genre.CLE_NOUVELLE, lieu, empreinte=shown, now=deps.clock()):
            raise CleRefusee
        await work.facteurs.touch(compte.id)
        if await work.cles.count(compte.id) >= NOMBRE_MAXIMAL:
            raise TropDeCles
        if not await work.cles.add(cle):
            raise CleRefusee
        await note(deps, work, Acte.CLE_ENROLEE, par=Partie.of(compte))
        await notify(deps, work, compte, key_added(compte.prenom))

    await deps.transact(body)
    deps.mail_written()


async def rename_key(deps: Deps, connecte: Connecte, id: str, nom: str) -> None:
    """Give one of one's own keys another name.

    Raises:
        NomDeCleRefuse: it has no such name.
        CleInconnue: the person has no such key.
    """
    par = Partie.of(connecte.compte)

    async def body(work: Work) -> None:
        await work.cles.rename(par.id, id, name_key(nom))
        await note(deps, work, Acte.CLE_RENOMMEE, par=par)

    async with refusals_noted(deps, Acte.CLE_RENOMMEE, par=par):
        await deps.transact(body)


@sensitive_own(Acte.CLE_RETIREE)
async def remove_key(deps: Deps, connecte: Connecte, id: str) -> None:
    """Let one of one's own keys sign in no more; its owner is told.

    Raises:
        PreuveTropAncienne: see `sensitive_own`.
        CleInconnue: the person has no such key.
        MoyenIndispensable: its roles ask for one, and it has nothing else that does.
    """

    async def body(work: Work) -> None:
        await require_held(deps, work, connecte)
        compte = await load(work, connecte.compte.id)
        # Both this and the removal of the application write there: an administrator does not lose both at once.
        await work.facteurs.touch(compte.id)
        await work.cles.remove(compte.id, id)
        if await work.cles.count(compte.id) == 0:
            requis = required_factors(compte.roles, a_trois=deps.a_trois_facteurs)
            require_dispensable(Facteur.CLE, await work.enrolled(compte.id), requis=requis, fort=deps.facteur_fort)
        await note(deps, work, Acte.CLE_RETIREE, par=Partie.of(compte))
        await notify(deps, work, compte, key_removed(compte.prenom))

    await deps.transact(body)
    deps.mail_written()


async def ask_key(deps: Deps, secret: str) -> tuple[EnCours, str]:
    """What the browser is asked in a sign-in: one of the keys of the account.

    Raises:
        ConnexionExpiree: see `find_asking`.
    """
    en_cours = await find_asking(deps, secret, Facteur.CLE)
    challenge = cles.new_challenge()
    await _await(deps, Genre.CLE, en_cours.connexion.condensat, challenge, compte=en_cours.compte.id)
    return en_cours, cles.ask_gesture(require_site(deps), challenge, await list_cles(deps.database, en_cours.compte.id))


async def show_key(deps: Deps, secret: str, answer: str) -> EnCours:
    """Prove oneself by a key, after the password; one that checked who holds it counts as two factors.

    Raises:
        CleRefusee: it does not hold, is not the account's, or was shown before; or, `CleCopiee`, there are two of it.
        TropDEssais: too many codes or keys were tried for this account.
        ConnexionExpiree: see `find_asking`.
    """
    en_cours = await find_asking(deps, secret, Facteur.CLE)
    id = en_cours.connexion.condensat
    async with judged(deps, en_cours):
        cle, geste, challenge = await _verify(deps, answer, verifie=False)
        if cle.compte != en_cours.compte.id:
            raise CleRefusee

        async def body(work: Work) -> None:
            await _use(deps, work, Genre.CLE, id, challenge, cle, geste)
            shown = (Facteur.CLE, Facteur.VERIFICATION) if geste.verifie else (Facteur.CLE,)
            if not await work.connexions.add_factor(id, *shown, now=deps.clock()):
                raise ConnexionExpiree

        await deps.transact(body)
    return await with_account(deps, await deps.connexions.find(id, now=deps.clock()))


async def ask_any_key(deps: Deps, visite: str) -> str:
    """What the browser of somebody who has said nothing yet is asked: any key that it finds for this site.

    Raises:
        ClesNonOffertes: see `require_site`.
        TropDeDemandes: see `require_entry`.
    """
    site, challenge = require_site(deps), cles.new_challenge()
    await require_entry(deps, "cle-seule", visite)
    await _await(deps, Genre.CLE_SEULE, condensat(visite), challenge, compte=None)
    return cles.ask_gesture(site, challenge, [])


async def show_key_alone(deps: Deps, visite: str, answer: str, *, demande: str) -> str:
    """Begin a sign-in by a key that checked who holds it: two factors at once; the secret of its cookie.

    Raises:
        CleRefusee: it does not hold, is unknown, or was shown before; or, `CleCopiee`, there are two of it.
    """
    try:
        cle, geste, challenge = await _verify(deps, answer, verifie=True)
        compte = await _active(deps, cle)
    except CleRefusee as refus:
        await note_refused(deps, Acte.CONNEXION, refus.code)
        raise

    async def body(work: Work) -> None:
        await _use(deps, work, Genre.CLE_SEULE, condensat(visite), challenge, cle, geste)

    try:
        await deps.transact(body)
    except CleRefusee as refus:
        await note_refused(deps, Acte.CONNEXION, refus.code, cible=Partie.of(compte))
        raise
    return await begin_by_key(deps, compte, demande=demande)


async def _active(deps: Deps, cle: Cle) -> Compte:
    compte = await find_compte(deps.database, cle.compte)
    if compte is None or not compte.actif:
        raise CleRefusee
    return compte


async def _verify(deps: Deps, answer: str, *, verifie: bool) -> tuple[Cle, Geste, bytes]:
    """The key of an answer that holds, what it said, and the challenge that it signed."""
    try:
        id, owner = cles.read_key(answer)
        challenge = cles.read_challenge(answer)
        cle = await find_cle(deps.database, id)
        if cle is None or owner not in (None, cle.compte):
            raise CleRefusee
        return cle, cles.verify_gesture(require_site(deps), answer, challenge, cle, verifie=verifie), challenge
    except CleInvalide:
        raise CleRefusee from None


async def _use(deps: Deps, work: Work, genre: Genre, lieu: str, challenge: bytes, cle: Cle, geste: Geste) -> None:
    """Use the challenge, in the one place where it was asked, and the counter."""
    now = deps.clock()
    if not await work.epreuves.use(genre, lieu, empreinte=cles.fingerprint(challenge), now=now):
        raise CleRefusee
    if is_clone(geste.compteur, cle.compteur):
        raise CleCopiee
    if not await work.cles.serve(cle, geste.compteur, now=now):
        raise CleRefusee


async def _await(deps: Deps, genre: Genre, lieu: str, challenge: bytes, *, compte: str | None) -> None:
    epreuve = Epreuve(genre=genre, lieu=lieu, compte=compte, empreinte=cles.fingerprint(challenge))
    await deps.epreuves.open(epreuve, now=deps.clock())
