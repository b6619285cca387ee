"""The command that changes the key which signs tokens."""

from datetime import datetime
from zoneinfo import ZoneInfo

import click

from services.identity.commandes.operateur import run
from services.identity.domain.cles import ANNONCE, RETRAIT, CleDeSignature
from services.identity.usecases.cles import change_signing_key

_PARIS = ZoneInfo("Europe/Paris")


def add_to(group: click.Group) -> None:
    """Add the command to `group`."""
    group.add_command(change_command)


@click.command("changer-cle-de-signature", help="Announce the next key that signs tokens; no client notices.")
def change_command() -> None:
    """Say what follows by itself, and when."""
    cle: CleDeSignature = run(change_signing_key)
    signs = cle.creee_le + ANNONCE
    click.echo(f"clé {cle.id} annoncée : elle signera à partir de {_said(signs)} (heure de Paris)")
    click.echo(f"la clé précédente sera retirée à {_said(signs + RETRAIT)}, sans autre intervention")


def _said(moment: datetime) -> str:
    return f"{moment.astimezone(_PARIS):%H h %M le %d/%m/%Y}"
