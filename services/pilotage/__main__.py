"""`python -m services.pilotage`: the common commands, those of the calendar, and the check of the indicators."""

from datetime import date, datetime

import click

from kit import settings
from kit.app.command_line import Commands
from kit.mongo import Database
from kit.mongo.migrations import generation
from services.pilotage.app import create_app
from services.pilotage.consumers import subscriptions
from services.pilotage.indicateurs import Ecart
from services.pilotage.schema.subgraph import SCHEMA
from services.pilotage.settings import PilotageSettings
from services.pilotage.store.calendriers import transactor
from services.pilotage.store.layout import LAYOUT
from services.pilotage.store.verification import verify
from services.pilotage.usecases import load_shipped, override_window_locally
from socle.academies import ACADEMIES
from socle.fenetres import PARIS, CodeFenetre, Fenetre

COMMANDS = Commands(
    name="pilotage",
    settings=PilotageSettings,
    http_port=lambda settings: settings.pilotage_port,
    app=create_app,
    layout=LAYOUT,
    schema=SCHEMA,
    subscriptions=lambda database: subscriptions(database, settings.load(PilotageSettings).academies_topics),
)
main = COMMANDS.group()
_DAY = click.DateTime(["%Y-%m-%d"])


@main.command("charger-calendriers", help="Load the calendars that ship with the product, where a session has none.")
def load_calendars() -> None:
    """Say how many were missing."""

    async def command(database: Database) -> int:
        await LAYOUT.migrate(database)
        return await load_shipped(transactor(database, generation=await generation(database)))

    click.echo(f"calendriers : {COMMANDS.run(command)} nouveaux")


@main.command("deroger", help="Give an académie its own window, for whoever has the machine (demonstrations).")
@click.argument("session", type=int)
@click.argument("academie", type=click.Choice([academie.slug for academie in ACADEMIES]))
@click.argument("code", type=click.Choice([code.value for code in CodeFenetre]))
@click.option("--ouverture", type=_DAY, required=True)
@click.option("--echeance", type=_DAY)
@click.option("--fermeture", type=_DAY)
@click.option("--fuseau", default=PARIS, help="IANA name of the zone the days are of.")
def override(
    session: int,
    academie: str,
    code: str,
    ouverture: datetime,
    echeance: datetime | None,
    fermeture: datetime | None,
    fuseau: str,
) -> None:
    """Set it, and say its dates."""
    try:
        fenetre = Fenetre(
            code=CodeFenetre(code),
            ouverture=ouverture.date(),
            echeance=_day(echeance),
            fermeture=_day(fermeture),
            fuseau=fuseau,
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error

    async def command(database: Database) -> None:
        transact = transactor(database, generation=await generation(database))
        await override_window_locally(transact, session, academie, fenetre)

    COMMANDS.run(command)
    click.echo(f"{academie}, session {session} : {fenetre.code.libelle}, à partir du {fenetre.ouverture:%d/%m/%Y}")


@main.command("verifier", help="Count every school again, with its académie and the nation; status 1 on a difference.")
def verify_indicators() -> None:
    """Say each difference, then how many schools were counted."""
    checked, found = COMMANDS.run(verify)
    for ecart in found:
        click.echo(_line(ecart))
    click.echo(f"indicateurs : {checked} établissements comptés, {len(found)} écarts")
    if found:
        raise SystemExit(1)


def _line(ecart: Ecart) -> str:
    serie = f" {ecart.serie}" if ecart.serie else ""
    return f"{ecart.resultat}{serie} : {ecart.chiffre} {ecart.stocke}, compté {ecart.compte}"


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()


if __name__ == "__main__":
    main()
