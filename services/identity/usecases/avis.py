"""Telling the owner of an account what was done with it, by e-mail."""

from datetime import timedelta

from services.identity.courrier import new_envoi
from services.identity.deps import Deps
from services.identity.domain.comptes import Compte
from services.identity.lettres.lettre import Lettre
from services.identity.store.work import Work

_NOTICE = timedelta(days=3)
"""≈ ours: how long a notice is worth sending, while the mail server is away."""


async def notify(deps: Deps, work: Work, compte: Compte, lettre: Lettre, *, validite: timedelta = _NOTICE) -> None:
    """Let the letter leave for the account's address if this transaction commits; then call `deps.mail_written`."""
    envoi = new_envoi(deps.vault, lettre, destinataire=compte.courriel, now=deps.clock(), validite=validite)
    await work.send(envoi)
