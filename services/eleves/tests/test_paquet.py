"""Opening what a school sends: good archives are read, hostile ones are refused before anything is done."""

import io
import struct
import zipfile
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generateur.fautes import FauteFichier, spoil
from generateur.siecle import ELEVES, write_eleves, zipped
from services.eleves.siecle.lecture import read_document
from services.eleves.siecle.paquet import Limites, open_document
from services.eleves.siecle.refus import (
    ArchiveChiffree,
    ArchiveIllisible,
    ArchiveImbriquee,
    ArchiveInattendue,
    BombeDeDecompression,
    CheminInterdit,
    FichierRefuse,
    FichierTropVolumineux,
    FichierVide,
    FormatInconnu,
)
from services.eleves.tests.envois import document, ecole

GOOD = write_eleves(ecole())


def archive(*members: tuple[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in members:
            opened.writestr(name, data)
    return content.getvalue()


def bytes_of(content: bytes) -> bytes:
    with document(content, "envoi").open() as flux:
        return flux.read()


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        b"\xef\xbb\xbf" + GOOD,
        b"\n  " + GOOD,
        zipped(ELEVES, GOOD),
        archive(("export/", b""), ("export/ElevesSansAdresses.xml", GOOD)),
        archive(("ElevesSansAdresses.xml", GOOD), ("__MACOSX/._ElevesSansAdresses.xml", b"\x00"), (".DS_Store", b"x")),
    ],
    ids=["xml", "byte order mark", "blanks before", "zip", "in a folder", "what a Mac adds"],
)
def test_a_document_is_opened_zipped_or_not(content: bytes) -> None:
    assert bytes_of(content).endswith(GOOD)


def test_a_document_can_be_read_from_its_start_more_than_once() -> None:
    opened = document(zipped(ELEVES, GOOD))
    for _ in range(2):
        with opened.open() as flux:
            assert flux.read() == GOOD


@pytest.mark.parametrize(
    ("faute", "refus"),
    [
        (FauteFichier.VIDE, FichierVide),
        (FauteFichier.TEXTE, FormatInconnu),
        (FauteFichier.ZIP_TRONQUE, ArchiveIllisible),
        (FauteFichier.ZIP_PLUSIEURS, ArchiveInattendue),
        (FauteFichier.ZIP_SANS_XML, ArchiveInattendue),
        (FauteFichier.ZIP_IMBRIQUE, ArchiveImbriquee),
        (FauteFichier.ZIP_CHIFFRE, ArchiveChiffree),
        (FauteFichier.ZIP_TRAVERSEE, CheminInterdit),
        (FauteFichier.ZIP_BOMBE, BombeDeDecompression),
    ],
)
def test_a_bad_file_is_refused_by_its_name_and_says_what_to_do(faute: FauteFichier, refus: type[FichierRefuse]) -> None:
    with pytest.raises(refus, match="« envoi »") as raised:
        read_document(document(spoil(GOOD, faute), "envoi"))
    assert raised.value.champ == "fichier"
    assert " : " in raised.value.message
    assert raised.value.message.endswith(".")


@pytest.mark.parametrize(
    ("content", "refus"),
    [
        (archive(), ArchiveInattendue),
        (archive(("vide.xml", b"")), FichierVide),
        (archive(("image.xml", b"\x89PNG")), FormatInconnu),
        (archive(("renommee.xml", zipped(ELEVES, GOOD))), ArchiveImbriquee),
        (archive(("donnees.tar", b"x")), ArchiveImbriquee),
        (archive(("ElevesSansAdresses.xml", GOOD), ("lisez-moi.txt", b"x")), ArchiveInattendue),
        (archive(("/etc/ElevesSansAdresses.xml", GOOD)), CheminInterdit),
        (archive(("C:\\ElevesSansAdresses.xml", GOOD)), CheminInterdit),
        (archive(("..\\ElevesSansAdresses.xml", GOOD)), CheminInterdit),
        (b"PK", ArchiveIllisible),
        (b"PK\x03\x04" + b"\x00" * 100, ArchiveIllisible),
        (b"{}", FormatInconnu),
        (b"%PDF-1.7", FormatInconnu),
    ],
)
def test_an_archive_of_another_shape_is_refused(content: bytes, refus: type[FichierRefuse]) -> None:
    with pytest.raises(refus):
        document(content, "envoi")


@pytest.mark.parametrize("make", [lambda c: c, lambda c: zipped(ELEVES, c)], ids=["xml", "zip"])
def test_a_file_over_the_size_limit_is_refused_before_it_is_read(make: Callable[[bytes], bytes]) -> None:
    content = make(GOOD)
    with pytest.raises(FichierTropVolumineux):
        open_document(io.BytesIO(content), "envoi", limites=Limites(envoi=len(content) - 1))
    opened = open_document(io.BytesIO(content), "envoi", limites=Limites(envoi=len(content)))
    with opened.open() as flux:
        assert flux.read() == GOOD


