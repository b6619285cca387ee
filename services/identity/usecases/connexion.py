"""Signing in: the password, then the other factors, then a session (domaine.md §3)."""

import asyncio
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from opentelemetry import metrics
from ulid import ULID

from kit.errors import Refusal
from services.identity.condensats import condensat, new_secret
from services.identity.deps import Deps
from services.identity.domain import mots_de_passe
from services.identity.domain.appareils import Appareil
from services.identity.domain.audit import Acte, Partie
from services.identity.domain.comptes import Compte
from services.identity.domain.facteurs import Etape, Facteur, Parcours, acr, amr, required_factors, suffices
from services.identity.domain.mobiles import is_mandatory
from services.identity.domain.sessions import Preuve, Session
from services.identity.domain.tentatives import MOTS_DE_PASSE
from services.identity.store.appareils import find_appareil
from services.identity.store.cles_d_acces import has_cles
from services.identity.store.comptes import find_compte
from services.identity.store.connexions import DUREE, Connexion
from services.identity.store.courriels import find_owners
from services.identity.store.facteurs import Facteurs, find_facteurs, replace_hash
from services.identity.store.secours import count_left
from services.identity.store.work import Work
from services.identity.usecases.appareils import device_of, here, known_device
from services.identity.usecases.audit import note, note_refused
from services.identity.usecases.comptes import fingerprint
from services.identity.usecases.jetons import Connecte
from services.identity.usecases.tentatives import MOT_DE_PASSE, TropDEssais, TropDEssaisDUnCompte, require_guess
from services.identity.usecases.verrous import tell_locked
from socle.courriels import CourrielInvalide, parse_courriel
from socle.fenetres import CodeFenetre, Fenetre
from socle.projections.calendrier import Calendriers

SIGN_INS = metrics.get_meter("identity").create_counter(
    "identity.sign_ins", description="Sign-ins, by outcome (password_refused, locked, code_refused, opened)"
)
_NOBODY = "personne"
"""Stands for the account of an address that has none: the same reads are made, and find nothing."""


class IdentifiantsRefuses(Refusal):
    """Wrong address or password: which of them is never told."""

    code = "IDENTIFIANTS_REFUSES"

    def __init__(self) -> None:
        super().__init__("L'adresse électronique ou le mot de passe ne convient pas : vérifiez-les puis recommencez.")


class ConnexionExpiree(Refusal):
    """The sign-in was finished, or took more than a quarter of an hour."""

    code = "CONNEXION_EXPIREE"

    def __init__(self) -> None:
        super().__init__("Cette connexion a expiré : recommencez depuis l'adresse électronique et le mot de passe.")


@dataclass(frozen=True, slots=True)
class EnCours:
    """A sign-in in progress, with its account and what it proves itself with."""

    connexion: Connexion
    compte: Compte
    facteurs: Facteurs
    parcours: Parcours

    @property
    def etape(self) -> Etape:
        return self.parcours.etape


@dataclass(frozen=True, slots=True)
class Ouverte:
    """A session just opened: the secret of its cookie, the authorization request it was opened for, and the secret by
    which the browser is known from now on.
    """

    secret: str
    demande: str
    navigateur: str


async def check_password(
    deps: Deps, courriel: str, mot_de_passe: str, *, demande: str, acr: int = 1, navigateur: str | None = None
) -> str:
    """Begin a sign-in: the secret of its cookie.

    An address without account is answered as a wrong password is, in the same time, and is locked as one. `acr` is how
    many factors the client asks for; `navigateur` the secret by which this browser is known, if it has one.

    Raises:
        IdentifiantsRefuses: the address or the password is wrong, or the account may not sign in.
        TropDEssais: too many tries for that address.
    """
    try:
        address = parse_courriel(courriel)
    except CourrielInvalide:
        address = ""
    key = fingerprint(deps, address)
    owner = (await find_owners(deps.database, [key])).get(key, _NOBODY)
    device = device_of(deps, navigateur, owner)
    compte, facteurs, known, ouvertures = await asyncio.gather(
        find_compte(deps.database, owner),
        find_facteurs(deps.database, owner),
        find_appareil(deps.database, device, now=deps.clock()),
        Calendriers(deps.database).windows(CodeFenetre.SITE_GESTION),
    )
    cible, appareil = None if compte is None else Partie.of(compte), None if known is None else device
    try:
        essai = await require_guess(deps, MOT_DE_PASSE, key, MOTS_DE_PASSE, appareil=appareil)
    except TropDEssais as refus:
        SIGN_INS.add(1, {"outcome": "locked"})
        await note_refused(deps, Acte.CONNEXION, refus.code, cible=cible)
        if isinstance(refus, TropDEssaisDUnCompte):
            await tell_locked(deps, compte, key)
        raise
    too_long = len(mot_de_passe) > mots_de_passe.LONGUEUR_MAXIMALE
    chosen = "" if too_long else mots_de_passe.normalize(mot_de_passe)
    held = facteurs.mots_de_passe[0] if facteurs and facteurs.mots_de_passe else None
    right = await deps.hasher.verify(held, chosen)
    if not right or held is None or compte is None or not compte.actif:
        SIGN_INS.add(1, {"outcome": "password_refused"})
        await note_refused(deps, Acte.CONNEXION, IdentifiantsRefuses.code, cible=cible)
        raise IdentifiantsRefuses
    await essai.succeeded()
    if deps.hasher.is_outdated(held):
        await replace_hash(deps.database, compte.id, held, await deps.hasher.hash(chosen))
    due = _is_due(deps, facteurs, ouvertures)
    return await _begin(
        deps,
        compte,
        demande=demande,
        acr=acr,
        appareil=appareil,
        # Another password is chosen by who shows every factor.
        epargnes=0 if known is None or due else _spared(deps, compte, known, acr),
        renouveler=due,
    )


