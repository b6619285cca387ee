"""Reading what people send from a spreadsheet, whichever it is, and refusing what is none."""

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.domain.listes import TITRES as MODELE
from services.identity.modele import write_csv, write_xlsx
from services.identity.tableaux.lecture import Rangee, read_rows
from services.identity.tableaux.refus import (
    FichierIllisible,
    FichierRefuse,
    FichierTropGrand,
    FormatInconnu,
    TropDeLignes,
)
from services.identity.tests.classeurs import TITRES, csv_of, ods_of, ods_with, xlsx_of, zip_of

LEA = ("lea.martin@ac-creteil.fr", "Martin", "Léa", "Gestionnaire", "0940001A")
CELL = "<table:table-cell><text:p>{}</text:p></table:table-cell>"


def read(content: bytes, most: int = 100) -> list[Rangee]:
    return list(read_rows(content, most=most))


@pytest.mark.parametrize(
    "content",
    [
        csv_of([TITRES, LEA]),
        csv_of([TITRES, LEA], separator=",", encoding="utf-8"),
        csv_of([TITRES, LEA], separator="\t", encoding="utf-16"),
        csv_of([TITRES, LEA], encoding="cp1252"),
        xlsx_of([TITRES, LEA]),
        ods_of([TITRES, LEA]),
    ],
    ids=["csv", "commas", "unicode text", "western", "xlsx", "ods"],
)
def test_a_table_is_the_same_whatever_spreadsheet_wrote_it(content: bytes) -> None:
    assert read(content) == [Rangee(1, list(TITRES)), Rangee(2, list(LEA))]


def test_blank_rows_are_none_and_the_others_keep_the_number_that_the_spreadsheet_shows() -> None:
    rows = [TITRES, (), ("", " "), LEA]
    for content in (csv_of(rows), xlsx_of(rows), ods_of(rows)):
        assert [row.numero for row in read(content)] == [1, 4]


def test_a_row_of_a_text_file_is_where_it_begins_even_when_another_has_several_lines() -> None:
    rows = read(csv_of([TITRES, ("a", '"TG1\r\nTG2"'), LEA]))
    assert [(row.numero, row.cellules[1]) for row in rows] == [(1, "Nom"), (2, "TG1\r\nTG2"), (4, "Martin")]


def test_numbers_and_holes_of_a_workbook_are_read_as_they_are_shown() -> None:
    assert read(xlsx_of([("Classes", None, "Nom"), (301, None, "Martin")])) == [
        Rangee(1, ["Classes", "", "Nom"]),
        Rangee(2, ["301", "", "Martin"]),
    ]


def test_repeated_cells_and_rows_of_a_workbook_count_each() -> None:
    blank = '<table:table-row table:number-rows-repeated="3"><table:table-cell/></table:table-row>'
    twice = '<table:table-row table:number-rows-repeated="2">' + CELL.format("a") + "</table:table-row>"
    wide = (
        '<table:table-row><table:table-cell table:number-columns-repeated="2"><text:p>x</text:p></table:table-cell>'
        + CELL.format("y")
        + '<table:table-cell table:number-columns-repeated="16000"/></table:table-row>'
    )
    end = '<table:table-row table:number-rows-repeated="1048570"><table:table-cell/></table:table-row>'
    assert read(ods_with(blank + twice + wide + end)) == [
        Rangee(4, ["a"]),
        Rangee(5, ["a"]),
        Rangee(6, ["x", "x", "y"]),
    ]


def test_a_comment_in_a_cell_is_not_its_text() -> None:
    cell = "<table:table-cell><office:annotation><text:p>à vérifier</text:p></office:annotation><text:p>a</text:p>"
    assert read(ods_with(f"<table:table-row>{cell}</table:table-cell></table:table-row>")) == [Rangee(1, ["a"])]


def test_a_file_has_as_many_rows_as_it_may_and_no_more() -> None:
    assert len(read(csv_of([("a",)] * 4), most=4)) == 4
    for content in (csv_of([("a",)] * 5), xlsx_of([("a",)] * 5), ods_of([("a",)] * 5)):
        with pytest.raises(TropDeLignes, match="plus de 3 lignes"):
            read(content, most=4)
    million = '<table:table-row table:number-rows-repeated="1000000">' + CELL.format("a") + "</table:table-row>"
    with pytest.raises(TropDeLignes):
        read(ods_with(million))


