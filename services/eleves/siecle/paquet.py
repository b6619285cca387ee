"""Opening what a school sends: an XML document, or a zip archive of one (domaine.md §5.1).

Whatever comes is hostile until proved otherwise: sizes are counted while reading, never believed.
"""

import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO, Protocol

from services.eleves.siecle.refus import (
    ArchiveChiffree,
    ArchiveIllisible,
    ArchiveImbriquee,
    ArchiveInattendue,
    BombeDeDecompression,
    CheminInterdit,
    FichierTropVolumineux,
    FichierVide,
    FormatInconnu,
)

_MEGA = 1024 * 1024
_ZIP = b"PK"
_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_ARCHIVES = frozenset({".zip", ".jar", ".7z", ".rar", ".gz", ".bz2", ".xz", ".tar", ".tgz"})
_ENCRYPTED = 0x1
_COMPRESSIONS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""What SIECLE and systems write. The others unpack without limit before a byte can be counted."""


@dataclass(frozen=True, slots=True)
class Limites:
    """How large a file may be: ≈ ours, more than twice what is plausible.

    The largest lycée, 2,500 students of all levels, gives ≈ 15 MB of XML and a zip 20 times smaller; our generator's
    files, which are leaner, have 7 MB and compress 30 times (measured).

    Args:
        envoi: bytes sent.
        document: bytes of XML, once out of the archive.
        ratio: bytes of XML for one of the archive; text of this kind never goes beyond 60.
        balises: elements and attributes of a document. Each takes memory whatever its length, some 200 bytes while the
            document is read (measured), and an export has one in 43 bytes (measured): 15 MB have 350,000.
        eleves: rows of students of a document.
        membres: files and folders of an archive; SIECLE puts one into it, and some systems add a few of their own.
        repertoire: bytes of what an archive says of its files, which are read at once: some 100 for each of them, and
            its comment may have 64 KB.
    """

    envoi: int = 64 * _MEGA
    document: int = 128 * _MEGA
    ratio: int = 200
    balises: int = 900_000
    eleves: int = 10_000
    membres: int = 50
    repertoire: int = 128 * 1024


LIMITES = Limites()


class Flux(Protocol):
    """What a document is read from."""

    def read(self, size: int = -1, /) -> bytes: ...


@dataclass(slots=True)
class Document:
    """An XML document that was sent, which can be read from its start more than once.

    Args:
        nom: how the person calls it.
    """

    nom: str
    limites: Limites
    _source: IO[bytes]
    _membre: zipfile.ZipInfo | None = None
    _archive: zipfile.ZipFile | None = field(default=None, repr=False)

    @contextmanager
    def open(self) -> Iterator[Flux]:
        """The bytes of the document, from the first.

        Raises, while reading:
            FichierTropVolumineux, BombeDeDecompression: more comes out than may.
            ArchiveIllisible: the archive is damaged.
        """
        if self._archive is None or self._membre is None:
            self._source.seek(0)
            yield _Compte(self.nom, self._source, self.limites.document)
            return
        try:
            with self._open_member(self._archive, self._membre) as contenu:
                yield _Decompresse(
                    self.nom, contenu, self.limites.document, ratio_limit=self._ratio_limit(self._membre)
                )
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as error:
            raise _illisible(self.nom) from error

    def _open_member(self, archive: zipfile.ZipFile, membre: zipfile.ZipInfo) -> IO[bytes]:
        try:
            return archive.open(membre)
        except ValueError as error:  # a place before the archive's start, a name that is no text
            raise _illisible(self.nom) from error

    def _ratio_limit(self, membre: zipfile.ZipInfo) -> int:
        # Small archives of small files compress as they like.
        return max(_MEGA, membre.compress_size * self.limites.ratio)


@dataclass(slots=True)
class _Compte:
    nom: str
    source: Flux
    most: int
    count: int = 0

    def read(self, size: int = -1, /) -> bytes:
        data = self.source.read(size)
        self.count += len(data)
        if self.count > self.most:
            raise _trop_volumineux(self.nom, self.most)
        return data


@dataclass(slots=True)
class _Decompresse(_Compte):
    ratio_limit: int = 0

    def read(self, size: int = -1, /) -> bytes:
        data = _Compte.read(self, size)
        if self.count > self.ratio_limit:
            raise BombeDeDecompression(
                f"Le contenu de l'archive « {self.nom} » est anormalement comprimé : elle n'a pas été lue ; refaites "
                "l'export depuis SIECLE."
            )
        return data


@dataclass(slots=True)
class _Repertoire:
    """An archive as its directory is read: at once, and as long as the archive itself says that it is."""

    nom: str
    source: IO[bytes]
    most: int

    def read(self, size: int = -1, /) -> bytes:
        data = self.source.read(self.most + 1 if size < 0 else min(size, self.most + 1))
        if len(data) > self.most:
            raise _inattendue(self.nom)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        return self.source.seek(offset, whence)

    def tell(self) -> int:
        return self.source.tell()

    def seekable(self) -> bool:
        return True


def open_document(source: IO[bytes], nom: str, *, limites: Limites = LIMITES) -> Document:
    """The one XML document that `source` is or holds.

    Args:
        source: what was sent, seekable; the caller closes it, after its last use of the document.
        nom: how the person called it; only for messages.
        limites: how large it may be.

    Raises:
        FichierRefuse: one of its kinds, if this is no acceptable file.
    """
    size = source.seek(0, os.SEEK_END)
    if size == 0:
        raise FichierVide(f"Le fichier « {nom} » est vide : refaites l'export depuis SIECLE.")
    if size > limites.envoi:
        raise _trop_volumineux(nom, limites.envoi)
    source.seek(0)
    head = source.read(512)
    if head.startswith(_ZIP):
        return _open_archive(source, nom, limites)
    if _looks_like_xml(head):
        return Document(nom, limites, source)
    raise FormatInconnu(
        f"Le fichier « {nom} » n'est ni une archive zip ni un document XML : envoyez l'export de SIECLE tel quel, "
        "sans l'ouvrir ni le convertir."
    )


def _looks_like_xml(head: bytes) -> bool:
    # UTF-16 is let through: it is XML, and its encoding is refused by its name.
    return head.removeprefix(_BOM).lstrip().startswith(b"<") or head.startswith(_UTF16)


def _open_archive(source: IO[bytes], nom: str, limites: Limites) -> Document:
    try:
        with zipfile.ZipFile(_Repertoire(nom, source, limites.repertoire)) as listed:
            count = len(listed.infolist())
        if count > limites.membres:
            raise _inattendue(nom)
        archive = zipfile.ZipFile(source)
        membres = [membre for membre in archive.infolist() if not _is_noise(membre)]
    except (zipfile.BadZipFile, NotImplementedError, ValueError, UnicodeDecodeError) as error:
        raise _illisible(nom) from error
    for membre in membres:
        _check_member(membre, nom)
    if len(membres) != 1 or not membres[0].filename.lower().endswith(".xml"):
        raise _inattendue(nom)
    (membre,) = membres
    if membre.file_size > limites.document:
        raise _trop_volumineux(nom, limites.document)
    document = Document(nom, limites, source, membre, archive)
    with document.open() as flux:
        head = flux.read(512)
    if not head:
        raise FichierVide(f"Le document que contient « {nom} » est vide : refaites l'export depuis SIECLE.")
    if head.startswith(_ZIP):
        raise _imbriquee(nom)
    if not _looks_like_xml(head):
        raise FormatInconnu(f"L'archive « {nom} » ne contient pas un document XML : refaites l'export depuis SIECLE.")
    return document


def _is_noise(membre: zipfile.ZipInfo) -> bool:
    """Folders, and what some systems add to archives by themselves."""
    name = membre.filename
    return membre.is_dir() or name.startswith("__MACOSX/") or name.rpartition("/")[2] in {".DS_Store", "Thumbs.db"}


def _check_member(membre: zipfile.ZipInfo, nom: str) -> None:
    # `filename` has lost what follows a null byte and its backslashes on some systems; the name as written has not.
    written = membre.orig_filename
    path = PurePosixPath(written.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or "\x00" in written or ":" in written:
        raise CheminInterdit(
            f"L'archive « {nom} » contient un nom de fichier interdit : refaites l'export depuis SIECLE."
        )
    if membre.flag_bits & _ENCRYPTED:
        raise ArchiveChiffree(
            f"L'archive « {nom} » est protégée par un mot de passe : envoyez l'export de SIECLE sans le protéger."
        )
    if path.suffix.lower() in _ARCHIVES:
        raise _imbriquee(nom)
    if membre.compress_type not in _COMPRESSIONS:
        raise _illisible(nom)


def _trop_volumineux(nom: str, most: int) -> FichierTropVolumineux:
    return FichierTropVolumineux(
        f"Le fichier « {nom} » dépasse la taille permise ({most / _MEGA:g} Mo) : envoyez l'export de votre seul "
        "établissement."
    )


def trop_nombreux(nom: str, what: str) -> FichierTropVolumineux:
    """`what` has more than the limits allow."""
    return FichierTropVolumineux(
        f"Le fichier « {nom} » contient plus de {what}, ce qu'aucun établissement n'atteint : envoyez l'export de "
        "votre seul établissement."
    )


def _illisible(nom: str) -> ArchiveIllisible:
    return ArchiveIllisible(f"L'archive « {nom} » est endommagée ou illisible : refaites l'export depuis SIECLE.")


def _imbriquee(nom: str) -> ArchiveImbriquee:
    return ArchiveImbriquee(f"L'archive « {nom} » contient une autre archive : envoyez celle-ci directement.")


def _inattendue(nom: str) -> ArchiveInattendue:
    return ArchiveInattendue(
        f"L'archive « {nom} » doit contenir un document XML, et un seul : envoyez chaque export de SIECLE dans sa "
        "propre archive."
    )
