"""The factors after the password: an application's code, a code by e-mail or by SMS (domaine.md §3)."""

import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from kit.errors import Refusal
from services.identity.courrier import new_envoi, new_sms
from services.identity.deps import Deps
from services.identity.domain.audit import Acte, Partie
from services.identity.domain.comptes import Compte
from services.identity.domain.facteurs import Etape, Facteur
from services.identity.domain.mobiles import parse_number
from services.identity.domain.tentatives import ENVOIS, SECONDS_FACTEURS, sms_of_all
from services.identity.lettres.avertissements import mobile_changed
from services.identity.mfa import courriel, sms, totp
from services.identity.store.connexions import CodeEnvoye, Connexion
from services.identity.store.envois import Envoi
from services.identity.store.facteurs import use_totp_step
from services.identity.store.work import Work
from services.identity.usecases.audit import note, note_refused
from services.identity.usecases.avis import notify
from services.identity.usecases.comptes import load
from services.identity.usecases.en_cours import (
    SIGN_INS,
    ConnexionExpiree,
    EnCours,
    find_asking,
    find_at,
    find_in_progress,
    mobile_fingerprint,
    with_account,
)
from services.identity.usecases.tentatives import (
    CODE,
    TropDeDemandes,
    TropDEnvois,
    TropDEssais,
    TropDEssaisDUnCompte,
    require_guess,
    require_try,
)
from services.identity.usecases.verrous import tell_locked


class CodeRefuse(Refusal):
    """A code that is wrong, was used before, or has expired."""

    code = "CODE_REFUSE"

    def __init__(
        self, message: str = "Ce code ne convient pas ou ne convient plus : saisissez le dernier code."
    ) -> None:
        super().__init__(message, champ="code")
        SIGN_INS.add(1, {"outcome": "code_refused"})


class EnvoiTropRecent(Refusal):
    """A code was sent a moment ago."""

    code = "ENVOI_TROP_RECENT"

    def __init__(self) -> None:
        super().__init__("Un code vient de vous être envoyé : attendez trente secondes avant d'en demander un autre.")


REFUS = (CodeRefuse, EnvoiTropRecent, TropDEssais)
"""What a person may be told on the page of a code, where it goes on."""


async def send_code(deps: Deps, secret: str, moyen: Facteur) -> EnCours:
    """Send a new code by e-mail or by SMS, in place of the last one; on return it is on disk, and will leave.

    Raises:
        EnvoiTropRecent: one was sent that way less than thirty seconds ago.
        TropDEnvois: too many were sent to this account or number within the hour, or too many SMS to everyone.
        ConnexionExpiree: see `find_asking`.
    """
    await _send(deps, await find_asking(deps, secret, moyen), moyen)
    return await find_in_progress(deps, secret)


async def give_mobile(deps: Deps, secret: str, numero: str) -> EnCours:
    """Give the number that the person's roles ask for, or another in place of one that was not proved; its owner is
    told. It receives codes once it is proved to be the person's.

    Raises:
        MobileRefuse: it is no number, or receives no SMS.
        TropDeDemandes: too many were given within the hour: each is told to the owner.
        ConnexionExpiree: see `find_at`; or the roles ask for none.
    """
    en_cours = await find_at(deps, secret, Etape.NUMERO, Etape.MOBILE)
    if not en_cours.parcours.mobile_exige:
        raise ConnexionExpiree
    mobile = parse_number(numero)
    await require_try(deps, f"numero/{en_cours.compte.id}", ENVOIS, refus=TropDeDemandes)

    async def body(work: Work) -> None:
        if not await work.connexions.hold(en_cours.connexion.condensat, now=deps.clock()):
            raise ConnexionExpiree
        held = await load(work, en_cours.compte.id)
        await work.comptes.save(held.reach_at(mobile))
        await note(deps, work, Acte.MOBILE_CHANGE, par=Partie.of(held))
        await notify(deps, work, held, mobile_changed(held.prenom))

    await deps.transact(body)
    deps.mail_written()
    return await find_in_progress(deps, secret)


async def send_mobile_code(deps: Deps, secret: str) -> EnCours:
    """Send a code to the number that the person gave, which proves that it is its own.

    Raises:
        EnvoiTropRecent, TropDEnvois: see `send_code`.
        ConnexionExpiree: see `find_at`.
    """
    await _send(deps, await find_at(deps, secret, Etape.MOBILE), Facteur.SMS)
    return await find_in_progress(deps, secret)


async def _send(deps: Deps, en_cours: EnCours, moyen: Facteur) -> None:
    await _require_sending(deps, en_cours, moyen)
    code = courriel.new_code()

    async def body(work: Work) -> bool:
        now = deps.clock()
        kept = CodeEnvoye(
            empreinte=_fingerprint(deps, en_cours, moyen, code), envoye_le=now, expire_le=now + courriel.VALIDITE
        )
        recent = now - courriel.ENTRE_DEUX_ENVOIS
        if not await work.connexions.set_code(en_cours.connexion.condensat, moyen, kept, now=now, not_since=recent):
            return False
        await work.send(_message(deps, en_cours.compte, moyen, code, now=now))
        return True

    if not await deps.transact(body):
        raise EnvoiTropRecent
    deps.mail_written()


def _message(deps: Deps, compte: Compte, moyen: Facteur, code: str, *, now: datetime) -> Envoi:
    if moyen is Facteur.SMS:
        assert compte.mobile is not None  # noqa: S101 - who has none is not asked for a code by SMS
        return new_sms(deps.vault, sms.text(code), numero=compte.mobile, now=now, validite=courriel.VALIDITE)
    lettre = courriel.letter(compte.prenom, code)
    return new_envoi(deps.vault, lettre, destinataire=compte.courriel, now=now, validite=courriel.VALIDITE)


