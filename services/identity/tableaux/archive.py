"""Opening the archive that a workbook is: hostile until proved otherwise, its sizes are counted and never believed."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any

from lxml import etree

from services.identity.tableaux.refus import FichierIllisible, FichierTropGrand

_MEMBRES = 500
"""≈ ours: files of a workbook; a sheet, its styles and its relations are some twenty, images a few more."""
_OCTETS = 16 * 1024**2
"""≈ ours: bytes of one document of it; five thousand rows of a list have three millions."""
_SIGNES = 1_000_000
"""≈ ours: « < » and « = » of a document, at most one for each element and attribute, which each take memory however
short they are; five thousand rows of a list have 420,000."""
_DEFLATED = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""What spreadsheets write. The others unpack without limit before a byte can be counted."""
_ENCRYPTED = 0x1
_SAFE: dict[str, Any] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}


@dataclass(slots=True)
class _Compte:
    """What is read, counted before it is parsed."""

    source: IO[bytes]
    octets: int = field(default=0, init=False)
    signes: int = field(default=0, init=False)

    def read(self, size: int = -1, /) -> bytes:
        data = self.source.read(size)
        self.octets += len(data)
        self.signes += data.count(b"<") + data.count(b"=")
        if self.octets > _OCTETS or self.signes > _SIGNES:
            raise FichierTropGrand
        return data


@dataclass(frozen=True, slots=True)
class Archive:
    """A workbook's documents, by name."""

    _zip: zipfile.ZipFile

    @property
    def noms(self) -> frozenset[str]:
        return frozenset(self._zip.namelist())

    def text(self, nom: str, *, most: int) -> str:
        """The beginning of a document that is plain text.

        Raises:
            FichierIllisible: it is not there, or damaged.
        """
        with self._open(nom) as flux:
            return flux.read(most).decode("utf-8", "replace")

    def elements(self, nom: str, *tags: str) -> Iterator[etree._Element]:
        """The elements of these names of a document, in whatever namespace, as each ends; it is emptied afterwards.

        Raises:
            FichierIllisible: it is not there, damaged, or no XML.
            FichierTropGrand: it has more in it than any list.
        """
        with self._open(nom) as flux:
            named = [f"{{*}}{tag}" for tag in tags]
            for _event, element in etree.iterparse(flux, events=("end",), tag=named, **_SAFE):
                yield element
                element.clear(keep_tail=False)

    @contextmanager
    def _open(self, nom: str) -> Iterator[_Compte]:
        try:
            membre = self._zip.getinfo(nom)
            if membre.flag_bits & _ENCRYPTED or membre.compress_type not in _DEFLATED:
                raise FichierIllisible
            with self._zip.open(membre) as source:
                yield _Compte(source)
        except (KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError, ValueError, EOFError) as error:
            raise FichierIllisible from error
        except etree.XMLSyntaxError as error:
            raise FichierIllisible from error


def open_archive(content: bytes) -> Archive:
    """The archive that these bytes are.

    Raises:
        FichierIllisible: they are damaged.
        FichierTropGrand: it has more files than any workbook.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, NotImplementedError, ValueError, UnicodeDecodeError) as error:
        raise FichierIllisible from error
    if len(archive.infolist()) > _MEMBRES:
        raise FichierTropGrand
    return Archive(archive)