async def begin_activated(deps: Deps, compte: Compte) -> str:
    """Begin the first sign-in of an account whose owner has just chosen its password: the secret of its cookie."""
    return await _begin(deps, compte, demande="", acr=1, appareil=None)


async def begin_by_key(deps: Deps, compte: Compte, *, demande: str) -> str:
    """Begin a sign-in by a key alone that checked who holds it: the secret of its cookie."""
    shown, due = frozenset({Facteur.CLE, Facteur.VERIFICATION}), await _find_due(deps, compte)
    return await _begin(deps, compte, demande=demande, acr=1, appareil=None, faits=shown, renouveler=due)


async def _find_due(deps: Deps, compte: Compte) -> bool:
    facteurs, ouvertures = await asyncio.gather(
        find_facteurs(deps.database, compte.id), Calendriers(deps.database).windows(CodeFenetre.SITE_GESTION)
    )
    return _is_due(deps, facteurs, ouvertures)


def _is_due(deps: Deps, facteurs: Facteurs | None, ouvertures: Sequence[Fenetre]) -> bool:
    """Whether another password is to be chosen, by whichever means its owner signs in this time: the old one would
    open the account for another year.
    """
    if facteurs is None or not facteurs.mots_de_passe:
        return False
    return mots_de_passe.is_due(facteurs.choisi_le, [one.debut for one in ouvertures], now=deps.campaign_clock())


def _spared(deps: Deps, compte: Compte, known: Appareil, acr: int) -> int:
    """How many factors the known device stands for, here and now; 0 where it does not."""
    lieu, requis = here(deps), max(acr, required_factors(compte.roles, a_trois=deps.a_trois_facteurs))
    if lieu is None or acr > 1:
        return 0
    spares = known.spares(lieu, requis=requis, now=deps.clock(), jours=deps.adresses_connues_jours)
    return known.facteurs if spares else 0


async def _begin(
    deps: Deps,
    compte: Compte,
    *,
    demande: str,
    acr: int,
    appareil: str | None,
    faits: frozenset[Facteur] = frozenset({Facteur.MOT_DE_PASSE}),
    prouve_le: datetime | None = None,
    epargnes: int = 0,
    renouveler: bool = False,
) -> str:
    secret = new_secret()
    await deps.connexions.open(
        Connexion(
            condensat=condensat(secret),
            compte=compte.id,
            demande=demande,
            expire_le=deps.clock() + DUREE,
            faits=faits,
            acr=acr,
            prouve_le=prouve_le,
            appareil=appareil,
            epargnes=epargnes,
            renouveler=renouveler,
        )
    )
    return secret


def shown_before(deps: Deps, connecte: Connecte, *, acr: int, max_age: timedelta | None) -> frozenset[Facteur]:
    """The factors of a session that need not be shown again, where more are asked for than it was opened with; none
    where they are too old, or nothing is missing.
    """
    preuve, compte = connecte.session.preuve, connecte.compte
    if max_age is not None and deps.clock() - preuve.le > max_age:
        return frozenset()
    missing = preuve.nombre < max(acr, required_factors(compte.roles, a_trois=deps.a_trois_facteurs))
    return frozenset(Facteur(shown) for shown in preuve.amr) if missing else frozenset()


async def complete(
    deps: Deps, connecte: Connecte, faits: frozenset[Facteur], *, demande: str, acr: int, navigateur: str | None
) -> str:
    """Begin a sign-in by what a session has shown already: the secret of its cookie. What is missing is asked."""
    compte = connecte.compte
    return await _begin(
        deps,
        compte,
        demande=demande,
        acr=acr,
        appareil=await known_device(deps, navigateur, compte.id),
        faits=faits,
        prouve_le=connecte.session.preuve.le,
    )