@pytest.mark.parametrize(
    "content",
    [
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100),
        b"%PDF-1.7\n\x00",
        b"   \r\n",
        zip_of({"word/document.xml": "<a/>"}),
        zip_of({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": "<a/>"}),
    ],
    ids=["xls or password", "pdf", "blank", "docx", "odt"],
)
def test_what_is_no_table_is_refused_with_the_forms_that_are(content: bytes) -> None:
    with pytest.raises(FormatInconnu, match=r"\.xlsx ou \.ods"):
        read(content)


def test_a_quote_that_is_never_closed_is_told_with_its_line() -> None:
    with pytest.raises(FichierRefuse, match="ligne 2"):
        read(csv_of([TITRES, ('"a', "b")]))


def test_a_damaged_workbook_is_refused() -> None:
    whole = xlsx_of([TITRES, LEA])
    for content in (
        whole[: len(whole) // 2],
        zip_of({"xl/workbook.xml": "<a"}),
        zip_of({"xl/workbook.xml": "<workbook/>", "xl/_rels/workbook.xml.rels": "<Relationships/>"}),
        ods_with("<table:table-row>"),
        zip_of(
            {
                "xl/workbook.xml": '<workbook xmlns:r="r"><sheet r:id="1"/></workbook>',
                "xl/_rels/workbook.xml.rels": '<a><Relationship Id="1" Target="../../etc/passwd"/></a>',
            }
        ),
    ):
        with pytest.raises(FichierIllisible):
            read(content)


def test_rows_that_go_backwards_or_strings_that_are_not_there_are_refused() -> None:
    def workbook(rows: str) -> bytes:
        return zip_of(
            {
                "xl/workbook.xml": '<workbook xmlns:r="r"><sheet r:id="1"/></workbook>',
                "xl/_rels/workbook.xml.rels": '<a><Relationship Id="1" Target="s.xml"/></a>',
                "xl/s.xml": f"<sheet>{rows}</sheet>",
            }
        )

    assert read(workbook('<row r="2"><c r="B2"><v>1</v></c></row>')) == [Rangee(2, ["", "1"])]
    for rows in ('<row r="2"><c><v>1</v></c></row>' * 2, '<row><c t="s"><v>7</v></c></row>'):
        with pytest.raises(FichierIllisible):
            read(workbook(rows))


def test_an_archive_that_unpacks_without_end_is_refused_before_it_is_in_memory() -> None:
    bombs = (
        ods_with(f"<table:table-row>{CELL.format(' ' * 100_000) * 300}</table:table-row>"),
        ods_with("<table:table-row>" + "<a/>" * 1_100_000 + "</table:table-row>"),
        ods_with("<table:table-row " + " ".join(f'a{n}="1"' for n in range(1_000_000)) + "/>"),
        zip_of({f"f{n}": "" for n in range(501)}),
    )
    for bomb in bombs:
        assert len(bomb) < 4_000_000
        with pytest.raises(FichierTropGrand):
            read(bomb)


def test_an_entity_of_a_workbook_is_never_looked_up() -> None:
    content = ods_with("<table:table-row>" + CELL.format("&xxe;") + "</table:table-row>")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        text = archive.read("content.xml").decode()
    doctype = '<!DOCTYPE a [<!ENTITY xxe SYSTEM "file:///etc/passwd">]>'
    evil = zip_of(
        {
            "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
            "content.xml": text.replace("<office:document-content", doctype + "<office:document-content", 1),
        }
    )
    assert all("root:" not in cell for row in read(evil) for cell in row.cellules)


def test_a_workbook_with_a_password_is_refused() -> None:
    content = bytearray(xlsx_of([TITRES, LEA]))
    at = 0
    while (at := content.find(b"PK\x01\x02", at)) >= 0:
        content[at + 8] |= 0x1
        at += 4
    with pytest.raises(FichierIllisible):
        read(bytes(content))


TEXTS = st.text(st.characters(categories=["L", "N"], include_characters=" '-,;\""), min_size=1).filter(str.strip)


@given(st.lists(st.lists(TEXTS, min_size=1, max_size=5), min_size=1, max_size=5))
def test_what_a_workbook_holds_is_what_is_read(rows: list[list[str]]) -> None:
    expected = [Rangee(n, [cell.strip() for cell in row]) for n, row in enumerate(rows, 1)]
    assert read(ods_of(rows)) == expected
    assert read(xlsx_of([[f"{cell}" for cell in row] for row in rows])) == expected


def test_the_model_is_read_as_a_list_with_all_its_columns() -> None:
    for write in (write_csv, write_xlsx):
        file = io.BytesIO()
        write(file)
        assert read(file.getvalue()) == [Rangee(1, [titre.titre for titre in MODELE.values()])]
