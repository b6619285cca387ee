"""`python -m generateur`: writes fictitious files, the same for the same seed."""

from pathlib import Path

import click

from generateur import offre
from socle.academies import academie_by_slug


@click.group(help="Fictitious data for demonstrations and tests: the same seed gives the same bytes.")
@click.option("--graine", default=2025, help="The seed.")
@click.pass_context
def main(context: click.Context, graine: int) -> None:
    """Keep the seed for the command."""
    context.obj = graine


@main.command("offre", help="An offer and its lycées: DOSSIER/offre.csv and DOSSIER/lycees.csv.")
@click.argument("dossier", type=click.Path(path_type=Path))
@click.option("--academie", default="creteil", help="Slug of the académie.")
@click.option("--lycees", default=12)
@click.option("--superieurs", default=4)
@click.option("--formations", default=120)
@click.pass_obj
def write_offre(graine: int, dossier: Path, academie: str, lycees: int, superieurs: int, formations: int) -> None:
    """Write both files."""
    made = offre.generate(
        academie_by_slug(academie), lycees=lycees, superieurs=superieurs, formations=formations, seed=graine
    )
    dossier.mkdir(parents=True, exist_ok=True)
    offre.write_offre(made, dossier / "offre.csv")
    offre.write_lycees(made, dossier / "lycees.csv")


if __name__ == "__main__":
    main()