async def begin_by_employer(
    deps: Deps,
    compte: Compte,
    faits: frozenset[Facteur],
    *,
    vu_le: datetime,
    demande: str,
    acr: int,
    navigateur: str | None,
) -> str:
    """Begin a sign-in by what an employer has shown, which saw the person at `vu_le`: the secret of its cookie.

    What is missing is asked, or spared by the device, as after the password.
    """
    device = device_of(deps, navigateur, compte.id)
    known, due = await asyncio.gather(find_appareil(deps.database, device, now=deps.clock()), _find_due(deps, compte))
    return await _begin(
        deps,
        compte,
        demande=demande,
        acr=acr,
        appareil=None if known is None else device,
        faits=faits,
        prouve_le=vu_le,
        epargnes=0 if known is None or due else _spared(deps, compte, known, acr),
        renouveler=due,
    )


async def find_in_progress(deps: Deps, secret: str) -> EnCours:
    """The sign-in of that cookie.

    Raises:
        ConnexionExpiree: there is none, or no more; or its account was disabled meanwhile.
    """
    connexion = await deps.connexions.find(condensat(secret), now=deps.clock())
    if connexion is None:
        raise ConnexionExpiree
    return await with_account(deps, connexion)


async def with_account(deps: Deps, connexion: Connexion | None) -> EnCours:
    """The sign-in with its account, as they are now.

    Raises:
        ConnexionExpiree: there is no sign-in any more, or its account was disabled meanwhile.
    """
    if connexion is None:
        raise ConnexionExpiree
    compte, facteurs, secours, cle = await asyncio.gather(
        find_compte(deps.database, connexion.compte),
        find_facteurs(deps.database, connexion.compte),
        count_left(deps.database, connexion.compte),
        has_cles(deps.database, connexion.compte),
    )
    if compte is None or facteurs is None or not compte.actif:
        raise ConnexionExpiree
    held = {
        Facteur.CLE: cle and deps.site is not None,
        Facteur.TOTP: facteurs.totp is not None,
        Facteur.SMS: has_proved_mobile(deps, compte, facteurs),
        Facteur.SECOURS: secours > 0,
    }
    requis = max(connexion.acr, required_factors(compte.roles, a_trois=deps.a_trois_facteurs))
    exige = is_mandatory(compte.roles, a_mobile=deps.a_mobile)
    to_prove = deps.sms and compte.mobile is not None and not held[Facteur.SMS]
    parcours = Parcours(
        requis=requis,
        faits=connexion.faits,
        enroles=frozenset(moyen for moyen, has in held.items() if has),
        premiere=facteurs.premiere,
        enrolement_decline=connexion.enrolement_decline,
        epargnes=connexion.epargnes >= requis,
        renouveler=connexion.renouveler,
        mobile=to_prove and (exige or not connexion.mobile_decline),
        numero=compte.mobile is None,
        mobile_exige=exige,
    )
    return EnCours(connexion, compte, facteurs, parcours)


def has_proved_mobile(deps: Deps, compte: Compte, facteurs: Facteurs) -> bool:
    """Whether a code can be sent by SMS, to a number that is the account's and was proved to be."""
    if not deps.sms or compte.mobile is None or facteurs.mobile_valide is None:
        return False
    return hmac.compare_digest(facteurs.mobile_valide, mobile_fingerprint(deps, compte.mobile))


def mobile_fingerprint(deps: Deps, mobile: str) -> str:
    """What stands for a mobile number wherever it need not be read."""
    return deps.trousseau.empreinte("mobile", mobile)


async def find_asking(deps: Deps, secret: str, moyen: Facteur) -> EnCours:
    """The sign-in of that cookie, where `moyen` may be shown now.

    Raises:
        ConnexionExpiree: it may not, or see `find_in_progress`.
    """
    en_cours = await find_in_progress(deps, secret)
    if moyen not in en_cours.parcours.moyens:
        raise ConnexionExpiree
    return en_cours


async def find_at(deps: Deps, secret: str, *etapes: Etape) -> EnCours:
    """The sign-in of that cookie, where it is at one of these steps.

    Raises:
        ConnexionExpiree: it is not, or see `find_in_progress`.
    """
    en_cours = await find_in_progress(deps, secret)
    if en_cours.etape not in etapes:
        raise ConnexionExpiree
    return en_cours


async def decline_enrolment(deps: Deps, secret: str) -> EnCours:
    """Put the enrolment of an application off.

    Raises:
        ConnexionExpiree: see `find_in_progress`.
    """
    return await with_account(deps, await deps.connexions.decline_enrolment(condensat(secret), now=deps.clock()))


async def decline_mobile(deps: Deps, secret: str) -> EnCours:
    """Put off proving the account's number: no code is sent to it until it is.

    Raises:
        ConnexionExpiree: see `find_in_progress`.
    """
    return await with_account(deps, await deps.connexions.decline_mobile(condensat(secret), now=deps.clock()))


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
    spared = not suffices(faits, en_cours.parcours.requis)

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
            await work.appareils.proved(device_of(deps, browser, compte.id), compte.id, lieu, len(faits), now=now)
        await work.facteurs.signed_in(compte.id, now=now)
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
