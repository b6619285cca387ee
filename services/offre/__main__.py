"""`python -m services.offre`: the common commands, and the loading of the offer and of the lycées."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import click

from kit.app.command_line import Commands
from kit.mongo import Database, Transactor
from kit.mongo.migrations import generation
from services.offre.app import create_app, subscriptions
from services.offre.chargement import formations, lycees
from services.offre.chargement.tableau import Lecture, Remarque
from services.offre.schema import SCHEMA
from services.offre.settings import OffreSettings
from services.offre.store import LAYOUT, Work, transactor
from services.offre.usecases import Bilan, load_formations, load_lycees

COMMANDS = Commands(
    name="offre",
    settings=OffreSettings,
    http_port=lambda settings: settings.offre_port,
    app=create_app,
    layout=LAYOUT,
    schema=SCHEMA,
    subscriptions=subscriptions,
)
main = COMMANDS.group()


@main.command("charger-formations", help="Load the offer of a session from a file with the national columns.")
@click.argument("fichier", type=click.Path(path_type=Path))
@click.option("--session", type=int, help="Year of the session; by default the current one.")
def load_formations_command(fichier: Path, session: int | None) -> None:
    """Load what can be; say the rows that could not."""
    settings = COMMANDS.load()

    async def body(transact: Transactor[Work]) -> tuple[str, Lecture[formations.LigneOffre]]:
        lecture = formations.read(fichier, session=session or settings.session_courante)
        etablissements, loaded = await load_formations(transact, lecture.bonnes)
        return f"{_say('établissements', etablissements)}\n{_say('formations', loaded)}", lecture

    _report(*_run(body))


@main.command("charger-lycees", help="Load the lycées from a file with the columns of the national directory.")
@click.argument("fichier", type=click.Path(path_type=Path))
def load_lycees_command(fichier: Path) -> None:
    """Load what can be; say the rows that could not."""

    async def body(transact: Transactor[Work]) -> tuple[str, Lecture[lycees.LigneLycee]]:
        lecture = lycees.read(fichier)
        return _say("lycées", await load_lycees(transact, lecture.bonnes)), lecture

    _report(*_run(body))


def _run[T](body: Callable[[Transactor[Work]], Awaitable[T]]) -> T:
    async def command(database: Database) -> T:
        await LAYOUT.migrate(database)
        return await body(transactor(database, generation=await generation(database)))

    return COMMANDS.run(command)


def _say(what: str, bilan: Bilan) -> str:
    return f"{what} : {bilan.nouveaux} nouveaux, {bilan.modifies} modifiés, {bilan.inchanges} inchangés"


def _report(summary: str, lecture: Lecture[formations.LigneOffre] | Lecture[lycees.LigneLycee]) -> None:
    click.echo(summary)
    _list("lignes rejetées", lecture.rejets)
    _list("avertissements", lecture.avertissements)


def _list(title: str, remarques: Sequence[Remarque]) -> None:
    click.echo(f"{title} : {len(remarques)}")
    for remarque in remarques:
        click.echo(f"  ligne {remarque.ligne}, {remarque.colonne or 'toute la ligne'} : {remarque.raison}")


if __name__ == "__main__":
    main()
