"""Reading a table as the national open data are published: `;`, UTF-8, a heading line; bad rows are told one by one.

A row is a line: none of the national files has a line break within quotes, and so a quote that is never closed costs
its own row and no other.
"""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kit.errors import Refusal

_SEPARATOR = ";"


class FichierRefuse(Refusal):
    """The file as a whole cannot be read; nothing is loaded."""

    code = "FICHIER_REFUSE"


class ValeurRefusee(Exception):
    """A value of a row is wrong, so the row is left out."""

    def __init__(self, colonne: str, raison: str) -> None:
        super().__init__(raison)
        self.colonne = colonne
        self.raison = raison


@dataclass(frozen=True, slots=True)
class Remarque:
    """Something about one row: where, and what."""

    ligne: int
    colonne: str
    raison: str


@dataclass(frozen=True, slots=True)
class Ligne:
    """A row as read: its number in the file (the heading is line 1) and its values by column."""

    numero: int
    valeurs: dict[str, str]


@dataclass(slots=True)
class Lecture[T]:
    """What reading gave: the good rows, and what is to be said of the others and of some of the good ones."""

    bonnes: list[T] = field(default_factory=list)
    rejets: list[Remarque] = field(default_factory=list)
    avertissements: list[Remarque] = field(default_factory=list)

    def collect(self, ligne: Ligne, parse: Callable[[Ligne], T]) -> None:
        """Keep what `parse` makes of `ligne`, or say why it is left out, and nothing else of it."""
        said = len(self.avertissements)
        try:
            self.bonnes.append(parse(ligne))
        except ValeurRefusee as refus:
            del self.avertissements[said:]
            self.rejets.append(Remarque(ligne.numero, refus.colonne, refus.raison))


def read_columns(path: Path) -> frozenset[str]:
    """The columns of the heading line.

    Raises:
        FichierRefuse: there is no such file, it is empty, not UTF-8, or not separated by semicolons.
    """
    return frozenset(_heading(path, next(_lines(path), "")))


def require_columns(path: Path, columns: frozenset[str], required: tuple[str, ...]) -> None:
    """Check that the required columns are there.

    Raises:
        FichierRefuse: some are not; it names them.
    """
    missing = [name for name in required if name not in columns]
    if missing:
        raise FichierRefuse(
            f"Il manque au fichier {path.name} les colonnes : {', '.join(missing)}. Ajoutez-les puis rechargez-le."
        )


def read_rows(path: Path, rejets: list[Remarque]) -> Iterator[Ligne]:
    """The rows, each value stripped; one that cannot be split into as many values as the heading goes to `rejets`.

    Blank lines are no rows.

    Raises:
        FichierRefuse: as `read_columns`.
    """
    lines = _lines(path)
    heading = _heading(path, next(lines, ""))
    for numero, line in enumerate(lines, 2):
        if not line.strip():
            continue
        try:
            values = _split(line)
        except csv.Error:
            rejets.append(Remarque(numero, "", "guillemets mal placés ou jamais refermés, ou valeur démesurée"))
            continue
        if len(values) != len(heading):
            rejets.append(Remarque(numero, "", f"{len(values)} valeurs au lieu de {len(heading)}"))
            continue
        yield Ligne(numero, dict(zip(heading, map(str.strip, values), strict=True)))


def _heading(path: Path, line: str) -> list[str]:
    if not line.strip():
        raise FichierRefuse(f"Le fichier {path.name} est vide : choisissez un fichier avec une ligne de titres.")
    try:
        heading = _split(line)
    except csv.Error:
        raise FichierRefuse(f"La ligne de titres du fichier {path.name} est illisible : vérifiez-la.") from None
    if len(heading) == 1:
        raise FichierRefuse(
            f"Le fichier {path.name} n'a qu'une colonne : enregistrez-le avec le point-virgule comme séparateur."
        )
    return heading


def _split(line: str) -> list[str]:
    (values,) = csv.reader([line], delimiter=_SEPARATOR, strict=True)
    return values


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8-sig") as text:
            yield from text
    except OSError as error:
        raise FichierRefuse(f"Le fichier {path.name} ne peut pas être lu : vérifiez son nom.") from error
    except UnicodeDecodeError as error:
        raise FichierRefuse(f"Le fichier {path.name} n'est pas en UTF-8 : enregistrez-le dans cet encodage.") from error
