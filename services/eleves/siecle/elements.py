"""Parsing a document as it streams, with everything off that an attack could use."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lxml import etree

from services.eleves.siecle.paquet import Document
from services.eleves.siecle.refus import XmlMalForme

_PROBE = 64 * 1024
"""≈ ours: bytes in which the root element begins, whatever comes before it."""

_WIDEST_LINE = 65_535
"""What libxml2 keeps of a line in an element: sixteen bits."""

_SAFE: dict[str, Any] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}


def read_root(document: Document, encoding: str) -> tuple[str, str]:
    """The name of the root element and its VERSION, from the first bytes alone.

    Raises:
        XmlMalForme: there is none.
    """
    parser = etree.XMLPullParser(events=("start",), encoding=encoding, **_SAFE)
    with document.open() as flux, _syntax_errors(document):
        parser.feed(flux.read(_PROBE))
        events: Iterator[tuple[str, Any]] = iter(parser.read_events())
        for _event, element in events:
            return str(element.tag), str(element.get("VERSION", ""))
    raise _mal_forme(document, 1)


def read_elements(document: Document, encoding: str, *tags: str) -> Iterator[etree._Element]:
    """The elements of these names, as each ends; one is emptied when the next is asked for.

    Raises:
        XmlMalForme: the document is truncated or not well-formed, which may show at its end only.
        FichierRefuse: as `Document.open`.
    """
    with document.open() as flux, _syntax_errors(document):
        for _event, element in etree.iterparse(flux, events=("end",), tag=tags, encoding=encoding, **_SAFE):
            yield element
            element.clear(keep_tail=False)


def texts(element: etree._Element) -> dict[str, str]:
    """The text of each child, by its name, without blanks around; one without text is left out."""
    return {child.tag: text.strip() for child in element if (text := child.text) is not None}


def line_of(element: etree._Element) -> int:
    """The line of its start tag, once it has ended."""
    known: Any = element  # the stubs do not type `sourceline`
    line = int(known.sourceline or 0)
    if line < _WIDEST_LINE:
        return line
    # An element holds no larger number: libxml2 then tells the line on which its first text ends.
    return line - (element.text or "").count("\n")


@contextmanager
def _syntax_errors(document: Document) -> Iterator[None]:
    try:
        yield
    except etree.XMLSyntaxError as error:
        raise _mal_forme(document, error.lineno or 1) from error


def _mal_forme(document: Document, ligne: int) -> XmlMalForme:
    return XmlMalForme(
        f"Le fichier « {document.nom} » est tronqué ou mal formé (ligne {ligne}) : refaites l'export depuis SIECLE."
    )
