"""Faults to put into good files, each by its name: in some students, or in the file that is sent."""

import io
import random
import struct
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum

from generateur.ecoles import Ecole, EleveFictif
from generateur.siecle import zipped


class FauteEleve(StrEnum):
    """What is wrong with a student's row."""

    INE_EN_DOUBLE = "INE_EN_DOUBLE"
    INE_INVALIDE = "INE_INVALIDE"
    INE_ABSENT = "INE_ABSENT"
    NOM_ABSENT = "NOM_ABSENT"
    NAISSANCE_IMPOSSIBLE = "NAISSANCE_IMPOSSIBLE"
    CLASSE_ABSENTE = "CLASSE_ABSENTE"
    CLASSE_INCONNUE = "CLASSE_INCONNUE"
    MEF_INCONNU = "MEF_INCONNU"
    NON_TERMINALE = "NON_TERMINALE"
    COURRIEL_ABSENT = "COURRIEL_ABSENT"
    COURRIEL_INVALIDE = "COURRIEL_INVALIDE"
    COURRIEL_EN_DOUBLE = "COURRIEL_EN_DOUBLE"
    SORTI = "SORTI"


def with_faults(ecole: Ecole, fautes: Mapping[FauteEleve, int], *, seed: int) -> Ecole:
    """The lycée with that many faulty students of each kind, no student faulty twice.

    A double makes one faulty student out of one, by giving it what the first student of the lycée has; that one, and
    the last, whom no fault touches, are left as they are.

    Raises:
        ValueError: it has not enough students.
    """
    rng = random.Random(f"fautes-{ecole.uai}-{seed}")  # noqa: S311 - fictitious data
    wanted = [faute for faute, count in fautes.items() for _ in range(count)]
    ranks = rng.sample(range(1, len(ecole.eleves) - 1), len(wanted))
    eleves = list(ecole.eleves)
    for rank, faute in zip(ranks, wanted, strict=True):
        eleves[rank] = _faulty(eleves[rank], faute, ecole)
    return replace(ecole, eleves=tuple(eleves))


def _faulty(eleve: EleveFictif, faute: FauteEleve, ecole: Ecole) -> EleveFictif:
    first = ecole.eleves[0]
    match faute:
        case FauteEleve.INE_EN_DOUBLE:
            return replace(eleve, ine_rnie=first.ine_rnie, ine_bea=None)
        case FauteEleve.CLASSE_ABSENTE:
            return replace(eleve, classe=None)
        case FauteEleve.CLASSE_INCONNUE:
            return replace(eleve, classe="INCONNUE")
        case FauteEleve.COURRIEL_EN_DOUBLE:
            return replace(eleve, courriel=first.courriel)
        case FauteEleve.SORTI:
            return replace(eleve, sortie=ecole.exportee_le.date() - timedelta(days=10))
        case _:
            return replace(eleve, balises={**eleve.balises, **_BALISES[faute]})


_BALISES: dict[FauteEleve, dict[str, str]] = {
    FauteEleve.INE_INVALIDE: {"INE_RNIE": "12345", "ID_NATIONAL": "12345"},
    FauteEleve.INE_ABSENT: {"INE_RNIE": "", "ID_NATIONAL": "", "INE_BEA": ""},
    FauteEleve.NOM_ABSENT: {"NOM_DE_FAMILLE": "", "NOM_USAGE": ""},
    FauteEleve.NAISSANCE_IMPOSSIBLE: {"DATE_NAISS": "31/02/2007"},
    FauteEleve.MEF_INCONNU: {"CODE_MEF": "26999999110"},
    FauteEleve.NON_TERMINALE: {"CODE_MEF": "20010019110"},
    FauteEleve.COURRIEL_ABSENT: {"MEL": ""},
    FauteEleve.COURRIEL_INVALIDE: {"MEL": "sans arobase"},
}


