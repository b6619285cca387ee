"""A sign-in in progress: what was shown, what is still asked (domaine.md §3)."""

import asyncio
import hmac
from dataclasses import dataclass

from opentelemetry import metrics

from kit.errors import Refusal
from services.identity.condensats import condensat
from services.identity.deps import Deps
from services.identity.domain.comptes import Compte
from services.identity.domain.facteurs import Etape, Facteur, Parcours, required_factors
from services.identity.domain.mobiles import is_mandatory
from services.identity.store.cles_d_acces import has_cles
from services.identity.store.comptes import find_compte
from services.identity.store.connexions import Connexion
from services.identity.store.facteurs import Facteurs, find_facteurs
from services.identity.store.secours import count_left

SIGN_INS = metrics.get_meter("identity").create_counter(
    "identity.sign_ins", description="Sign-ins, by outcome (password_refused, locked, code_refused, opened)"
)


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
        par_courriel=facteurs.par_courriel,
        enrolement_decline=connexion.enrolement_decline,
        epargnes=connexion.epargnes >= requis,
        renouveler=connexion.renouveler,
        mobile=to_prove and (exige or not connexion.mobile_decline),
        numero=compte.mobile is None,
        mobile_exige=exige,
        fort=deps.facteur_fort,
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
