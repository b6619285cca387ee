"""Reading the rows of a spreadsheet that somebody sent: .xlsx, .ods or .csv, as texts."""

import csv
import io
import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lxml import etree

from services.identity.tableaux.archive import Archive, open_archive
from services.identity.tableaux.refus import FichierIllisible, FichierRefuse, FormatInconnu, TropDeLignes

_ZIP = b"PK\x03\x04"
_ODS = "application/vnd.oasis.opendocument.spreadsheet"
_COLONNES = 50
"""≈ ours: columns that are read; a list has eleven."""
_TEXTE = 4_000
"""≈ ours: characters of a cell that are read; more than any value may have, so that it is refused and not cut."""
_SEPARATEURS = (";", ",", "\t")


@dataclass(frozen=True, slots=True)
class Rangee:
    """A row that is not blank: its number as the spreadsheet shows it, and its cells, without blanks around."""

    numero: int
    cellules: Sequence[str]


def read_rows(content: bytes, *, most: int) -> Sequence[Rangee]:
    """The rows of the first sheet, at most `most`.

    Raises:
        FichierRefuse: one of its kinds, if this is no acceptable file.
    """
    rows: list[Rangee] = []
    for row in _rows(content):
        if rows and row.numero <= rows[-1].numero:
            raise FichierIllisible
        if len(rows) == most:
            raise TropDeLignes(most - 1)
        rows.append(row)
    return rows


def _rows(content: bytes) -> Iterator[Rangee]:
    for numero, cells in _cells(content):
        stripped = [cell[:_TEXTE].strip() for cell in cells[:_COLONNES]]
        while stripped and not stripped[-1]:
            stripped.pop()
        if stripped:
            yield Rangee(numero, stripped)


def _cells(content: bytes) -> Iterator[tuple[int, Sequence[str]]]:
    if not content.startswith(_ZIP):
        return _of_csv(content)
    archive = open_archive(content)
    if "xl/workbook.xml" in archive.noms:
        return _of_xlsx(archive)
    if {"content.xml", "mimetype"} <= archive.noms and archive.text("mimetype", most=100).strip() == _ODS:
        return _of_ods(archive)
    raise FormatInconnu


def _of_csv(content: bytes) -> Iterator[tuple[int, Sequence[str]]]:
    text = _decode(content)
    heading = text.lstrip("\r\n").partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(_SEPARATEURS, key=heading.count), strict=True)
    first = 1
    try:
        for cells in reader:
            yield first, cells
            first = reader.line_num + 1
    except csv.Error as error:
        raise FichierRefuse(
            f"La ligne {first} de ce fichier a des guillemets mal placés ou jamais refermés : corrigez-la."
        ) from error


def _decode(content: bytes) -> str:
    """As spreadsheets write it: UTF-8, the Unicode of Windows, or its Western characters."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = content.decode("utf-16", "replace")
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("cp1252", "replace")
    if not text.strip() or any(ord(letter) < ord(" ") and letter not in "\t\r\n" for letter in text):
        raise FormatInconnu
    return text


def _of_xlsx(archive: Archive) -> Iterator[tuple[int, Sequence[str]]]:
    sheet = _first_sheet(archive)
    shared = [_text(item) for item in archive.elements("xl/sharedStrings.xml", "si")] if _has_shared(archive) else []
    numero = 0
    for row in archive.elements(sheet, "row"):
        numero = _number(row.get("r"), numero + 1)
        cells: list[str] = []
        for cell in row.iterchildren("{*}c"):
            at = _column(cell.get("r"), len(cells))
            if at >= _COLONNES:
                break
            cells += [""] * (at + 1 - len(cells))
            cells[at] = _value(cell, shared)
        yield numero, cells


def _has_shared(archive: Archive) -> bool:
    return "xl/sharedStrings.xml" in archive.noms


def _first_sheet(archive: Archive) -> str:
    """Where the first sheet of a workbook is."""
    sheets = list(_attributes(archive, "xl/workbook.xml", "sheet"))
    relations = {
        held.get("Id", ""): held.get("Target", "")
        for held in _attributes(archive, "xl/_rels/workbook.xml.rels", "Relationship")
    }
    if not sheets:
        raise FichierIllisible
    wanted = next((value for name, value in sheets[0].items() if name.endswith("}id")), "")
    target = relations.get(wanted, "")
    return target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join("xl", target))


def _attributes(archive: Archive, nom: str, tag: str) -> Iterator[dict[str, str]]:
    for element in archive.elements(nom, tag):
        yield {str(name): str(value) for name, value in element.attrib.items()}


def _number(said: str | None, default: int) -> int:
    return int(said) if said is not None and re.fullmatch(r"[1-9]\d{0,6}", said) else default


def _column(reference: str | None, default: int) -> int:
    """The rank of a cell's column, from 0: B7 is 1."""
    letters = re.match(r"[A-Z]{1,3}", reference or "")
    if letters is None:
        return default
    rank = 0
    for letter in letters[0]:
        rank = 26 * rank + ord(letter) - ord("A") + 1
    return rank - 1


def _value(cell: etree._Element, shared: Sequence[str]) -> str:
    kind = cell.get("t", "n")
    if kind == "inlineStr":
        return "".join(_text(inline) for inline in cell.iterchildren("{*}is"))
    value = "".join(held.text or "" for held in cell.iterchildren("{*}v"))
    if kind == "s":
        rank = int(value) if value.isdecimal() and len(value) < 8 else len(shared)
        if rank >= len(shared):
            raise FichierIllisible
        return shared[rank]
    return "" if kind == "e" else value


def _text(item: etree._Element) -> str:
    """The text of a string, of all its runs; not how it is pronounced."""
    runs = [item, *item.iterchildren("{*}r")]
    return "".join(held.text or "" for run in runs for held in run.iterchildren("{*}t"))


def _of_ods(archive: Archive) -> Iterator[tuple[int, Sequence[str]]]:
    numero = 1
    for element in archive.elements("content.xml", "table-row", "table"):
        if etree.QName(element).localname == "table":
            return
        cells: list[str] = []
        for cell in element.iterchildren("{*}table-cell", "{*}covered-table-cell"):
            text = "\n".join("".join(_texts(held)) for held in cell.iterchildren("{*}p"))
            cells += [text] * min(_repeated(cell, "columns"), _COLONNES - len(cells))
        for _ in range(_repeated(element, "rows")):
            yield numero, cells
            numero += 1
            if not any(cell.strip() for cell in cells):
                numero += _repeated(element, "rows") - 1
                break


def _texts(held: etree._Element) -> Iterator[str]:
    return (str(part) for part in held.itertext())


def _repeated(element: etree._Element, what: str) -> int:
    """How many times a cell or a row stands there."""
    said = next((value for name, value in element.attrib.items() if str(name).endswith(f"}}number-{what}-repeated")), 1)
    return _number(str(said), 1)