class FauteFichier(StrEnum):
    """What is wrong with what is sent; all but the last are to be refused."""

    VIDE = "VIDE"
    TEXTE = "TEXTE"
    DOCTYPE = "DOCTYPE"
    ENTITES = "ENTITES"
    RACINE = "RACINE"
    VERSION = "VERSION"
    TRONQUE = "TRONQUE"
    UTF8_MENTEUR = "UTF8_MENTEUR"
    ENCODAGE_INCONNU = "ENCODAGE_INCONNU"
    ZIP_TRONQUE = "ZIP_TRONQUE"
    ZIP_PLUSIEURS = "ZIP_PLUSIEURS"
    ZIP_SANS_XML = "ZIP_SANS_XML"
    ZIP_IMBRIQUE = "ZIP_IMBRIQUE"
    ZIP_CHIFFRE = "ZIP_CHIFFRE"
    ZIP_TRAVERSEE = "ZIP_TRAVERSEE"
    ZIP_BOMBE = "ZIP_BOMBE"
    LATIN_MENTEUR = "LATIN_MENTEUR"


def spoil(content: bytes, faute: FauteFichier) -> bytes:
    """What is sent instead of a good document of students, in ISO-8859-15."""
    return _SPOILERS[faute](content)


def _insert(content: bytes, markup: bytes) -> bytes:
    declaration, _, rest = content.partition(b"\n")
    return declaration + b"\n" + markup + b"\n" + rest


def _archive(*members: tuple[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members:
            opened.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return archive.getvalue()


def _encrypted(content: bytes) -> bytes:
    """An archive that says it is encrypted: the flag stands in both of its headers."""
    archive = bytearray(zipped("ElevesSansAdresses", content))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = archive.index(mark) + offset
        (flags,) = struct.unpack_from("<H", archive, at)
        struct.pack_into("<H", archive, at, flags | 1)
    return bytes(archive)


def _bomb(content: bytes) -> bytes:
    head = content[: content.index(b"<ELEVES>")]
    return _archive(("ElevesSansAdresses.xml", head + b" " * 40_000_000))


_ENTITIES = b'<!DOCTYPE BEE_ELEVES [<!ENTITY a "b"><!ENTITY f SYSTEM "file:///etc/hostname">]>'
_SPOILERS: dict[FauteFichier, Callable[[bytes], bytes]] = {
    FauteFichier.VIDE: lambda _: b"",
    FauteFichier.TEXTE: lambda _: b"NOM;PRENOM\nUn;Deux\n",
    FauteFichier.DOCTYPE: lambda c: _insert(c, b"<!DOCTYPE BEE_ELEVES>"),
    FauteFichier.ENTITES: lambda c: _insert(c, _ENTITIES),
    FauteFichier.RACINE: lambda c: c.replace(b"BEE_ELEVES", b"CATALOGUE"),
    FauteFichier.VERSION: lambda c: c.replace(b'VERSION="3.0"', b'VERSION="9.9"'),
    FauteFichier.TRONQUE: lambda c: c[: len(c) * 2 // 3],
    FauteFichier.UTF8_MENTEUR: lambda c: c.replace(b"ISO-8859-15", b"UTF-8", 1).replace(
        b"<PRENOM>", b"<PRENOM>\xe9", 1
    ),
    FauteFichier.ENCODAGE_INCONNU: lambda c: c.replace(b"ISO-8859-15", b"EBCDIC-FR", 1),
    FauteFichier.ZIP_TRONQUE: lambda c: zipped("ElevesSansAdresses", c)[:-60],
    FauteFichier.ZIP_PLUSIEURS: lambda c: _archive(("ElevesSansAdresses.xml", c), ("Structures.xml", c)),
    FauteFichier.ZIP_SANS_XML: lambda _: _archive(("lisez-moi.txt", b"rien")),
    FauteFichier.ZIP_IMBRIQUE: lambda c: _archive(("export.zip", zipped("ElevesSansAdresses", c))),
    FauteFichier.ZIP_CHIFFRE: _encrypted,
    FauteFichier.ZIP_TRAVERSEE: lambda c: _archive(("../../ElevesSansAdresses.xml", c)),
    FauteFichier.ZIP_BOMBE: _bomb,
    FauteFichier.LATIN_MENTEUR: lambda c: c.decode("iso-8859-15").encode("utf-8"),
}
