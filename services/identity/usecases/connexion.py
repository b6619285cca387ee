"""Beginning a sign-in: by the password, a key, the employer's identity, or what a session has shown (domaine.md §3)."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from kit.errors import Refusal
from services.identity.condensats import condensat, new_secret
from services.identity.deps import Deps
from services.identity.domain import mots_de_passe
from services.identity.domain.appareils import Appareil
from services.identity.domain.audit import Acte, Partie
from services.identity.domain.comptes import Compte
from services.identity.domain.facteurs import Facteur, required_factors
from services.identity.domain.tentatives import MOTS_DE_PASSE
from services.identity.store.appareils import find_appareil
from services.identity.store.comptes import find_compte
from services.identity.store.connexions import DUREE, Connexion
from services.identity.store.courriels import find_owners
from services.identity.store.facteurs import Facteurs, find_facteurs, replace_hash
from services.identity.usecases.appareils import device_of, here, known_device
from services.identity.usecases.audit import note_refused
from services.identity.usecases.comptes import fingerprint
from services.identity.usecases.en_cours import SIGN_INS
from services.identity.usecases.jetons import Connecte
from services.identity.usecases.tentatives import MOT_DE_PASSE, TropDEssais, TropDEssaisDUnCompte, require_guess
from services.identity.usecases.verrous import tell_locked
from socle.courriels import CourrielInvalide, parse_courriel
from socle.fenetres import CodeFenetre, Fenetre
from socle.projections.calendrier import Calendriers

_NOBODY = "personne"
"""Stands for the account of an address that has none: the same reads are made, and find nothing."""


class IdentifiantsRefuses(Refusal):
    """Wrong address or password: which of them is never told."""

    code = "IDENTIFIANTS_REFUSES"

    def __init__(self) -> None:
        super().__init__("L'adresse électronique ou le mot de passe ne convient pas : vérifiez-les puis recommencez.")


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
