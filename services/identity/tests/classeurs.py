"""Workbooks for tests, as spreadsheets write them."""

import io
import zipfile
from collections.abc import Sequence
from xml.sax.saxutils import escape

from openpyxl import Workbook

TITRES = ("Courriel", "Nom", "Prénom", "Rôle", "UAI", "Classes", "Profil")
_ODS = "application/vnd.oasis.opendocument.spreadsheet"
_CONTENT = (
    '<?xml version="1.0" encoding="UTF-8"?><office:document-content '
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>'
    '<table:table table:name="Feuille1">{rows}</table:table><table:table table:name="Autre"><table:table-row>'
    "<table:table-cell><text:p>ailleurs</text:p></table:table-cell></table:table-row></table:table>"
    "</office:spreadsheet></office:body></office:document-content>"
)


def csv_of(rows: Sequence[Sequence[str]], *, separator: str = ";", encoding: str = "utf-8-sig") -> bytes:
    return "".join(separator.join(row) + "\r\n" for row in rows).encode(encoding)


def xlsx_of(rows: Sequence[Sequence[object]]) -> bytes:
    workbook = Workbook()
    sheet = workbook.worksheets[0]
    for row in rows:
        sheet.append(list(row))
    workbook.create_sheet("Autre").append(["ailleurs"])
    file = io.BytesIO()
    workbook.save(file)
    return file.getvalue()


def ods_of(rows: Sequence[Sequence[str]]) -> bytes:
    return ods_with(
        "".join(
            "<table:table-row>"
            + "".join(f"<table:table-cell><text:p>{escape(cell)}</text:p></table:table-cell>" for cell in row)
            + "</table:table-row>"
            for row in rows
        )
    )


def ods_with(rows: str) -> bytes:
    return zip_of({"mimetype": _ODS, "content.xml": _CONTENT.format(rows=rows)})


def zip_of(members: dict[str, str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()
