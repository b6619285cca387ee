"""The session that a sign-in opens once every factor was shown (domaine.md §3)."""

from dataclasses import dataclass

from ulid import ULID

from services.identity.condensats import condensat, new_secret
from services.identity.deps import Deps
from services.identity.domain.audit import Acte, Partie
from services.identity.domain.facteurs import Etape, Facteur, acr, amr
from services.identity.domain.sessions import Preuve, Session
from services.identity.store.work import Work
from services.identity.usecases.appareils import device_of, here
from services.identity.usecases.audit import note
from services.identity.usecases.en_cours import SIGN_INS, ConnexionExpiree, EnCours
from services.identity.usecases.jetons import Connecte


@dataclass(frozen=True, slots=True)
class Ouverte:
    """A session just opened: the secret of its cookie, the authorization request it was opened for, and the secret by
    which the browser is known from now on.
    """

    secret: str
    demande: str
    navigateur: str


async def open_session(
    deps: Deps, en_cours: EnCours, *, navigateur: str | None = None, remplace: Connecte | None = None
) -> Ouverte:
    """Open the session that a sign-in has led to; a sign-in opens one.

    A browser has one session: that of the same account gets the new proof, so that what it gave clients goes on; that
    of another ends (`remplace` is who is signed in). `navigateur` is the secret by which this browser is known, if it
    has one.

    Raises:
        ConnexionExpiree: a factor is missing, or the sign-in was used before.
    """
    if en_cours.etape is not Etape.TERMINEE:
        raise ConnexionExpiree
    secret, browser = new_secret(), navigateur or new_secret()
    compte, faits = en_cours.compte, en_cours.parcours.faits
    spared = not en_cours.parcours.suffit

    async def body(work: Work) -> None:
        now = deps.clock()
        if not await work.connexions.finish(en_cours.connexion.condensat, now=now):
            raise ConnexionExpiree
        preuve = Preuve(
            acr=acr(faits),
            amr=amr(faits),
            le=en_cours.connexion.prouve_le or now,
            appareil=en_cours.connexion.epargnes if spared else 0,
        )
        session = Session(
            id=str(ULID()), compte=compte.id, preuve=preuve, expire_le=preuve.le + deps.duree_session, vue_le=now
        )
        if not await _raised(deps, work, remplace, session, condensat(secret)):
            await work.sessions.open(session, condensat=condensat(secret))
        lieu = here(deps)
        if not spared and lieu is not None:
            await work.appareils.proved(
                device_of(deps, browser, compte.id), compte.id, lieu, len(faits), now=now, duree=deps.appareil_connu
            )
        proved = Facteur.MOT_DE_PASSE in faits and not spared
        await work.facteurs.signed_in(compte.id, mot_de_passe=proved, now=now)
        shown = {"facteurs": " ".join(preuve.amr)} | ({"appareil": "connu"} if spared else {})
        await note(deps, work, Acte.CONNEXION, par=Partie.of(compte), detail=shown)

    await deps.transact(body)
    SIGN_INS.add(1, {"outcome": "opened"})
    return Ouverte(secret, en_cours.connexion.demande, browser)


async def _raised(deps: Deps, work: Work, remplace: Connecte | None, session: Session, condensat: str) -> bool:
    """Give the session of this browser the proof of `session`, or end it where it is of another account."""
    if remplace is None:
        return False
    held, now = remplace.session, deps.clock()
    if held.compte == session.compte:
        return await work.sessions.raise_proof(
            held.id, session.preuve, condensat=condensat, expire_le=session.expire_le, now=now
        )
    await work.sessions.end(held.id, now=now)
    await work.familles.end_all_of_session(held.id, now=now)
    await note(deps, work, Acte.DECONNEXION, par=Partie.of(remplace.compte))
    return False