def test_a_document_that_is_too_large_once_out_of_its_archive_is_refused() -> None:
    with pytest.raises(FichierTropVolumineux):
        open_document(io.BytesIO(zipped(ELEVES, GOOD)), "envoi", limites=Limites(document=len(GOOD) - 1))


def test_a_size_that_lies_is_not_believed() -> None:
    content = bytearray(zipped(ELEVES, b"<a>" + b" " * 5_000_000 + b"</a>"))
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = content.index(mark) + offset
        content[at : at + 4] = (100).to_bytes(4, "little")
    with pytest.raises(ArchiveIllisible):
        document(bytes(content))


def test_a_damaged_archive_is_refused_when_its_checksum_shows_it() -> None:
    content = bytearray(zipped(ELEVES, GOOD))
    content[200] ^= 0xFF
    with pytest.raises(ArchiveIllisible):
        read_document(document(bytes(content)))


def test_a_document_of_more_elements_and_attributes_than_any_school_has_is_refused_before_it_is_parsed() -> None:
    balises = GOOD.count(b"<") - GOOD.count(b"</") + GOOD.count(b"=")
    read_document(open_document(io.BytesIO(GOOD), "envoi", limites=Limites(balises=balises)))
    with pytest.raises(FichierTropVolumineux, match="éléments et attributs"):
        read_document(open_document(io.BytesIO(GOOD), "envoi", limites=Limites(balises=balises - 1)))


def folders(count: int, *, zip64: bool) -> bytes:
    """A good archive that announces that many folders too."""
    good = zipped(ELEVES, GOOD)
    end = good.rindex(b"PK\x05\x06")
    (start,) = struct.unpack_from("<I", good, end + 16)
    entry = (
        struct.pack("<4s4B4HL2L5H2L", b"PK\x01\x02", 20, 3, 20, 0, 0, 0, 0, 33, 0, 0, 0, 2, 0, 0, 0, 0, 16, 0) + b"a/"
    )
    directory = good[start:end] + entry * count
    announced = (count + 1, count + 1, len(directory), start)
    if not zip64:
        return good[:start] + directory + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, *announced, 0)
    return b"".join(
        (
            good[:start] + directory,
            struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, *announced),
            struct.pack("<4sLQL", b"PK\x06\x07", 0, start + len(directory), 1),
            struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0),
        )
    )


class Watched(io.BytesIO):
    """What is sent, and the most that was read of it at once."""

    most = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.most = max(self.most, len(data))
        return data


@pytest.mark.parametrize("zip64", [False, True])
@pytest.mark.parametrize("count", [50, 2_000, 60_000])
def test_an_archive_that_announces_files_without_end_is_refused_before_they_are_listed(
    count: int, *, zip64: bool
) -> None:
    sent = Watched(folders(count, zip64=zip64))
    with pytest.raises(ArchiveInattendue):
        open_document(sent, "envoi")
    assert sent.most < 200_000
    assert open_document(io.BytesIO(folders(49, zip64=zip64)), "envoi").nom == "envoi"


@pytest.mark.parametrize(
    ("mark", "offset", "lie"),
    [
        # The end record tells where the directory is: further than it is, so that the archive's start is before it.
        (b"PK\x05\x06", 16, 0xFFFF),
        # The name of the file itself, said to be UTF-8 by its flags, and none.
        (b"PK\x03\x04", 6, 0x0800),
    ],
    ids=["starts before the file", "a name that is no text"],
)
def test_an_archive_whose_directory_lies_is_refused(mark: bytes, offset: int, lie: int) -> None:
    content = bytearray(zipped(ELEVES, GOOD))
    at = content.index(mark) + offset
    content[at : at + 2] = lie.to_bytes(2, "little")
    if mark == b"PK\x03\x04":
        content[30] = 0xFF
    with pytest.raises(ArchiveIllisible):
        document(bytes(content))


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_by_name_or_opened(content: bytes) -> None:
    try:
        read_document(document(content))
    except FichierRefuse:
        return
    raise AssertionError("no random bytes are an export of SIECLE")


@given(st.integers(0, 4000), st.binary(min_size=1, max_size=8))
def test_an_archive_overwritten_anywhere_is_refused_or_read_whole(at: int, noise: bytes) -> None:
    good = zipped(ELEVES, GOOD)
    at %= len(good)
    try:
        read = read_document(document(good[:at] + noise + good[at + len(noise) :], "envoi"))
    except FichierRefuse:
        return
    assert read == read_document(document(GOOD, "envoi"))


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA], ids=["bzip2", "lzma"])
def test_a_compression_that_unpacks_without_limit_is_refused_before_a_byte_is_read(compression: int) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as made:
        made.writestr("Eleves.xml", b"<?xml version='1.0'?><BEE_ELEVES/>")
    with pytest.raises(ArchiveIllisible):
        open_document(packed, "Eleves.zip")
