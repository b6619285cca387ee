"""`python -m generateur`: writes fictitious files, and plays the candidates' site, the same for the same seed."""

import asyncio
import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import date
from itertools import chain
from pathlib import Path
from typing import TypedDict, Unpack

import click

from generateur import fautes, marginales, offre, siecle, site_candidats
from generateur.candidats import count_outside, generate_dossiers, people_of, people_outside
from generateur.dossiers import Dossier, FormationOfferte, Phase
from generateur.ecoles import Ecole, alter, generate_ecole
from generateur.fautes import FauteEleve, FauteFichier
from socle.academies import academie_by_slug

_SESSION = 2025


@click.group(help="Fictitious data for demonstrations and tests: the same seed gives the same bytes.")
@click.option("--graine", default=2025, show_default=True, help="The seed.")
@click.pass_context
def main(context: click.Context, graine: int) -> None:
    """Keep the seed for the command."""
    context.obj = graine


@main.command("offre", help="An offer and its lycées: DOSSIER/offre.csv and DOSSIER/lycees.csv.")
@click.argument("dossier", type=click.Path(path_type=Path))
@click.option(
    "--academie",
    "academies",
    multiple=True,
    default=("creteil",),
    show_default=True,
    help="Slug of the académie, several times for as much in each, or `nation` for a share in each of all.",
)
@click.option("--lycees", default=12, show_default=True)
@click.option("--superieurs", default=4, show_default=True)
@click.option("--formations", default=120, show_default=True)
@click.option("--codes/--sans-codes", default=True, show_default=True, help="Whether formations have official codes.")
@click.pass_obj
def write_offre(
    graine: int,
    dossier: Path,
    academies: tuple[str, ...],
    lycees: int,
    superieurs: int,
    formations: int,
    *,
    codes: bool,
) -> None:
    """Write both files."""
    if academies == ("nation",):
        made = offre.generate_nation(lycees=lycees, superieurs=superieurs, formations=formations, seed=graine)
    else:
        chosen = map(academie_by_slug, academies)
        made = offre.join(
            offre.generate(academie, lycees=lycees, superieurs=superieurs, formations=formations, seed=graine)
            for academie in chosen
        )
    dossier.mkdir(parents=True, exist_ok=True)
    offre.write_offre(made, dossier / "offre.csv", codes=codes)
    offre.write_lycees(made, dossier / "lycees.csv")


@main.command("siecle", help="The SIECLE files of one lycée: DOSSIER/ExportXML_*.zip, or the XML themselves.")
@click.argument("dossier", type=click.Path(path_type=Path))
@click.option("--uai", required=True)
@click.option("--session", default=_SESSION, show_default=True)
@click.option("--terminales", default=marginales.TERMINALES_MEDIANE, show_default=True, help="Students of terminale.")
@click.option("--autres", default=0, show_default=True, help="Students of other levels.")
@click.option("--encodage", type=click.Choice([siecle.LATIN, siecle.UTF8]), default=siecle.LATIN, show_default=True)
@click.option("--adresses", is_flag=True, help="ElevesAvecAdresses rather than ElevesSansAdresses.")
@click.option("--xml", is_flag=True, help="The XML documents, not zipped.")
@click.option("--suite", type=float, help="The file of a month later, with this share of students changed.")
@click.option("--fautes", "fautes_eleves", multiple=True, help="FAULT=NUMBER in students, several times.")
@click.option("--faute-fichier", type=click.Choice([*FauteFichier]), help="What is wrong with the whole file.")
@click.pass_obj
def write_siecle(
    graine: int,
    dossier: Path,
    uai: str,
    session: int,
    terminales: int,
    autres: int,
    encodage: str,
    suite: float | None,
    fautes_eleves: tuple[str, ...],
    faute_fichier: str | None,
    *,
    adresses: bool,
    xml: bool,
) -> None:
    """Write the three documents, or the one spoilt file."""
    ecole = generate_ecole(uai, session=session, terminales=terminales, autres=autres, seed=graine)
    if suite is not None:
        ecole = alter(ecole, part=suite, seed=graine)
    if fautes_eleves:
        ecole = fautes.with_faults(ecole, dict(map(_faute, fautes_eleves)), seed=graine)
    dossier.mkdir(parents=True, exist_ok=True)
    if faute_fichier is not None:
        content = fautes.spoil(siecle.write_eleves(ecole), FauteFichier(faute_fichier))
        (dossier / f"{siecle.ELEVES}-{faute_fichier}").write_bytes(content)
        return
    for name, content in _documents(ecole, encodage, adresses=adresses):
        if xml:
            (dossier / f"{name}.xml").write_bytes(content)
        else:
            (dossier / f"ExportXML_{name}.zip").write_bytes(siecle.zipped(name, content))


