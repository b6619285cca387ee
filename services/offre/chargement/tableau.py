"""Reading a table as the national open data are published: `;`, UTF-8, a heading line; bad rows are told one by one."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

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
        """Keep what `parse` makes of `ligne`, or say why it is left out."""
        try:
            self.bonnes.append(parse(ligne))
        except ValeurRefusee as refus:
            self.rejets.append(Remarque(ligne.numero, refus.colonne, refus.raison))


def read_columns(path: Path) -> frozenset[str]:
    """The columns of the heading line.

    Raises:
        FichierRefuse: there is no such file, it is empty, not UTF-8, or not separated by semicolons.
    """
    with _opened(path) as text:
        try:
            heading = next(csv.reader(text, delimiter=_SEPARATOR), None)
        except UnicodeDecodeError as error:
            raise _not_utf8(path) from error
    if not heading:
        raise FichierRefuse(f"Le fichier {path.name} est vide : choisissez un fichier avec une ligne de titres.")
    if len(heading) == 1:
        raise FichierRefuse(
            f"Le fichier {path.name} n'a qu'une colonne : enregistrez-le avec le point-virgule comme séparateur."
        )
    return frozenset(heading)


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
    """The rows, each value stripped; one that has not as many values as the heading goes to `rejets`.

    Raises:
        FichierRefuse: as `read_columns`.
    """
    with _opened(path) as text:
        reader = csv.reader(text, delimiter=_SEPARATOR)
        try:
            heading = next(reader)
            for values in reader:
                if len(values) != len(heading):
                    raison = f"{len(values)} valeurs au lieu de {len(heading)}"
                    rejets.append(Remarque(reader.line_num, "", raison))
                    continue
                stripped = (value.strip() for value in values)
                yield Ligne(reader.line_num, dict(zip(heading, stripped, strict=True)))
        except UnicodeDecodeError as error:
            raise _not_utf8(path) from error


def _opened(path: Path) -> TextIO:
    try:
        return path.open(encoding="utf-8-sig", newline="")
    except OSError as error:
        raise FichierRefuse(f"Le fichier {path.name} ne peut pas être lu : vérifiez son nom.") from error


def _not_utf8(path: Path) -> FichierRefuse:
    return FichierRefuse(f"Le fichier {path.name} n'est pas en UTF-8 : enregistrez-le dans cet encodage.")
