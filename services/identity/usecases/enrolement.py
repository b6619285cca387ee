"""Enrolling an application of codes within a sign-in, after its other factors (domaine.md §3)."""

from services.identity.condensats import condensat
from services.identity.deps import Deps
from services.identity.domain.audit import Acte, Partie
from services.identity.domain.facteurs import Etape, Facteur
from services.identity.mfa import totp
from services.identity.store.facteurs import Totp
from services.identity.store.work import Work
from services.identity.usecases.audit import note
from services.identity.usecases.en_cours import (
    ConnexionExpiree,
    EnCours,
    find_at,
    with_account,
)
from services.identity.usecases.seconds_facteurs import CodeRefuse, digits, judged, totp_purpose

ENROLEMENT = (Etape.ENROLEMENT, Etape.ENROLEMENT_PROPOSE)
"""Steps that come after a second factor only: a stolen password enrols nothing."""


async def propose_totp(deps: Deps, secret: str) -> tuple[EnCours, str]:
    """The secret of the application to enrol; the same each time it is asked in this sign-in.

    Raises:
        ConnexionExpiree: see `find_at`.
    """
    await find_at(deps, secret, *ENROLEMENT)
    id = condensat(secret)
    sealed = deps.vault.seal(totp.new_secret().encode(), purpose=_proposal_purpose(id))
    en_cours = await with_account(deps, await deps.connexions.propose_secret(id, sealed, now=deps.clock()))
    return en_cours, _proposed(deps, en_cours)


async def enrol_totp(deps: Deps, secret: str, code: str) -> EnCours:
    """Enrol the application whose secret was proposed, by the first code it shows.

    Raises:
        CodeRefuse: it is not its code.
        TropDEssais: too many codes were tried for this account.
        ConnexionExpiree: see `find_at`; or an application was enrolled meanwhile.
    """
    en_cours = await find_at(deps, secret, *ENROLEMENT)
    proposed, compte = _proposed(deps, en_cours), en_cours.compte.id
    async with judged(deps, en_cours):
        step = totp.matching_step(proposed, digits(code), now=deps.clock())
        if step is None:
            raise CodeRefuse
    enrolled = Totp(secret=deps.vault.seal(proposed.encode(), purpose=totp_purpose(compte)), dernier_pas=step)

    async def body(work: Work) -> None:
        if not await work.facteurs.enrol_totp(compte, enrolled):
            raise ConnexionExpiree
        await note(deps, work, Acte.APPLICATION_ENROLEE, par=Partie.of(en_cours.compte))

    await deps.transact(body)
    return await with_account(
        deps, await deps.connexions.add_factor(en_cours.connexion.condensat, Facteur.TOTP, now=deps.clock())
    )


def _proposal_purpose(connexion: str) -> str:
    return f"totp-propose/{connexion}"


def _proposed(deps: Deps, en_cours: EnCours) -> str:
    if en_cours.connexion.secret is None:
        raise ConnexionExpiree
    purpose = _proposal_purpose(en_cours.connexion.condensat)
    return deps.vault.open(en_cours.connexion.secret, purpose=purpose).decode()
