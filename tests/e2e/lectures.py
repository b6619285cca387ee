"""The files the platform was fed with, read again by code that imports nothing of ours: what the recount counts.

It supposes files without the faults that an import rejects: what is done of those is the business of their own tests.
"""

import csv
import json
import re
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from lxml import etree

type Etat = dict[str, Any]
"""A candidate's state, as a line of the generator's file holds it."""

_TECHNO = re.compile(r"(?:T|TERMINALE)[- ]*(STMG|STI2D|ST2S|STL|STAV|STD2A|STHR|S2TMD)\b")
_GENERALE = re.compile(r"TERMINALE +(?:GENERALE|SCIENTIFIQUE|ECONOMIQUE|LITTERAIRE)\b")
_PRO = re.compile(r"(?:TLE|TERMINALE) ?PRO")


class Eleve(NamedTuple):
    """A student of terminale, as the last file that names it says; `ine` begins with the one that is shown."""

    ine: tuple[str, ...]
    serie: str
    classe: str | None
    present: bool


type Eleves = dict[tuple[str, str], Eleve]
"""By UAI and ELEVE_ID."""


def read_series(nomenclature: Path) -> dict[str, str]:
    """The série of each MEF of terminale, by its label; the others are left out."""
    series = {}
    for mef in etree.parse(BytesIO(_xml(nomenclature))).iterfind("DONNEES/MEFS/MEF"):
        label = mef.findtext("LIBELLE_LONG") or ""
        if found := _TECHNO.match(label):
            series[mef.attrib["CODE_MEF"]] = str(found[1])
        elif _GENERALE.match(label):
            series[mef.attrib["CODE_MEF"]] = "GENERALE"
        elif _PRO.match(label):
            series[mef.attrib["CODE_MEF"]] = "PRO"
    return {str(code): serie for code, serie in series.items()}


def read_eleves(files: Iterable[Path], series: Mapping[str, str]) -> Eleves:
    """The students of terminale of these files, those who have left included.

    Raises:
        ValueError: a student is present in two schools: this recount does not follow who moves.
    """
    eleves: Eleves = {}
    for path in files:
        root = etree.parse(BytesIO(_xml(path)))
        uai = root.findtext("PARAMETRES/UAJ") or ""
        exported = _day(root.findtext("PARAMETRES/DATE_EXPORT") or "")
        before = {key for key, eleve in eleves.items() if key[0] == uai and eleve.present}
        classes, named = _classes(root), set()
        for row in root.iterfind("DONNEES/ELEVES/ELEVE"):
            serie = series.get(row.findtext("CODE_MEF") or "")
            if serie is not None:
                left = row.findtext("DATE_SORTIE")
                ine = tuple(filter(None, (row.findtext("INE_RNIE"), row.findtext("INE_BEA"))))
                key = uai, str(row.attrib["ELEVE_ID"])
                eleves[key] = Eleve(ine, serie, classes.get(key[1]), not left or _day(left) > exported)
                named.add(key)
        missing = before - named
        if len(missing) <= max(5, len(before) / 5):
            eleves |= {key: eleves[key]._replace(present=False) for key in missing}
    seen = Counter(ine for eleve in eleves.values() if eleve.present for ine in eleve.ine)
    if any(number > 1 for number in seen.values()):
        raise ValueError("a student is present in two schools")
    return eleves


def _classes(root: Any) -> dict[str, str]:
    """The class of each student: its structure of type D."""
    return {
        structures.attrib["ELEVE_ID"]: structure.findtext("CODE_STRUCTURE")
        for structures in root.iterfind("DONNEES/STRUCTURES/STRUCTURES_ELEVE")
        for structure in structures.iterfind("STRUCTURE")
        if structure.findtext("TYPE_STRUCTURE") == "D"
    }


def last_states(files: Iterable[Path], session: int) -> Iterator[Etat]:
    """The last state of each candidate of the session."""
    last: dict[str, Etat] = {}
    for path in files:
        for line in path.read_text(encoding="utf-8").splitlines():
            etat: Etat = json.loads(line)
            held = last.get(etat["candidat"])
            if etat["session"] == session and (held is None or held["version"] < etat["version"]):
                last[etat["candidat"]] = etat
    yield from last.values()


def read_offre(path: Path, session: int) -> dict[str, dict[str, str]]:
    """The rows of the offer, by id of the formation."""
    return {f"{session}/{row['cod_aff_form']}": row for row in _rows(path)}


def read_academies(path: Path) -> dict[str, str]:
    """The slug of the académie of each school."""
    return {row["uai"]: _slug(row["academie"]) for row in _rows(path)}


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text, delimiter=";"))


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z]+", "-", plain.lower()).strip("-")


def _xml(path: Path) -> bytes:
    if path.suffix != ".zip":
        return path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        (name,) = archive.namelist()
        return archive.read(name)


def _day(text: str) -> date:
    return datetime.strptime(text, "%d/%m/%Y").date()  # noqa: DTZ007 - a day, of no zone
