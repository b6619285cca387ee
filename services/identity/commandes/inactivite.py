"""`signaler-inactifs`: sees at once to the accounts that nobody uses."""

import click

from services.identity.commandes.operateur import run
from services.identity.deps import Deps
from services.identity.store.facteurs import count_warned
from services.identity.usecases.inactivite import Passage, flag_unused


def add_to(group: click.Group) -> None:
    """Add the command to `group`."""
    group.add_command(flag_command)


@click.command("signaler-inactifs", help="Flag and warn accounts unused for long, and disable those warned before.")
def flag_command() -> None:
    """Say how many, and no names; the service does the same each day."""

    async def always() -> bool:
        return True

    async def body(deps: Deps) -> tuple[Passage, int]:
        passage = await flag_unused(deps, still_ours=always)
        return passage or Passage(), await count_warned(deps.database)

    passage, waiting = run(body)
    click.echo(
        f"{passage.avertis} comptes signalés et avertis, {passage.desactives} désactivés, "
        f"{waiting} signalés en attente de leur échéance"
    )