async def _require_sending(deps: Deps, en_cours: EnCours, moyen: Facteur) -> None:
    """Count a code about to be sent; an SMS costs money, and may wake somebody else: it counts for its number, and for
    everyone.
    """
    counted = {_sending(en_cours, moyen): ENVOIS}
    if moyen is Facteur.SMS and en_cours.compte.mobile is not None:
        counted[f"sms/{mobile_fingerprint(deps, en_cours.compte.mobile)}"] = ENVOIS
        counted["sms/plateforme"] = sms_of_all(deps.sms_par_heure)
    for key, regle in counted.items():
        await require_try(deps, key, regle, refus=TropDEnvois)


async def show_code(deps: Deps, secret: str, code: str, moyen: Facteur) -> EnCours:
    """Prove oneself by the code that was sent by `moyen`.

    Raises:
        CodeRefuse: it is wrong, was used, has expired, or was tried five times.
        TropDEssais: too many codes were tried for this account.
        ConnexionExpiree: see `find_asking`.
    """
    en_cours = await find_asking(deps, secret, moyen)
    return await with_account(deps, await _use_code(deps, en_cours, moyen, code, compte=True))


async def prove_mobile(deps: Deps, secret: str, code: str) -> EnCours:
    """Show the code that the person's number received: from now on it may receive others.

    It is no factor of this sign-in: who signs in has just said which number it is.

    Raises:
        CodeRefuse, TropDEssais: see `show_code`.
        ConnexionExpiree: see `find_at`.
    """
    en_cours = await find_at(deps, secret, Etape.MOBILE)
    compte = en_cours.compte
    assert compte.mobile is not None  # noqa: S101 - by `Etape.MOBILE`
    proved = mobile_fingerprint(deps, compte.mobile)
    used = await _use_code(deps, en_cours, Facteur.SMS, code, compte=False)

    async def body(work: Work) -> None:
        await work.facteurs.set_mobile_valide(compte.id, proved)
        await note(deps, work, Acte.MOBILE_CHANGE, par=Partie.of(compte))

    await deps.transact(body)
    return await with_account(deps, used)


async def _use_code(deps: Deps, en_cours: EnCours, moyen: Facteur, code: str, *, compte: bool) -> Connexion:
    async with judged(deps, en_cours):
        now, id = deps.clock(), en_cours.connexion.condensat
        expected = await deps.connexions.try_code(id, moyen, now=now)
        if expected is None or not hmac.compare_digest(expected, _fingerprint(deps, en_cours, moyen, digits(code))):
            raise CodeRefuse
        used = await deps.connexions.use_code(id, moyen, expected, now=now, compte=compte)
        if used is None:
            raise CodeRefuse
    await deps.tentatives.forgive(_sending(en_cours, moyen))
    return used


async def show_totp(deps: Deps, secret: str, code: str) -> EnCours:
    """Prove oneself by the code of the enrolled application; a time step serves once.

    Raises:
        CodeRefuse: it is wrong, or was used.
        TropDEssais: too many codes were tried for this account.
        ConnexionExpiree: see `find_asking`.
    """
    en_cours = await find_asking(deps, secret, Facteur.TOTP)
    async with judged(deps, en_cours):
        enrolled = en_cours.facteurs.totp
        if enrolled is None:
            raise CodeRefuse
        clear = deps.vault.open(enrolled.secret, purpose=totp_purpose(en_cours.compte.id)).decode()
        step = totp.matching_step(clear, digits(code), now=deps.clock())
        if step is None or not await use_totp_step(deps.database, en_cours.compte.id, step):
            raise CodeRefuse
    return await with_account(
        deps, await deps.connexions.add_factor(en_cours.connexion.condensat, Facteur.TOTP, now=deps.clock())
    )


def totp_purpose(compte: str) -> str:
    """What the secret of an account's application is sealed for."""
    return f"totp/{compte}"


@asynccontextmanager
async def judged(deps: Deps, en_cours: EnCours) -> AsyncIterator[None]:
    """A code of this account is judged within: counted before, in whichever sign-in; forgiven if right, else written.

    Raises:
        TropDEssais: too many codes were tried for this account.
    """
    compte = en_cours.compte
    try:
        essai = await require_guess(deps, CODE, compte.id, SECONDS_FACTEURS, appareil=en_cours.connexion.appareil)
        yield
    except (CodeRefuse, TropDEssais) as refus:
        await note_refused(deps, Acte.CONNEXION, refus.code, cible=Partie.of(compte))
        if isinstance(refus, TropDEssaisDUnCompte):
            await tell_locked(deps, compte, compte.id)
        raise
    await essai.succeeded()


def _sending(en_cours: EnCours, moyen: Facteur) -> str:
    return f"envoi-{moyen}/{en_cours.compte.id}"


def _fingerprint(deps: Deps, en_cours: EnCours, moyen: Facteur, code: str) -> str:
    """Six digits are too few for a bare hash: the fingerprint needs our key, and is of this sign-in and means only; by
    SMS, of the number that receives it too, for the person may give another before it types the code.
    """
    where = en_cours.compte.mobile if moyen is Facteur.SMS else ""
    return deps.trousseau.empreinte("code", f"{en_cours.connexion.condensat}/{moyen}/{where}/{code}")


def digits(code: str) -> str:
    """The code as typed, without the blanks that people and applications put in it."""
    return "".join(code.split())[:16]
