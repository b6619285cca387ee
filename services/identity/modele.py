"""The model of a list of persons to invite: its columns, and what goes into them."""

import csv
import io
from collections.abc import Iterable
from typing import IO

from openpyxl import Workbook
from openpyxl.utils import get_column_letter

from services.identity.domain.listes import PROFILS, ROLES, TITRES

_WIDTH = 26


def write_csv(file: IO[bytes]) -> None:
    """Write the row of headings, as French spreadsheets open it."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=True)
    try:
        csv.writer(text, delimiter=";").writerow(titre.titre for titre in TITRES.values())
    finally:
        text.detach()


def write_xlsx(file: IO[bytes]) -> None:
    """Write a workbook of which the first sheet is to be filled in, and the second says how."""
    workbook = Workbook()
    sheet = workbook.worksheets[0]
    sheet.title = "Personnes à inviter"
    sheet.append([titre.titre for titre in TITRES.values()])
    sheet.freeze_panes = "A2"
    guide = workbook.create_sheet("Mode d'emploi")
    for row in _guide():
        guide.append(row)
    for held in workbook.worksheets:
        for rank in range(1, held.max_column + 1):
            held.column_dimensions[get_column_letter(rank)].width = _WIDTH
    workbook.save(file)


def _guide() -> Iterable[tuple[str, ...]]:
    yield "Colonne", "Obligatoire", "Contenu"
    for titre in TITRES.values():
        yield titre.titre, "oui" if titre.obligatoire else "non", titre.contenu
    yield ("",)
    yield "Rôle", "Code", ""
    yield from ((nom, role, "") for role, nom in ROLES.items())
    yield ("",)
    yield "Profil", "Code", ""
    yield from ((nom, profil, "") for profil, nom in PROFILS.items())
