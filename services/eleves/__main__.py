"""`python -m services.eleves`: the common commands, the making of its keys, and imports for a demonstration."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from kit.app.command_line import Commands
from kit.clock import campaign_clock
from kit.errors import Unavailable
from kit.mongo import Database
from kit.mongo.migrations import generation
from kit.settings import Mode, load
from kit.vault.keys import Fingerprints
from services.eleves.app import create_app
from services.eleves.consumers import subscriptions
from services.eleves.deps import Deps, make_deps
from services.eleves.importation import Importation
from services.eleves.imports import ImportSiecle
from services.eleves.schema import SCHEMA
from services.eleves.settings import ElevesSettings
from services.eleves.store.imports import find_import
from services.eleves.store.work import LAYOUT, transactor
from services.eleves.usecases.depots import deposit_locally
from services.eleves.usecases.fenetres import find_calendar

_POLL_SECONDS = 0.1
_CALENDAR_SECONDS = 30.0
"""≈ ours: a platform that starts has told the calendar within some seconds."""


COMMANDS = Commands(
    name="eleves",
    settings=ElevesSettings,
    http_port=lambda settings: settings.eleves_port,
    app=create_app,
    layout=LAYOUT,
    schema=SCHEMA,
    subscriptions=lambda database: subscriptions(database, load(ElevesSettings).academies_topics),
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


@main.command("importer", help="Import the SIECLE files of DOSSIER/<UAI>/, for whoever has the machine.")
@click.argument("dossier", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--session", type=int, help="Year of the session; the current one where none is given.")
def import_folder(dossier: Path, session: int | None) -> None:
    """Say what became of each school; files that were the last imported are not imported again."""
    settings = COMMANDS.load()
    vault = settings.open_vault()

    async def body(database: Database) -> None:
        fingerprints = Fingerprints(database, vault)
        await fingerprints.load(create=settings.mode is Mode.LOCAL)
        transact = transactor(database, generation=await generation(database))
        deps = make_deps(settings, database, transact, fingerprints, campaign_clock(settings.campagne_date))
        year = session or settings.session_courante
        await _wait_for_calendar(deps, year)
        for uai, fichiers in _schools(dossier):
            held = await deposit_locally(deps, session=year, uai=uai, fichiers=fichiers)
            click.echo(f"{uai} : {'déjà importé' if held is None else await _done(deps, held)}")

    COMMANDS.run(body)


async def _wait_for_calendar(deps: Deps, session: int) -> None:
    """Return once the running service has heard of the calendar, which is told as it starts."""
    deadline = time.monotonic() + _CALENDAR_SECONDS
    while True:
        try:
            await find_calendar(deps, session)
        except Unavailable:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(_POLL_SECONDS)
        else:
            return


def _schools(folder: Path) -> Iterator[tuple[str, Mapping[str, bytes]]]:
    for school in sorted(path for path in folder.iterdir() if path.is_dir()):
        yield school.name, {path.name: path.read_bytes() for path in sorted(school.iterdir())}


async def _done(deps: Deps, held: ImportSiecle) -> str:
    """What became of an import, which this process or the running service does."""
    importation = Importation()
    while not held.over:
        await importation.do_next(deps)
        await asyncio.sleep(_POLL_SECONDS)
        held = await find_import(deps.database, held.id) or held
    if held.rapport is None:
        _, message = held.refus or ("", "")
        return f"{held.etat}, {message}"
    return f"{held.rapport.acceptees} élèves retenus, {held.rapport.rejetees} lignes rejetées"


if __name__ == "__main__":
    main()
