"""A first look through a document: how it is really written, and that it is not dangerous to parse.

« Encoding ISO-8859-15 in the prolog, but some files hold UTF-8 all the same: check both » (domaine.md §5.1).
"""

import codecs
import re
from dataclasses import dataclass, field

from services.eleves.siecle.paquet import Document, trop_nombreux
from services.eleves.siecle.refus import DoctypeInterdit, EncodageErrone

_CHUNK = 256 * 1024
"""≈ ours: bytes looked at at once."""

_UTF8 = "utf-8"
_DECLARABLE = {
    # What exports of SIECLE declare, and what editors and scripts that save them again do. All agree with ASCII on its
    # characters, so that markup can be searched for in bytes.
    "iso-8859-15": "iso-8859-15",
    "iso-8859-1": "iso-8859-1",
    "windows-1252": "windows-1252",
    "us-ascii": _UTF8,
    "utf-8": _UTF8,
}
_DECLARATION = re.compile(rb"""\s*<\?xml\b[^>]*?\bencoding\s*=\s*["']([A-Za-z0-9._:-]+)["']""")
_FORBIDDEN = (b"<!DOCTYPE", b"<!ENTITY")
_OVERLAP = max(map(len, _FORBIDDEN)) - 1


@dataclass(slots=True)
class _Utf8:
    """Whether what was fed is UTF-8: `wrong_line` is where it first is not."""

    line: int = 1
    wrong_line: int | None = None
    _decoder: codecs.IncrementalDecoder = field(default_factory=codecs.getincrementaldecoder(_UTF8))

    def feed(self, chunk: bytes) -> None:
        if self.wrong_line is None:
            try:
                self._decoder.decode(chunk)
            except UnicodeDecodeError as error:
                self.wrong_line = self.line + error.object[: error.start].count(b"\n")
        self.line += chunk.count(b"\n")


def find_encoding(document: Document) -> str:
    """The encoding to read the document with: UTF-8 whenever its bytes are that, else the one it declares.

    Raises:
        DoctypeInterdit: it declares a document type or entities.
        EncodageErrone: it declares UTF-8 and is not, or declares an encoding that SIECLE does not use.
        FichierTropVolumineux: it has more elements and attributes than may be.
        FichierRefuse: as `Document.open`.
    """
    utf8 = _Utf8()
    balises = 0
    with document.open() as flux:
        chunk = flux.read(_CHUNK)
        declared = _declared_encoding(document, chunk)
        tail = b""
        while chunk:
            _refuse_doctype(document, tail + chunk)
            balises += chunk.count(b"<") - chunk.count(b"</") + chunk.count(b"=")
            if balises > (most := document.limites.balises):
                raise trop_nombreux(document.nom, f"{most} éléments et attributs")
            utf8.feed(chunk)
            tail = chunk[-_OVERLAP:]
            chunk = flux.read(_CHUNK)
    if utf8.wrong_line is None:
        return _UTF8
    if declared == _UTF8:
        raise EncodageErrone(
            f"Le fichier « {document.nom} » s'annonce en UTF-8 et ne l'est pas (ligne {utf8.wrong_line}) : refaites "
            "l'export depuis SIECLE, sans l'ouvrir ni l'enregistrer dans un autre logiciel."
        )
    return declared


def _declared_encoding(document: Document, head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\x00" in head[:2]:
        raise _other_encoding(document, "UTF-16")
    found = _DECLARATION.match(head.removeprefix(codecs.BOM_UTF8))
    if found is None:
        return _UTF8
    name = found[1].decode("ascii")
    known = _DECLARABLE.get(name.lower())
    if known is None:
        raise _other_encoding(document, name)
    return known


def _other_encoding(document: Document, name: str) -> EncodageErrone:
    return EncodageErrone(
        f"Le fichier « {document.nom} » est dans l'encodage {name}, que SIECLE n'emploie pas : refaites l'export en "
        "ISO-8859-15 ou en UTF-8."
    )


def _refuse_doctype(document: Document, data: bytes) -> None:
    if any(mark in data for mark in _FORBIDDEN):
        raise DoctypeInterdit(
            f"Le fichier « {document.nom} » contient une déclaration DOCTYPE ou ENTITY, qu'aucun export de SIECLE ne "
            "contient : refaites l'export."
        )
