"""`python -m services.eleves`: the common commands, and the making of its keys."""

import click

from kit.app.command_line import Commands
from kit.mongo import Database
from kit.vault.keys import Fingerprints
from services.eleves.app import create_app, subscriptions
from services.eleves.schema import SCHEMA
from services.eleves.settings import ElevesSettings
from services.eleves.store.work import LAYOUT

COMMANDS = Commands(
    name="eleves",
    settings=ElevesSettings,
    http_port=lambda settings: settings.eleves_port,
    app=create_app,
    layout=LAYOUT,
    schema=SCHEMA,
    subscriptions=subscriptions,
)
main = COMMANDS.group()


@main.command("creer-cles", help="Make the key of fingerprints, where it is missing.")
def create_keys() -> None:
    """Twice changes nothing."""
    vault = COMMANDS.load().open_vault()

    async def body(database: Database) -> None:
        await LAYOUT.migrate(database)
        await Fingerprints(database, vault).create_missing()

    COMMANDS.run(body)
    click.echo("clés prêtes")


if __name__ == "__main__":
    main()
