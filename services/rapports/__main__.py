"""`python -m services.rapports`: the common commands, and the check of the figures."""

import click

from kit import settings
from kit.app.command_line import Commands
from kit.mongo import Database
from services.rapports.app import create_app
from services.rapports.consumers import subscriptions
from services.rapports.domain import Ecart
from services.rapports.schema import SCHEMA
from services.rapports.settings import RapportsSettings
from services.rapports.store.candidatures import verify
from services.rapports.store.collections import LAYOUT
from services.rapports.store.lectures import Reads

COMMANDS = Commands(
    name="rapports",
    settings=RapportsSettings,
    http_port=lambda settings: settings.rapports_port,
    app=create_app,
    layout=LAYOUT,
    schema=SCHEMA,
    subscriptions=lambda database: subscriptions(database, settings.load(RapportsSettings).academies_topics),
)
main = COMMANDS.group()


@main.command("verifier", help="Count the candidates of every formation again; status 1 where a figure differs.")
def verify_chiffres() -> None:
    """Say each difference, then how many formations were counted."""

    async def command(database: Database) -> tuple[int, list[Ecart], int]:
        checked, found = await verify(database)
        return checked, found, await Reads(database).unknown_formations()

    checked, found, unknown = COMMANDS.run(command)
    for ecart in found:
        click.echo(_line(ecart))
    click.echo(f"formations comptées : {checked}, écarts : {len(found)}, inconnues de l'offre : {unknown}")
    if found:
        raise SystemExit(1)


def _line(ecart: Ecart) -> str:
    return f"{ecart.formation} : {ecart.chiffre} {ecart.stocke}, compté {ecart.compte}"


if __name__ == "__main__":
    main()
