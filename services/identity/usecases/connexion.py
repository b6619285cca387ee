"""Signing in: the password, then the other factors, then a session (domaine.md §3)."""

import asyncio
import hmac
from dataclasses import dataclass

from opentelemetry import metrics
from ulid import ULID

from kit.errors import Refusal
from services.identity.condensats import condensat, new_secret
from services.identity.deps import Deps
from services.identity.domain import mots_de_passe
from services.identity.domain.audit import Acte, Partie
from services.identity.domain.comptes import Compte
from services.identity.domain.facteurs import Etape, Facteur, Parcours, acr, amr, required_factors
from services.identity.domain.sessions import Preuve, Session
from services.identity.domain.tentatives import MOTS_DE_PASSE
from services.identity.store.cles_d_acces import has_cles
from services.identity.store.comptes import find_compte
from services.identity.store.connexions import DUREE, Connexion
from services.identity.store.courriels import find_owners
from services.identity.store.facteurs import Facteurs, find_facteurs, replace_hash
from services.identity.store.secours import count_left
from services.identity.store.work import Work
from services.identity.usecases.audit import note, note_refused
from services.identity.usecases.comptes import fingerprint
from services.identity.usecases.tentatives import TropDEssais, require_try
from socle.courriels import CourrielInvalide, parse_courriel

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
    """A session just opened: the secret of its cookie, and the authorization request it was opened for."""

    secret: str
    demande: str


async def check_password(deps: Deps, courriel: str, mot_de_passe: str, *, demande: str) -> str:
    """Begin a sign-in: the secret of its cookie.

    An address without account is answered as a wrong password is, in the same time, and is locked as one.

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
    compte, facteurs = await asyncio.gather(find_compte(deps.database, owner), find_facteurs(deps.database, owner))
    cible = None if compte is None else Partie.of(compte)
    try:
        await require_try(deps, f"mot-de-passe/{key}", MOTS_DE_PASSE)
    except TropDEssais as refus:
        SIGN_INS.add(1, {"outcome": "locked"})
        await note_refused(deps, Acte.CONNEXION, refus.code, cible=cible)
        raise
    too_long = len(mot_de_passe) > mots_de_passe.LONGUEUR_MAXIMALE
    chosen = "" if too_long else mots_de_passe.normalize(mot_de_passe)
    held = facteurs.mots_de_passe[0] if facteurs and facteurs.mots_de_passe else None
    right = await deps.hasher.verify(held, chosen)
    if not right or held is None or compte is None or not compte.actif:
        SIGN_INS.add(1, {"outcome": "password_refused"})
        await note_refused(deps, Acte.CONNEXION, IdentifiantsRefuses.code, cible=cible)
        raise IdentifiantsRefuses
    await deps.tentatives.forgive(f"mot-de-passe/{key}")
    if deps.hasher.is_outdated(held):
        await replace_hash(deps.database, compte.id, held, await deps.hasher.hash(chosen))
    secret = new_secret()
    await deps.connexions.open(
        Connexion(condensat=condensat(secret), compte=compte.id, demande=demande, expire_le=deps.clock() + DUREE)
    )
    return secret


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
    parcours = Parcours(
        requis=required_factors(compte.roles, a_trois=deps.a_trois_facteurs),
        faits=connexion.faits,
        enroles=frozenset(moyen for moyen, has in held.items() if has),
        premiere=facteurs.connecte_le is None,
        enrolement_decline=connexion.enrolement_decline,
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


async def open_session(deps: Deps, en_cours: EnCours) -> Ouverte:
    """Open the session that a sign-in has led to; a sign-in opens one.

    Raises:
        ConnexionExpiree: a factor is missing, or the sign-in was used before.
    """
    if en_cours.etape is not Etape.TERMINEE:
        raise ConnexionExpiree
    secret = new_secret()
    faits, compte = en_cours.parcours.faits, en_cours.compte.id

    async def body(work: Work) -> None:
        now = deps.clock()
        if not await work.connexions.finish(en_cours.connexion.condensat, now=now):
            raise ConnexionExpiree
        session = Session(
            id=str(ULID()),
            compte=compte,
            preuve=Preuve(acr=acr(faits), amr=amr(faits), le=now),
            expire_le=now + deps.duree_session,
        )
        await work.sessions.open(session, condensat=condensat(secret))
        await work.facteurs.signed_in(compte, now=now)
        shown = {"facteurs": " ".join(session.preuve.amr)}
        await note(deps, work, Acte.CONNEXION, par=Partie.of(en_cours.compte), detail=shown)

    await deps.transact(body)
    SIGN_INS.add(1, {"outcome": "opened"})
    return Ouverte(secret, en_cours.connexion.demande)