def _documents(ecole: Ecole, encoding: str, *, adresses: bool) -> Iterator[tuple[str, bytes]]:
    name = siecle.ELEVES_ADRESSES if adresses else siecle.ELEVES
    yield name, siecle.write_eleves(ecole, encoding=encoding, adresses=adresses)
    yield siecle.STRUCTURES, siecle.write_structures(ecole, encoding=encoding)
    yield siecle.NOMENCLATURE, siecle.write_nomenclature(ecole, encoding=encoding)


def _faute(text: str) -> tuple[FauteEleve, int]:
    name, _, count = text.partition("=")
    try:
        return FauteEleve(name), int(count or "1")
    except ValueError:
        raise click.BadParameter(f"{text}: expected FAULT=NUMBER, with one of {', '.join(FauteEleve)}") from None


class _Draw(TypedDict):
    """What says which states are drawn."""

    offre_csv: Path
    lycees: tuple[str, ...]
    hors_lycee: int | None
    session: int
    phase: str


_DRAW_OPTIONS = (
    click.option(
        "--offre", "offre_csv", required=True, type=click.Path(exists=True, path_type=Path), help="With codes."
    ),
    click.option(
        "--lycee", "lycees", multiple=True, help="UAI=TERMINALES, several times: as the command siecle made it."
    ),
    click.option(
        "--hors-lycee", type=int, help="Candidates who are in no lycée; by default a third of all, as in the nation."
    ),
    click.option("--session", default=_SESSION, show_default=True),
    click.option("--phase", type=click.Choice([phase.name for phase in Phase]), default="VOEUX", show_default=True),
)


def _draw_options[F: Callable[..., None]](command: F) -> F:
    for option in reversed(_DRAW_OPTIONS):
        command = option(command)
    return command


@main.command("candidats", help="The states of candidates, one JSON object a line, in FICHIER.")
@click.argument("fichier", type=click.Path(path_type=Path))
@_draw_options
@click.pass_obj
def write_candidats(graine: int, fichier: Path, **draw: Unpack[_Draw]) -> None:
    """Write the states at that phase."""
    with fichier.open("w", encoding="utf-8", newline="\n") as lines:
        for dossier in _dossiers(graine, draw):
            lines.write(json.dumps(asdict(dossier), ensure_ascii=False, default=_plain) + "\n")


@main.command("jouer-candidats", help="Play the candidates' own site: publish the states that `candidats` writes.")
@_draw_options
@click.option("--kafka", envvar="KAFKA_BOOTSTRAP_SERVERS", show_envvar=True, required=True, help="`host:port`, …")
@click.option("--prefixe", envvar="PREFIXE_TOPICS", show_envvar=True, default="", help="Put before the topic's name.")
@click.pass_obj
def play_candidats(graine: int, kafka: str, prefixe: str, **draw: Unpack[_Draw]) -> None:
    """Publish the states at that phase, and say how many."""
    count = asyncio.run(site_candidats.play(_dossiers(graine, draw), kafka=kafka, prefix=prefixe, say=_say))
    click.echo(f"{site_candidats.TOPIC}: {count} states published")


def _dossiers(graine: int, draw: _Draw) -> Iterator[Dossier]:
    session = draw["session"]
    formations = _read_formations(draw["offre_csv"], session)
    sized = (text.partition("=") for text in draw["lycees"])
    ecoles = (generate_ecole(uai, session=session, terminales=int(n or 0), seed=graine) for uai, _, n in sized)
    inside = [personne for ecole in ecoles for personne in people_of(ecole, seed=graine)]
    hors_lycee = count_outside(inside) if draw["hors_lycee"] is None else draw["hors_lycee"]
    people = chain(inside, people_outside(hors_lycee, seed=graine))
    return generate_dossiers(people, formations, session=session, phase=Phase[draw["phase"]], seed=graine)


def _read_formations(path: Path, session: int) -> list[FormationOfferte]:
    with path.open(encoding="utf-8", newline="") as text:
        try:
            return offre.formations_offertes(csv.DictReader(text, delimiter=";"), session=session)
        except ValueError as error:
            raise click.BadParameter(f"{path}: {error}", param_hint="--offre") from None


def _say(text: str) -> None:
    click.echo(text, err=True)


def _plain(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(type(value).__name__)


if __name__ == "__main__":
    main()
